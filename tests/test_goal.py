"""When a goal counts as reached."""

import numpy as np
import pytest
from wm_ros.planning.goal import GoalMonitor
from wm_ros.robot.robot import load_robot
from wm_ros.tasks import get_task
from wm_ros.types import Belief, Code, GoalRejected
from wm_ros.world_model.state import StateLayout

ROBOT = load_robot('panda')
GOAL = np.array([0.5, 0.1, 0.2, 0, 0, 0, 1.0])


def monitor(task):
    task = get_task(task)
    return GoalMonitor(task, ROBOT, StateLayout(len(task.object_names)))


def belief(layout, stamp, place, speed=0.0, subject='ee'):
    state = np.zeros(layout.width, np.float32)
    if subject == 'ee':
        state[layout.ee], state[layout.ee_velocity] = place, (speed, 0, 0)
    else:
        state[layout.object_slots(0)] = [*place, 1.0, speed, 0, 0, 2.0]
    n = len(ROBOT.joint_names)
    return Belief(stamp, state, np.zeros(0, np.float32), np.zeros(n), np.zeros(n), np.zeros(n))


def drive(judge, layout, places, speed=0.0, subject='ee', start=100.0, step=0.05):
    """Return the codes that a path of the subject gives."""
    codes = []
    for i, place in enumerate(places):
        judge.update(belief(layout, start + i * step, place, speed, subject))
        codes.append(judge.code)
    return codes


def test_reached_after_the_hold_time():
    judge, layout = monitor('reach'), StateLayout(0)
    assert judge.code is Code.WAITING and not judge.update(belief(layout, 0.0, GOAL[:3]))
    judge.accept(GOAL)
    codes = drive(judge, layout, [GOAL[:3] + [0.1, 0, 0]] * 5 + [GOAL[:3] + [0.019, 0, 0]] * 30)
    # Within tolerance from the sixth on; 0.5 s are ten steps more.
    assert codes.index(Code.GOAL_REACHED) == 15
    assert set(codes[:15]) == {Code.OK} and set(codes[15:]) == {Code.GOAL_REACHED}
    assert judge.text == 'reached after 0.8 s' and judge.distance == pytest.approx(0.019)


def test_leaving_starts_the_hold_time_anew():
    judge, layout = monitor('reach'), StateLayout(0)
    judge.accept(GOAL)
    near, far = GOAL[:3], GOAL[:3] + [0, 0, 0.021]
    codes = drive(judge, layout, [near] * 10 + [far] + [near] * 20)
    assert codes.index(Code.GOAL_REACHED) == 21


def test_failed_when_the_time_is_over_and_reached_later_still():
    judge, layout = monitor('reach'), StateLayout(0)
    judge.accept(GOAL)
    codes = drive(judge, layout, [GOAL[:3] + [0.1, 0, 0]] * 110 + [GOAL[:3]] * 20)
    assert codes.index(Code.GOAL_FAILED) == 101
    assert codes[-1] is Code.GOAL_REACHED


def test_an_object_must_be_at_rest():
    judge, layout = monitor('push'), StateLayout(1)
    judge.accept(np.array([0.5, 0.1, 0.025, 0, 0, 0, 1.0]))
    place = [0.5, 0.1, 0.025]
    assert set(drive(judge, layout, [place] * 30, 0.02, 'object')) == {Code.OK}
    codes = drive(judge, layout, [place] * 30, 0.005, 'object', start=102.0)
    assert codes.index(Code.GOAL_REACHED) == 10


def test_a_new_goal_and_a_new_clock_begin_anew():
    judge, layout = monitor('reach'), StateLayout(0)
    judge.accept(GOAL)
    drive(judge, layout, [GOAL[:3]] * 20)
    assert judge.code is Code.GOAL_REACHED
    judge.accept(GOAL)
    assert judge.code is Code.OK
    drive(judge, layout, [GOAL[:3] + [0.1, 0, 0]] * 50)
    # The simulation starts again at zero: the time limit counts from there.
    assert set(drive(judge, layout, [GOAL[:3] + [0.1, 0, 0]] * 90, start=0.0)) == {Code.OK}
    judge.clear()
    assert judge.code is Code.WAITING and judge.goal is None


@pytest.mark.parametrize('change, reason', [
    ({0: np.nan}, 'finite'), ({6: np.inf}, 'finite'), ({0: 0.9}, 'out of reach'),
    ({2: -0.1}, 'out of reach'), ({1: 1e300}, 'out of reach')])
def test_goals_that_are_refused(change, reason):
    judge = monitor('reach')
    judge.accept(GOAL)
    bad = GOAL.copy()
    for index, value in change.items():
        bad[index] = value
    with pytest.raises(GoalRejected, match=reason):
        judge.accept(bad)
    np.testing.assert_array_equal(judge.goal, GOAL)     # the one before stays
