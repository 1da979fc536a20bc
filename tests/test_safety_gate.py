"""What the gate makes of good plans, of its clock and of its settings."""

from dataclasses import replace

import numpy as np
import pytest
from safety_oracle import (
    HOME, KNOTS, legal_plan, LIMITS, make_plan, PERIOD, Rig, sample, standing_plan)
from wm_ros.param_table import SAFETY, TABLE
from wm_ros.safety import GateSettings, Measured, SafetyGate
from wm_ros.types import Code, ParameterError

SETTINGS = GateSettings()


def test_nothing_is_commanded_before_the_first_measurement():
    gate = SafetyGate(LIMITS, SETTINGS)
    command, status = gate.step(1.0, None, None)
    assert command is None and status.code is Code.WAITING
    command, status = gate.step(1.0 + PERIOD, None, Measured(1.0, HOME))
    np.testing.assert_array_equal(command.positions, HOME)
    assert command.hold and status.code is Code.WAITING
    assert not command.velocities.any()
    assert command.stamp == pytest.approx(1.0 + 2 * PERIOD)


@pytest.mark.parametrize('seed', range(4))
@pytest.mark.parametrize('jitter', [0.0, 0.3])
def test_a_plan_that_keeps_the_limits_passes_unmodified(seed, jitter):
    rng = np.random.default_rng(seed)
    rig = Rig()
    rig.step()
    rig.plan = replace(
        legal_plan(rng, rig.arm, np.zeros(7), rig.now + PERIOD), observed=rig.now)
    for k in range(1200):
        if k % 4 == 3:      # replanned at 30 Hz from where the arm will be
            act_at = rig.now + 0.03
            positions, velocities, _ = sample(rig.plan, act_at)
            rig.plan = replace(
                legal_plan(rng, positions, velocities, act_at), observed=rig.now)
            followed = rig.plan
        before = rig.plan
        rig.step(PERIOD * rng.uniform(1 - jitter, 1 + jitter))
        assert rig.status.code is Code.OK, rig.status
        assert rig.status.figures['deviation'] <= 1e-9
        # The plan before is followed until the new one acts.
        if k > 8 and before is followed and rig.now + PERIOD > before.stamp:
            positions, velocities, gripper = rig.wanted
            np.testing.assert_allclose(rig.command.positions, positions, atol=1e-6, rtol=0)
            np.testing.assert_allclose(rig.command.velocities, velocities, atol=1e-6, rtol=0)
            assert rig.command.gripper == pytest.approx(gripper)
            assert not rig.command.hold
    assert np.ptp(rig.arm - HOME) > 0.05


def test_an_arm_that_lags_meets_the_plan_again():
    rig = Rig()
    rig.step()
    far = HOME + np.array([0.8, 0.3, -0.5, 0.4, 0.2, -0.3, 0.6])
    lags = []
    for _ in range(240):
        rig.plan = standing_plan(rig, far)
        rig.step()
        lags.append((rig.command.positions - far) * np.sign(HOME - far))
    assert lags[0].max() > 0.5
    assert np.min(lags) >= -1e-9        # no joint overshoots
    np.testing.assert_array_equal(rig.command.positions, far)
    assert rig.status.code is Code.OK


def test_a_joint_that_is_too_slow_slows_the_others():
    rig = Rig(settings=replace(SETTINGS, speed_scale=0.2))
    rig.step()
    course = np.array([0.6, 0.3, 0.15, 0.0, 0.0, 0.0, 0.0])
    for _ in range(60):
        rig.plan = standing_plan(rig, HOME + course)
        rig.step()
    assert rig.status.code is Code.LIMITED
    assert np.abs(rig.command.velocities).max() == pytest.approx(0.2 * np.deg2rad(150))
    moved = rig.command.positions - HOME
    # Side by side with the straight line, not the fastest joint first.
    assert 0.45 < moved[1] / moved[0] < 0.9


def test_a_plan_acts_from_its_stamp_on():
    rig = Rig()
    rig.step()
    rig.plan = make_plan(np.repeat(HOME[None] + 0.1, KNOTS, axis=0), np.zeros((KNOTS, 7)),
                         stamp=rig.now + 0.05, observed=rig.now)
    while rig.now + 2 * PERIOD < rig.plan.stamp - 1e-9:
        np.testing.assert_array_equal(rig.step()[0].positions, HOME)
    rig.go(2 * PERIOD)
    assert (rig.command.positions > HOME).all()


def test_plans_that_come_faster_than_they_act_do_not_starve_each_other():
    rig = Rig()
    rig.step()
    for k in range(60):
        knots = np.repeat(HOME[None] + 0.001 * k, KNOTS, axis=0)
        rig.plan = make_plan(knots, np.zeros((KNOTS, 7)), stamp=rig.now + 0.1, observed=rig.now)
        rig.step()
    assert rig.status.code in (Code.OK, Code.LIMITED)
    assert rig.status.figures['plan_age'] < 0.12
    assert rig.command.positions[0] > 0.02


def test_the_latency_is_told_once_per_plan():
    rig = Rig()
    rig.step()
    rig.plan = make_plan(np.repeat(HOME[None], KNOTS, axis=0), np.zeros((KNOTS, 7)),
                         stamp=rig.now, observed=rig.now - 0.02)
    assert rig.step()[1].code is Code.WAITING   # observed before the gate began
    rig.plan = standing_plan(rig)
    assert rig.step()[1].figures['latency'] == pytest.approx(PERIOD)
    assert 'latency' not in rig.step()[1].figures


def test_the_gripper_keeps_its_range_and_its_speed():
    rig = Rig()
    rig.step()
    for width, end in ((0.5, 0.08), (-0.5, 0.0), (0.03, 0.03)):
        rig.plan = standing_plan(rig, gripper=np.full(KNOTS, width))
        rig.go(0.05)
        assert 0.0 < rig.command.gripper < 0.08
        for _ in range(2):
            rig.plan = standing_plan(rig, gripper=np.full(KNOTS, width))
            rig.go(0.1)
        assert rig.command.gripper == pytest.approx(end)


def test_positions_end_at_the_margin():
    rig = Rig()
    rig.step()
    for _ in range(360):
        rig.plan = standing_plan(rig, LIMITS.upper + 1.0)
        before = rig.command.velocities
        rig.step()
        # The way to the limit is braked gently, like that to any other place.
        assert (before - rig.command.velocities <= 0.6 * LIMITS.acceleration * PERIOD).all()
    np.testing.assert_allclose(rig.command.positions, LIMITS.upper - 0.02, atol=1e-9)
    assert rig.status.code is Code.LIMITED


@pytest.mark.parametrize('now', [np.nan, np.inf, -np.inf])
def test_a_clock_that_is_not_finite_brakes(now):
    rig = Rig().cruise(1.0)
    good, before = rig.now, rig.command
    command, status = rig.gate.step(now, rig.plan, rig.measured)
    rig.oracle.check(command, PERIOD)
    assert status.code is Code.BAD_INPUT and command.hold
    assert 0.0 < command.velocities[0] < before.velocities[0]
    rig.now = good
    rig.plan = replace(rig.plan, observed=rig.now)
    assert rig.step()[0].velocities[0] > 0.5


def test_a_clock_that_stands_brakes():
    rig = Rig().cruise(1.0)
    for _ in range(60):
        command, status = rig.gate.step(rig.now, rig.plan, rig.measured)
        rig.oracle.check(command, PERIOD)
        assert status.code is Code.BAD_INPUT
    assert not command.velocities.any()


def test_a_clock_that_goes_back_voids_all_stamps():
    rig = Rig().cruise(1.0)
    rig.now -= 50.0
    rig.input = False
    command, status = rig.gate.step(rig.now, rig.plan, rig.measured)
    assert status.code is Code.BAD_INPUT
    rig.oracle.check(command, PERIOD)
    assert rig.step()[1].code is Code.STALE_INPUT   # the old stamps are not believed
    rig.input = True
    rig.go(0.5)
    assert rig.status.code is Code.WAITING
    rig.plan = standing_plan(rig)
    assert rig.step()[1].code is Code.OK


@pytest.mark.parametrize('late', [1.6, 3.0, 10.0])
def test_a_late_tick_moves_no_farther_than_one_period_and_a_half(late):
    rig = Rig().cruise(2.0)
    before = rig.command
    rig.plan = replace(rig.plan, observed=rig.now + late * PERIOD)
    rig.now += late * PERIOD
    command, status = rig.gate.step(
        rig.now, rig.plan, Measured(rig.now, before.positions))
    rig.oracle.check(command, 1.5 * PERIOD)
    assert status.figures['missed'] == 1
    assert command.positions[0] - before.positions[0] > PERIOD


def test_settings_come_from_the_parameter_table():
    params = TABLE.resolve(SAFETY, {'safety.rate': 250.0, 'safety.speed_scale': 0.1})
    settings = GateSettings.from_params(params)
    assert settings.period == pytest.approx(0.004) and settings.speed_scale == 0.1
    for name in ('plan_timeout', 'input_timeout', 'position_margin', 'max_tracking_error',
                 'hold_deceleration'):
        assert getattr(settings, name) == params[f'safety.{name}']


@pytest.mark.parametrize('name, value', [
    ('rate', 0.0), ('rate', np.nan), ('plan_timeout', np.nan), ('plan_timeout', -1.0),
    ('speed_scale', 0.0), ('speed_scale', 1.5), ('hold_deceleration', 2.0),
    ('position_margin', -0.1), ('max_tracking_error', np.inf), ('sped_scale', 0.5)])
def test_bad_settings_are_refused(name, value):
    with pytest.raises(ParameterError, match=name):
        GateSettings.from_params({f'safety.{name}': value})


def test_a_margin_that_leaves_no_range_is_refused():
    with pytest.raises(ParameterError, match='margin'):
        SafetyGate(LIMITS, replace(SETTINGS, position_margin=3.0))


def test_a_jerk_limit_of_zero_is_refused():
    with pytest.raises(ParameterError, match='jerk'):
        SafetyGate(replace(LIMITS, jerk=np.zeros(7)), SETTINGS)


def test_a_lower_speed_scale_applies_at_the_next_step():
    rig = Rig().cruise(2.0)
    rig.gate.reconfigure(replace(SETTINGS, speed_scale=0.2))
    for _ in range(40):
        rig.plan = replace(rig.plan, observed=rig.now)
        rate = rig.command.velocities[0]
        rig.step()
        assert rig.command.velocities[0] <= max(
            rate - LIMITS.acceleration[0] * PERIOD, 0.2 * LIMITS.velocity[0]) + 1e-9
    assert rig.command.velocities[0] == pytest.approx(0.2 * LIMITS.velocity[0])


@pytest.mark.parametrize('name, value', [
    ('period', 0.01), ('position_margin', 0.5), ('hold_deceleration', 0.1)])
def test_static_settings_do_not_change(name, value):
    rig = Rig().cruise(0.5)
    with pytest.raises(ParameterError, match=name):
        rig.gate.reconfigure(replace(SETTINGS, **{name: value}))
    rig.step()
    assert rig.gate.settings == SETTINGS


def test_reset_begins_anew():
    rig = Rig().cruise(0.5)
    rig.gate.emergency_stop()
    rig.go(0.5)
    rig.gate.reset(HOME, 0.08)
    rig.now -= 50.0     # the next episode of a simulation begins at time 0
    rig.arm = HOME.copy()
    rig.oracle.begin(HOME, 0.08)
    rig.plan = standing_plan(rig, gripper=np.full(KNOTS, 0.08))
    assert rig.step()[1].code is Code.OK
    np.testing.assert_array_equal(rig.command.positions, HOME)
