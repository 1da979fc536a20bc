"""How late the arm is: found from commands and joints, made up for by beliefs and plans."""

from dataclasses import replace

from model_testing import KINEMATICS, make_episode, make_model, observe_at, ROBOT
from mpc_testing import GOAL, make_mpc
import numpy as np
import pytest
from sim.randomize.config import parse
from wm_ros.data.answered import answered, LATE
from wm_ros.learning.collect import Collector, record
from wm_ros.tasks import get_task
from wm_ros.world_model.response import command_at, UNKNOWN
from wm_ros.world_model.tracker import StateTracker

WAYS = np.linspace(0.1, 0.3, 7)     # [rad]
NOISE = 0.02                    # [rad/s]


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def commanded(moment):
    """Return where the joints are sent [7] and how fast [7]: a steady swing from rest at home."""
    return ROBOT.home + WAYS * (1.0 - np.cos(3.0 * moment)), 3.0 * WAYS * np.sin(3.0 * moment)


def seen(moment, delay, rng=None, offset=0.0):
    """Return what is observed of an arm that is so late, from moment 0 on."""
    q, dq = commanded(max(moment - delay, 0.0))
    noise = np.zeros(7) if rng is None else NOISE * rng.normal(size=7)
    target, rates = commanded(moment)
    return observe_at(10.0 + moment, q=q + offset, dq=dq + noise,
                      commanded=target, rates=rates, gripper_width=0.02, commanded_gripper=moment)


def heard(delay, period=0.02, seconds=1.0, **wanted):
    response = UNKNOWN
    for k in range(round(seconds / period) + 1):
        response = response.after(seen(k * period, delay, **wanted))
    return response


@pytest.mark.parametrize('period', [0.01, 0.02, 0.05])
@pytest.mark.parametrize('delay', [0.03, 0.1, 0.17, 0.25])
def test_the_delay_is_found(period, delay, rng):
    """Whatever the joints' offset, by gravity or by calibration."""
    found = heard(delay, period, rng=rng, offset=0.02)
    assert found.delay == pytest.approx(delay, abs=0.012)


def test_an_arm_that_answers_at_once_is_not_late(rng):
    assert heard(0.0).delay == 0.0 and heard(0.0).answered(11.0) is None
    assert heard(0.0, rng=rng).delay < 0.01


def test_it_is_found_within_a_quarter_of_a_second(rng):
    assert heard(0.1, seconds=0.25, rng=rng).delay == pytest.approx(0.1, abs=0.03)


def test_an_arm_that_rests_says_nothing(rng):
    """Nor does its noise; and what it was told is not kept for ever."""
    response, turned = heard(0.1), round(np.pi / 3 / 0.02)
    q = commanded(np.pi / 3)[0]
    for k in range(51, turned + 2500):
        moment = 0.02 * min(k, turned)
        sight = seen(moment, 0.1) if k < turned else observe_at(
            10.0 + 0.02 * k, q=q, commanded=q, rates=np.zeros(7), dq=0.03 * rng.normal(size=7))
        response = response.after(sight)
        if k == turned + 50:
            settled = response.delay
    assert settled == response.delay == pytest.approx(0.1, abs=0.03)
    assert len(response.commands) < 20


def test_another_delay_takes_the_place_of_the_first():
    response = heard(0.05)
    for k in range(51, 300):
        response = response.after(seen(0.02 * k, 0.2))
    assert response.delay == pytest.approx(0.2, abs=0.012)


def test_what_the_arm_answers_is_what_was_commanded_then():
    response = heard(0.1)
    late = 1.0 - response.delay
    q, dq = commanded(late)
    np.testing.assert_allclose(response.answered(11.0), [*q, *dq, late], atol=2e-3)
    rows = response.under_way
    assert rows[0, 0] <= 10.0 + late < rows[1, 0] and rows[-1, 0] == 11.0


def test_before_the_first_command_the_arm_stood_there():
    rows = np.array([[1.0, *ROBOT.home, *np.ones(7), 0.01], [1.1, *ROBOT.home, *np.ones(7), 0.03]])
    np.testing.assert_allclose(command_at(rows, 0.5), [*ROBOT.home, *np.zeros(7), 0.01])
    np.testing.assert_allclose(command_at(rows, [1.0, 1.1])[:, 7:14], 1.0)
    np.testing.assert_allclose(command_at(rows[:1], 1.0)[-1], 0.01)


@pytest.mark.parametrize('change', [
    {'stamp': 30.0}, {'stamp': 9.0}, {'commanded_positions': ROBOT.home + 1.0}])
def test_another_stream_of_commands_begins_anew(change):
    """The delay is kept: it is the same arm."""
    response = heard(0.1)
    after = response.after(replace(seen(1.02, 0.1), **change))
    assert len(after.commands) == 1 and after.delay == response.delay


def test_without_commands_nothing_is_learned():
    response = heard(0.1)
    mute = replace(seen(1.02, 0.1), commanded_positions=None, commanded_velocities=None)
    deaf = response.after(mute)
    assert deaf.delay == response.delay and deaf.answered(11.02) is None
    assert UNKNOWN.after(mute).delay == 0.0


def test_an_arm_that_nobody_commands_is_where_it_is():
    """Not where it was last sent, and a plan begins there."""
    mpc, belief = make_mpc(), None
    for k in range(51):
        belief = mpc.model.observe(belief, seen(0.02 * k, 0.15))
    aside = ROBOT.home + 0.3
    mute = replace(observe_at(11.02, q=aside), commanded_positions=None,
                   commanded_velocities=None)
    belief = mpc.model.observe(belief, mute)
    layout = mpc.model.layout
    assert belief.under_way is None
    np.testing.assert_allclose(belief.state[layout.setpoint], KINEMATICS.forward(aside)[0],
                               atol=1e-6)
    plan = mpc.plan(belief, GOAL, None, belief.stamp + 0.03)
    np.testing.assert_allclose(plan.positions[0], aside)


def test_states_hold_the_setpoint_that_the_arm_answers():
    tracker = StateTracker(ROBOT, get_task('reach'))
    for k in range(51):
        state = tracker.update(seen(0.02 * k, 0.1))
    # It is where the arm is.
    layout = tracker.layout
    np.testing.assert_allclose(state[layout.setpoint], state[layout.ee], atol=5e-3)
    np.testing.assert_allclose(state[layout.setpoint_velocity], state[layout.ee_velocity],
                               atol=0.02)


def test_beliefs_say_what_is_under_way():
    model, belief = make_model(), None
    for k in range(51):
        belief = model.observe(belief, seen(0.02 * k, 0.1))
    assert belief.delay == pytest.approx(0.1, abs=0.012)
    np.testing.assert_array_equal(belief.under_way, belief.response.under_way)
    at_once = None
    for k in range(51):
        at_once = model.observe(at_once, seen(0.02 * k, 0.0))
    assert at_once.delay == 0.0 and at_once.under_way is None


def test_a_belief_that_does_not_adapt_takes_the_arm_to_be_exact():
    model, belief = make_model(adapt=False), None
    for k in range(51):
        belief = model.observe(belief, seen(0.02 * k, 0.15, offset=0.05))
    assert belief.delay == 0.0 and belief.under_way is None and belief.offset is None
    place = model.layout.setpoint
    np.testing.assert_allclose(belief.state[place], KINEMATICS.forward(commanded(1.0)[0])[0],
                               atol=1e-6)


def settled(sag, noise=0.0):
    """Return what was learned of an arm that stands off by ``sag`` [7] rad, for a second."""
    response, rng = UNKNOWN, np.random.default_rng(1)
    for k in range(51):
        response = response.after(observe_at(
            10.0 + 0.02 * k, q=ROBOT.home + sag + noise * rng.normal(size=7),
            commanded=ROBOT.home, rates=np.zeros(7)))
    return response


def test_where_an_arm_comes_to_stand_is_found():
    sag = np.array([0.0, 0.03, 0.0, -0.02, 0.01, 0.0, 0.0])
    response = settled(sag)
    np.testing.assert_allclose(response.off, sag, atol=1e-3)
    np.testing.assert_allclose(response.answered(11.0)[:7], ROBOT.home + sag, atol=3e-3)
    assert np.abs(settled(sag, 0.0015).off - sag).max() < 0.002
    # No arm is exact: what is as little is none.
    assert settled(0.001 * np.ones(7)).offset is None


def test_a_moving_arm_stands_nowhere():
    """What a fast one is off by is its way, not where it will come to stand."""
    before = settled(np.zeros(7))
    moving = before
    for k in range(51, 70):
        moving = moving.after(observe_at(
            10.0 + 0.02 * k, q=ROBOT.home + 0.02 * (k - 50) - 0.02, dq=np.ones(7),
            commanded=ROBOT.home + 0.02 * (k - 50), rates=np.ones(7)))
    assert moving.offset is None


def test_plans_count_with_where_the_arm_stands():
    """A dream begins where the arm is, and plans go on from what it is commanded."""
    mpc, belief = make_mpc(), None
    sag = np.array([0.0, 0.04, 0.0, 0.0, 0.0, 0.0, 0.0])
    for k in range(51):
        belief = mpc.model.observe(belief, observe_at(
            10.0 + 0.02 * k, q=ROBOT.home + sag, commanded=ROBOT.home, rates=np.zeros(7)))
    plan = mpc.plan(belief, GOAL, None, belief.stamp + 0.03)
    np.testing.assert_allclose(plan.positions[0], ROBOT.home)
    layout, first = mpc.model.layout, mpc.dream.states[0, 0].numpy()
    np.testing.assert_allclose(first[layout.setpoint], KINEMATICS.forward(ROBOT.home + sag)[0],
                               atol=3e-3)


@pytest.mark.parametrize('delay', [0.0, 0.15])
def test_plans_begin_where_the_arm_will_answer_them(delay):
    """Its dream begins on the way that is commanded when it acts, however late the arm is."""
    mpc, belief = make_mpc(), None
    for k in range(51):
        belief = mpc.model.observe(belief, seen(0.02 * k, delay))
    mpc.plan(belief, GOAL, None, belief.stamp + 0.03)
    layout, first = mpc.model.layout, mpc.dream.states[0, 0].numpy()
    q, dq = commanded(1.0)
    place = KINEMATICS.forward(q + 0.03 * dq)[0]
    np.testing.assert_allclose(first[layout.setpoint], place, atol=2e-3)
    np.testing.assert_allclose(first[layout.ee], place, atol=0.02)


def test_an_arm_that_was_moved_by_hand_answers_nothing_of_what_is_under_way():
    mpc, belief = make_mpc(), None
    for k in range(51):
        belief = mpc.model.observe(belief, seen(0.02 * k, 0.1))
    moved = replace(belief, joint_positions=ROBOT.home + 0.5)
    plan = mpc.plan(moved, GOAL, None, moved.stamp + 0.03)
    np.testing.assert_allclose(plan.positions[0], ROBOT.home + 0.5)


def test_a_weak_arm_is_behind_its_command_and_follows_it():
    """Also while the command slows down; a plan goes on from the command."""
    mpc, belief = make_mpc(), None
    for k in range(51):
        belief = mpc.model.observe(belief, seen(0.02 * k, 0.1))
    slow = replace(belief, joint_positions=belief.commanded_positions - 0.25,
                   commanded_velocities=np.zeros(7))
    plan = mpc.plan(slow, GOAL, None, slow.stamp + 0.03)
    np.testing.assert_allclose(plan.positions[0], slow.commanded_positions)
    stood = np.array(belief.under_way)
    stood[:, 8:15] = 0.0
    astray = mpc.plan(replace(slow, under_way=stood), GOAL, None, slow.stamp + 0.03)
    np.testing.assert_allclose(astray.positions[0], slow.joint_positions)


def test_recordings_say_how_late_the_arm_is():
    late = parse({'terms': [{'term': 'actuation.delay', 'value': 0.1}]}, 'made', 'made')
    found = {}
    for name, world in (('late', late), ('prompt', None)):
        collector = Collector(ROBOT, 'reach', randomization=world)
        found[name] = record(collector, 'script', 900_000_001, np.random.default_rng(0))
        collector.close()
    steps = 0.1 / ROBOT.dt
    assert found['late'].streams[LATE][-1] == pytest.approx(steps, abs=0.3)
    assert not found['prompt'].streams[LATE].any()


def test_actions_are_those_that_the_arm_answered():
    plain = make_episode(steps=6)
    late = replace(plain, streams={LATE: np.full(7, 1.5, np.float32)})
    actions, expert = answered(late)
    before = np.concatenate([np.zeros_like(plain.actions[:2]), plain.actions])
    np.testing.assert_allclose(actions, 0.5 * (before[:6] + before[1:7]), atol=1e-6)
    np.testing.assert_allclose(expert, 0.5 * actions, atol=1e-6)
    assert answered(replace(late, expert=None))[1] is None
    for prompt in (plain, replace(plain, streams={LATE: np.zeros(7, np.float32)})):
        assert answered(prompt)[0] is prompt.actions
