"""The last plan's actions, moved on by the time that passed."""

from model_testing import ROBOT
import numpy as np
import pytest
from wm_ros.planning.mpc import shift
from wm_ros.types import Plan

DT = ROBOT.dt


def plan_of(actions, stamp=5.0):
    count = len(actions)
    zero = np.zeros((count + 1, 7))
    return Plan(stamp=stamp, observed=stamp, dt=DT, actions=np.asarray(actions, float),
                positions=zero, velocities=zero, gripper=np.zeros(count + 1),
                path=np.zeros((count + 1, 3)), predicted_return=0.0, disagreement=0.0,
                solve_time=0.0, planner='test')


@pytest.mark.parametrize('later, expected', [
    (0.0, [0, 1, 2, 3, 4]), (DT, [1, 2, 3, 4, 5]), (0.5 * DT, [0.5, 1.5, 2.5, 3.5, 4.5]),
    (2.25 * DT, [2.25, 3.25, 4.25, 5, 5]), (20 * DT, [5, 5, 5, 5, 5]), (-DT, [0, 1, 2, 3, 4])])
def test_a_warm_start_is_shifted_by_the_time_that_passed(later, expected):
    plan = plan_of(np.arange(6)[:, None] * np.ones(5))
    np.testing.assert_allclose(shift(plan, 5.0 + later, 5)[:, 2], expected, atol=1e-9)


@pytest.mark.parametrize('horizon', [1, 5, 9])
def test_a_warm_start_has_the_horizon_of_now(horizon):
    plan = plan_of(np.arange(6)[:, None] * np.ones(5))
    moved = shift(plan, 5.0 + DT, horizon)
    np.testing.assert_allclose(moved[:, 0], np.minimum(1 + np.arange(horizon), 5))
