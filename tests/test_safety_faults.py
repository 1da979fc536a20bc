"""What the gate does with plans and joint states that are old, late or out of order."""

from dataclasses import replace

import numpy as np
import pytest
from safety_oracle import (
    HOME, KNOT_DT, KNOTS, LIMITS, make_plan, PERIOD, Rig, standing_plan)
from wm_ros.safety import GateSettings, Measured
from wm_ros.types import Code

SETTINGS = GateSettings()
STOP_TIME = float((LIMITS.velocity / LIMITS.acceleration).max())


@pytest.mark.parametrize('heartbeat', [False, True])
def test_a_stale_plan_is_held(heartbeat):
    rig = Rig().cruise(1.0)
    observed, stale = rig.plan.observed, None
    while rig.status.code is not Code.STALE_PLAN:
        if heartbeat:       # a hung planner may go on sending what it once thought
            rig.plan = replace(rig.plan, solve_time=rig.now)
        rig.step()
    stale = rig.now
    assert stale - observed <= SETTINGS.plan_timeout + PERIOD + 1e-9
    assert rig.command.hold
    standing = rig.go(1.0, until=None) and rig.command.positions
    assert not rig.command.velocities.any()
    rig.go(0.5)
    np.testing.assert_array_equal(rig.command.positions, standing)


def test_a_hold_brakes_at_once_and_smoothly():
    rig = Rig().cruise(1.0, joint=1)
    rig.go(1.0, until=Code.STALE_PLAN)
    rate = 1.0 - LIMITS.acceleration[1] * PERIOD
    while rate > 0:
        assert rig.command.velocities[1] == pytest.approx(rate)
        rig.step()
        rate -= LIMITS.acceleration[1] * PERIOD
    assert rig.command.velocities[1] == 0.0


def test_a_hold_keeps_the_course():
    rig = Rig()
    rig.step()
    course = np.array([1.0, -0.5, 0.25, 0.5, 0.1, -0.1, 1.0])
    t = np.arange(KNOTS)[:, None] * KNOT_DT
    knots, rates = HOME + course * t ** 2, 2 * course * t
    rig.plan = make_plan(knots, rates, rig.now)
    rig.go(1.0, until=Code.STALE_PLAN)
    begin = rig.command.positions
    rig.go(0.5)
    moved = rig.command.positions - begin
    np.testing.assert_allclose(moved / moved[0], course, atol=1e-9)


def test_the_next_plan_goes_on_from_where_the_arm_stands():
    rig = Rig().cruise(1.0)
    rig.go(0.6)
    assert rig.status.code is Code.STALE_PLAN
    before = rig.command.positions
    rig.plan = standing_plan(rig)
    rig.step()
    assert rig.status.code is Code.OK
    np.testing.assert_array_equal(rig.command.positions, before)


def test_a_plan_from_the_future_does_not_stay_young():
    rig = Rig()
    rig.step()
    rig.plan = replace(standing_plan(rig), observed=rig.now + 0.1)
    came = rig.now
    rig.go(1.0, until=Code.STALE_PLAN)
    assert rig.now - came <= SETTINGS.plan_timeout + 2 * PERIOD
    rig.plan = replace(standing_plan(rig), observed=rig.now + 1.0)
    assert rig.step()[1].code is Code.STALE_PLAN
    assert rig.status.figures['refused'] == 1


def test_a_plan_that_has_ended_is_held():
    settings = replace(SETTINGS, plan_timeout=5.0)
    rig = Rig(settings=settings)
    rig.step()
    t = np.arange(KNOTS)[:, None] * KNOT_DT
    rig.plan = make_plan(HOME + 0.5 * t ** 2, t * np.ones(7), rig.now)
    begin = rig.now
    rig.go(2.0, until=Code.STALE_PLAN)
    assert rig.now - begin == pytest.approx(0.5, abs=2 * PERIOD)
    rig.go(0.5)
    assert not rig.command.velocities.any()


@pytest.mark.parametrize('lost', ['plan', 'input'])
def test_the_joint_that_brakes_longest_stands_in_time(lost):
    joint = int(np.argmax(LIMITS.velocity / LIMITS.acceleration))
    start = HOME.copy()
    start[joint] = LIMITS.lower[joint] + 0.2
    rig = Rig(start=start).cruise(0.99 * LIMITS.velocity[joint], joint)
    if lost == 'plan':
        last, timeout = rig.plan.observed, SETTINGS.plan_timeout
    else:
        last, timeout = rig.measured.stamp, SETTINGS.input_timeout
        rig.input = False
    while rig.command.velocities.any():
        if lost == 'input':
            rig.plan = replace(rig.plan, observed=rig.now)
        rig.step()
    assert rig.now - last <= timeout + STOP_TIME + PERIOD + 1e-9


@pytest.mark.parametrize('stuck', [False, True])
def test_stale_joint_states_are_held(stuck):
    rig = Rig().cruise(1.0)
    rig.input = False
    last = rig.measured.stamp
    while rig.status.code is not Code.STALE_INPUT:
        if stuck:       # the driver repeats itself
            rig.measured = replace(rig.measured)
        rig.plan = replace(rig.plan, observed=rig.now)
        rig.step()
    assert rig.now - last <= SETTINGS.input_timeout + PERIOD + 1e-9
    while rig.command.velocities.any():
        rig.step()
    assert rig.now - last <= SETTINGS.input_timeout + STOP_TIME + PERIOD + 1e-9
    rig.go(0.5)
    rig.input, rig.plan = True, standing_plan(rig)
    assert rig.step()[1].code is Code.OK


def test_joint_states_that_are_always_late_are_not_believed():
    rig = Rig()
    rig.step()
    rig.input = False
    begin = rig.now
    for _ in range(120):
        rig.measured = Measured(rig.now - 0.3, HOME)
        rig.plan = standing_plan(rig)
        rig.step()
        late = rig.now - begin > SETTINGS.input_timeout + PERIOD
        assert not late or rig.status.code is Code.STALE_INPUT


def test_a_joint_state_from_the_future_does_not_stay_young():
    rig = Rig()
    rig.step()
    rig.input = False
    begin = rig.now
    rig.measured = Measured(begin + 0.09, HOME)
    while rig.status.code is not Code.STALE_INPUT:
        rig.plan = standing_plan(rig)
        rig.step()
        assert rig.now - begin <= SETTINGS.input_timeout + 2 * PERIOD


def test_joint_states_out_of_order_are_passed_over():
    rig = Rig()
    rig.go(0.1)
    rig.input = False
    rig.measured = Measured(rig.now - 0.05, HOME + 0.2)
    assert rig.step()[1].figures['tracking_error'] == 0.0
    assert rig.status.figures['input_age'] < 0.02


def test_an_arm_that_follows_slowly_is_waited_for():
    """At the speed that is asked for, 1 rad/s, it would be 0.35 rad behind, and lost."""
    rig = Rig()
    rig.step()
    rig.follows, errors, course = False, [], np.array([1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0])
    for _ in range(240):
        times = np.arange(KNOTS)[:, None] * KNOT_DT
        rig.plan = make_plan(rig.command.positions + times * course,
                             np.repeat(course[None], KNOTS, axis=0), rig.now)
        rig.step()
        assert rig.status.code in (Code.OK, Code.LIMITED)
        errors.append(rig.status.figures['tracking_error'])
        rig.arm += (rig.command.positions - rig.arm) * PERIOD / 0.35
    assert 0.15 < max(errors) < 0.29 and max(errors) - errors[-1] < 0.02
    assert rig.arm[0] - HOME[0] > 0.8


def test_an_arm_that_does_not_follow_is_held_until_it_is_near_again():
    rig = Rig()
    rig.step()
    rig.follows = False
    far = HOME + 1.0
    for _ in range(240):
        rig.plan = standing_plan(rig, far)
        rig.step()
    assert rig.status.code is Code.TRACKING_ERROR
    error = np.abs(rig.command.positions - rig.arm).max()
    assert 0.3 < error < 0.8 and not rig.command.velocities.any()
    rig.arm = rig.command.positions - 0.2
    rig.plan = standing_plan(rig, far)
    assert rig.step()[1].code is Code.TRACKING_ERROR
    rig.arm = rig.command.positions - 0.1
    assert rig.step()[1].code is Code.WAITING
    np.testing.assert_array_equal(rig.command.positions, rig.arm)
    rig.now += PERIOD
    rig.plan = standing_plan(rig, far)
    assert rig.step()[1].code is Code.LIMITED


@pytest.mark.parametrize('fault', ['stale input', 'stale plan', 'clock'])
def test_no_jump_where_the_arm_was_moved_during_a_hold(fault):
    rig = Rig().cruise(0.5)
    rig.plan = standing_plan(rig, rig.command.positions)
    rig.input = fault != 'stale input'
    rig.go(0.5)
    if fault == 'clock':
        rig.step(0.0)
    assert rig.command.hold and not rig.command.velocities.any()
    rig.follows, rig.input = False, True
    rig.arm = rig.arm - 0.25
    held = rig.command.positions
    rig.plan = standing_plan(rig, held)
    rig.step()
    assert rig.status.code is Code.WAITING and rig.command.hold
    np.testing.assert_array_equal(rig.command.positions, rig.arm)
    rig.follows = True
    rig.now += PERIOD
    rig.plan = standing_plan(rig, held)
    rig.step()
    assert rig.status.code is Code.LIMITED
    assert (np.abs(rig.command.positions - held) > 0.24).all()


def test_an_arm_that_sags_a_little_is_not_gone_on_from():
    """A command that began anew at every hold would sink with the arm."""
    rig = Rig().cruise(0.5)
    rig.go(0.5)
    rig.follows, held = False, rig.command.positions
    rig.arm = held - 0.01
    rig.plan = standing_plan(rig, held)
    assert rig.step()[1].code is Code.OK
    np.testing.assert_array_equal(rig.command.positions, held)


@pytest.mark.parametrize('latched', ['stopped', 'broken', 'paused'])
def test_a_restart_begins_where_the_arm_is_whatever_is_latched(latched):
    rig = Rig().cruise(0.5)
    if latched == 'stopped':
        rig.gate.emergency_stop()
    elif latched == 'broken':
        rig.plan = replace(rig.plan, dt=np.nan)
    else:
        rig.gate.pause(True)
    rig.go(0.5)
    code = rig.status.code
    rig.gate.restart()
    rig.arm, rig.oracle.last = rig.arm + 0.5 * np.where(rig.arm > 0, -1, 1), None
    rig.input = False
    rig.measured = rig.plan = None
    assert rig.step()[0] is None
    rig.input = True
    rig.step()
    np.testing.assert_array_equal(rig.command.positions, rig.arm)
    assert rig.status.code is code and not rig.command.velocities.any()


@pytest.mark.parametrize('what', ['positions', 'velocities', 'accelerations'])
def test_a_command_that_is_not_finite_is_never_sent(monkeypatch, what):
    """Should the arithmetic ever fail: brake from the last good command, and latch."""
    rig = Rig().cruise(1.0)
    broken = rig.gate._motion.follow

    def follow(*arguments):
        result = broken(*arguments)
        getattr(rig.gate._motion, what)[3] = np.nan
        return result

    monkeypatch.setattr(rig.gate._motion, 'follow', follow)
    rig.plan = replace(rig.plan, observed=rig.now)
    assert rig.step()[1].code is Code.LATCHED
    assert 0.5 < rig.command.velocities[0] < 1.0
    rig.go(0.5)
    assert rig.status.code is Code.LATCHED and not rig.command.velocities.any()


def test_a_release_goes_on_from_an_arm_that_is_lost():
    rig = Rig()
    rig.step()
    rig.follows = False
    for _ in range(240):
        rig.plan = standing_plan(rig, HOME + 0.6)
        rig.step()
    assert rig.gate.release()
    rig.may_begin = True
    rig.step()              # what was measured before the release does not count
    rig.step()
    np.testing.assert_array_equal(rig.command.positions, rig.arm)
