"""What the gate does with plans and measurements that are not finite, or malformed."""

from dataclasses import replace

import numpy as np
import pytest
from safety_oracle import follow_standing_plans, HOME, KNOTS, LIMITS, PERIOD, Rig, standing_plan
from wm_ros.safety import GateSettings, Measured, SafetyGate
from wm_ros.types import Code

SETTINGS = GateSettings()


@pytest.mark.parametrize('field', ['stamp', 'observed', 'dt', 'positions', 'velocities',
                                   'gripper'])
@pytest.mark.parametrize('value', [np.nan, np.inf, -np.inf])
def test_a_plan_that_is_not_finite_latches(field, value):
    rig = Rig().cruise(0.5)
    good = standing_plan(rig, HOME)
    bad = getattr(good, field)
    if isinstance(bad, np.ndarray):
        bad = bad.copy()
        bad.flat[-1] = value
    else:
        bad = value
    rig.plan = replace(good, **{field: bad})
    assert rig.step()[1].code is Code.LATCHED
    follow_standing_plans(rig, 1.0)
    assert rig.status.code is Code.LATCHED and rig.command.hold
    assert not rig.command.velocities.any()
    assert 'finite' in rig.status.text
    assert rig.gate.release()
    follow_standing_plans(rig, 0.1)
    assert rig.status.code is Code.OK


MALFORMED = {
    'too few joints': lambda plan: replace(
        plan, positions=plan.positions[:, :6], velocities=plan.velocities[:, :6]),
    'one dimension': lambda plan: replace(plan, positions=plan.positions[0]),
    'ragged': lambda plan: replace(plan, velocities=plan.velocities[:-1]),
    'ragged gripper': lambda plan: replace(plan, gripper=plan.gripper[:-1]),
    'empty': lambda plan: replace(
        plan, positions=plan.positions[:0], velocities=plan.velocities[:0],
        gripper=plan.gripper[:0]),
    'huge': lambda plan: replace(plan, positions=plan.positions + 1e300),
    'dt 0': lambda plan: replace(plan, dt=0.0),
    'dt negative': lambda plan: replace(plan, dt=-0.05),
    'far future': lambda plan: replace(plan, stamp=plan.stamp + 1e9),
    'strings': lambda plan: replace(plan, positions=np.full((KNOTS, 7), 'a')),
    'objects': lambda plan: replace(plan, positions=np.full((KNOTS, 7), None)),
    'None': lambda plan: replace(plan, velocities=None),
    'text as stamp': lambda plan: replace(plan, stamp='now'),
    'no plan at all': lambda plan: object(),
    'older': lambda plan: replace(plan, observed=plan.observed - 0.1),
}


@pytest.mark.parametrize('name', MALFORMED)
def test_a_malformed_plan_is_refused_and_the_last_one_followed(name):
    rig = Rig()
    rig.step()
    follow_standing_plans(rig, 0.2)
    good = rig.plan
    rig.plan = MALFORMED[name](standing_plan(rig))
    assert rig.step()[1].code is Code.BAD_INPUT
    assert rig.status.figures['refused'] == 1 and not rig.command.hold
    assert rig.step()[1].code is Code.OK
    rig.go(1.0, until=Code.STALE_PLAN)
    assert rig.now - good.observed <= SETTINGS.plan_timeout + PERIOD + 1e-9
    follow_standing_plans(rig, 0.1)
    assert rig.status.code is Code.OK


@pytest.mark.parametrize('bad', [
    Measured(0.0, np.full(7, np.nan)), Measured(np.nan, HOME), Measured(np.inf, HOME),
    Measured(0.0, HOME[:6]), Measured(0.0, HOME + 5.0), Measured(0.0, None),
    Measured(0.0, ['a'] * 7), Measured('now', HOME), Measured(1e9, HOME), object(),
    Measured(0.0, HOME, None, np.nan)])
def test_a_malformed_measurement_is_refused(bad):
    rig = Rig()
    rig.step()
    follow_standing_plans(rig, 0.2)
    if isinstance(bad, Measured) and bad.stamp == 0.0:
        bad = replace(bad, stamp=rig.now)
    rig.input, rig.measured = False, bad
    last = rig.now
    assert rig.step()[1].code is Code.BAD_INPUT
    while rig.status.code is not Code.STALE_INPUT:
        rig.plan = standing_plan(rig, HOME)
        rig.step()
    assert rig.now - last <= SETTINGS.input_timeout + PERIOD


def test_the_gate_does_not_begin_on_a_bad_measurement():
    gate = SafetyGate(LIMITS, SETTINGS)
    command, status = gate.step(1.0, None, Measured(1.0, np.full(7, np.nan)))
    assert command is None and status.code is Code.BAD_INPUT
