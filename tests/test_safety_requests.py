"""What the gate does for people: pause, emergency stop, release."""

from dataclasses import replace

import numpy as np
import pytest
from safety_oracle import (
    follow_standing_plans, HOME, KNOTS, LIMITS, PERIOD, Rig, standing_plan)
from wm_ros.types import Code

STOP_TIME = float((LIMITS.velocity / LIMITS.acceleration).max())


def test_pause_brakes_and_then_falls_silent():
    rig = Rig().cruise(1.0)
    rig.gate.pause(True)
    begin = rig.now
    while not rig.gate.silent:
        rig.plan = standing_plan(rig, HOME)
        rig.step()
        assert rig.status.code is Code.PAUSED and rig.command.hold
        assert rig.now - begin < STOP_TIME + 2 * PERIOD
    standing = rig.command.positions
    rig.go(0.5)
    np.testing.assert_array_equal(rig.command.positions, standing)


@pytest.mark.parametrize('at_once', [False, True])
@pytest.mark.parametrize('seed', range(5))
def test_no_jump_after_the_arm_was_moved_in_a_pause(at_once, seed):
    rng = np.random.default_rng(seed)
    rig = Rig().cruise(0.5)
    rig.gate.pause(True)
    rig.go(0.5)
    assert rig.gate.silent
    rig.follows = False
    goal = rig.arm + rng.choice([-0.5, 0.5], 7) * (np.arange(7) != 5)
    if not at_once:
        begin = rig.arm.copy()
        for share in np.linspace(0, 1, 120):
            rig.arm = begin + share * (goal - begin)
            rig.step()
        rig.go(0.3)
        assert np.abs(rig.command.positions - goal).max() < 0.02
    rig.arm = goal
    rig.step()
    before = rig.command.positions
    rig.gate.pause(False)
    rig.may_begin = True
    # Old plans, and a new one to a place far away.
    rig.plan = standing_plan(rig, HOME)
    rig.step()
    assert rig.gate.silent      # until the arm was measured anew
    rig.step()
    bound = LIMITS.velocity * PERIOD
    assert (np.abs(rig.command.positions - rig.arm) <= bound).all()
    assert rig.status.code is not Code.PAUSED
    rig.plan = standing_plan(rig, HOME)
    rig.go(0.1)
    assert rig.status.code is Code.LIMITED
    assert not at_once or np.abs(before - goal).max() > 0.4


@pytest.mark.parametrize('stop', ['pause', 'emergency_stop', 'restart', 'no plans'])
def test_a_hand_that_holds_something_goes_on_pressing(stop):
    """Its fingers stand wider than they were told to: beginning there would let go."""
    rig = _holding()
    if stop == 'no plans':
        rig.go(0.5, Code.STALE_PLAN)
        rig.arm[1] += 0.03      # sags
        rig.follows = False
    elif stop == 'restart':
        rig.gate.restart()
    elif stop == 'pause':
        rig.gate.pause(True)
    else:
        rig.gate.emergency_stop()
    rig.go(0.5)
    rig.gate.release()
    rig.gate.pause(False)
    rig.may_begin = True
    rig.plan = standing_plan(rig, HOME, gripper=np.zeros(KNOTS))
    for _ in range(10):
        rig.step()
        assert rig.command.gripper == 0.0


def test_fingers_that_somebody_has_moved_stay_there():
    rig = _holding()
    rig.gate.pause(True)
    rig.go(0.5)
    rig.follows, rig.width = False, 0.07
    rig.go(0.1)
    rig.gate.pause(False)
    rig.may_begin = True
    rig.go(0.1)
    assert rig.command.gripper == pytest.approx(0.07)


def _holding():
    """Return a rig whose fingers press on something that is 4 cm wide."""
    rig = Rig()
    rig.held = 0.04
    rig.step()
    for _ in range(60):
        rig.plan = standing_plan(rig, HOME, gripper=np.zeros(KNOTS))
        rig.step()
    assert rig.command.gripper == 0.0 and rig.width == 0.04
    return rig


def test_a_plan_made_before_the_arm_was_moved_is_void():
    rig = Rig().cruise(0.5)
    rig.gate.pause(True)
    rig.go(0.3)
    old = standing_plan(rig, HOME)
    rig.go(PERIOD)
    rig.gate.pause(False)
    rig.plan = old
    rig.step()
    assert rig.step()[1].code is Code.WAITING
    assert rig.status.figures['plan_age'] == np.inf and not rig.gate.silent


def test_a_pause_does_not_end_where_the_arm_was_before():
    """A joint state that was under way when the arm was moved must not be what is begun at."""
    rig = Rig().cruise(0.5)
    rig.gate.pause(True)
    rig.go(0.5)
    rig.follows, rig.input = False, False
    rig.arm = rig.arm + 0.5
    rig.gate.pause(False)
    rig.plan = standing_plan(rig)
    for _ in range(3):
        rig.step()
        assert rig.status.code is Code.WAITING and rig.gate.silent
    rig.input, rig.may_begin = True, True
    rig.step()
    np.testing.assert_array_equal(rig.command.positions, rig.arm)
    assert not rig.gate.silent


def test_a_short_pause_does_not_jump_back():
    rig = Rig().cruise(1.0)
    rig.follows = False     # the arm lags behind
    rig.arm = rig.command.positions - 0.05
    rig.gate.pause(True)
    rig.go(3 * PERIOD)
    assert rig.command.velocities[0] > 0.4
    rig.gate.pause(False)
    rig.step()              # judged by the oracle
    assert rig.command.velocities[0] > 0.3


def test_a_pause_ends_only_with_fresh_joint_states():
    rig = Rig().cruise(0.5)
    rig.gate.pause(True)
    rig.go(0.5)
    rig.input = False
    rig.go(0.3)
    rig.gate.pause(False)
    rig.plan = standing_plan(rig)
    assert rig.step()[1].code is Code.STALE_INPUT
    rig.follows, rig.input = False, True
    rig.arm = rig.arm + 0.2
    rig.may_begin = True
    rig.go(2 * PERIOD)
    np.testing.assert_allclose(rig.command.positions, rig.arm, atol=1e-2)


def test_an_arm_that_sinks_in_a_pause_is_not_followed():
    rig = Rig().cruise(0.5)
    rig.gate.pause(True)
    rig.go(0.5)
    rig.follows = False
    rig.arm = rig.arm - 0.01
    standing = rig.command.positions
    rig.go(0.5)
    np.testing.assert_array_equal(rig.command.positions, standing)


@pytest.mark.parametrize('stop', ['emergency_stop', 'latch'])
def test_a_stop_is_told_of_before_the_arm_was_measured(stop):
    rig = Rig()
    rig.input = False
    rig.step()
    assert rig.status.code is Code.WAITING and rig.gate.standing == 'nothing was commanded yet'
    if stop == 'latch':
        rig.plan = replace(standing_plan(rig, HOME), dt=float('nan'))
    else:
        rig.gate.emergency_stop()
    rig.step()
    assert rig.command is None
    assert rig.status.code is (Code.LATCHED if stop == 'latch' else Code.EMERGENCY_STOP)


def test_start_paused():
    rig = Rig(paused=True)
    rig.plan = standing_plan(rig)
    rig.go(0.1)
    assert rig.status.code is Code.PAUSED and rig.gate.silent
    rig.gate.pause(False)
    rig.go(2 * PERIOD)
    rig.plan = standing_plan(rig)
    assert rig.step()[1].code is Code.OK


def test_an_emergency_stop_lasts_until_release():
    rig = Rig().cruise(1.0)
    rig.gate.emergency_stop()
    begin = rig.now
    rates = []
    while rig.step()[0].velocities.any():
        rates.append(rig.command.velocities[0])
        assert not rig.gate.release()
    assert rig.now - begin <= 1.0 / LIMITS.acceleration[0] + 2 * PERIOD
    assert 1.0 - rates[0] == pytest.approx(LIMITS.acceleration[0] * PERIOD)
    rig.gate.pause(True)
    rig.gate.pause(False)
    follow_standing_plans(rig, 1.0)
    assert rig.status.code is Code.EMERGENCY_STOP and rig.command.hold
    assert rig.gate.release()
    follow_standing_plans(rig, 1.0)
    assert rig.status.code is Code.PAUSED       # a reset starts nothing
    rig.gate.pause(False)
    follow_standing_plans(rig, 0.1)
    assert rig.status.code is Code.OK


def test_a_release_of_nothing_changes_nothing():
    rig = Rig().cruise(1.0)
    assert rig.gate.release()
    rig.plan = replace(rig.plan, observed=rig.now)
    assert rig.step()[1].code is Code.OK
    assert rig.command.velocities[0] == pytest.approx(1.0, abs=1e-3)


def test_an_emergency_stop_before_the_first_measurement_counts():
    rig = Rig()
    rig.gate.emergency_stop()
    rig.plan = standing_plan(rig)
    rig.go(0.1)
    assert rig.status.code is Code.EMERGENCY_STOP
