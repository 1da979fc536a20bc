"""Warm starts: the last plan moved on by the time that passed, and when it is gone on from."""

from mpc_testing import belief_at, DELAY, DT, GOAL, Loop, make_mpc
import numpy as np
import pytest
from wm_ros.planning.mpc import shift


@pytest.mark.parametrize('steps, expected', [
    (0.0, [0, 1, 2, 3, 4]), (1.0, [1, 2, 3, 4, 5]), (0.5, [0.5, 1.5, 2.5, 3.5, 4.5]),
    (2.25, [2.25, 3.25, 4.25, 5, 5]), (20.0, [5, 5, 5, 5, 5]), (-1.0, [0, 1, 2, 3, 4])])
def test_a_warm_start_is_shifted_by_the_time_that_passed(steps, expected):
    actions = np.arange(6)[:, None] * np.ones(5)
    np.testing.assert_allclose(shift(actions, steps, 5)[:, 2], expected, atol=1e-9)


@pytest.mark.parametrize('horizon', [1, 5, 9])
def test_a_warm_start_has_the_horizon_of_now(horizon):
    moved = shift(np.arange(6)[:, None] * np.ones(5), 1.0, horizon)
    np.testing.assert_allclose(moved[:, 0], np.minimum(1 + np.arange(horizon), 5))


@pytest.mark.parametrize('later', [-5.0, 3.0])
def test_an_old_plan_is_no_warm_start(later):
    loop = Loop(make_mpc(planner__around_prior=False, planner__warm_start=True)).run(1)
    old, mpc = loop.plan, loop.mpc
    # The arm stands exactly where that plan would have it.
    stands = old.positions[0 if later < 0 else -1]
    belief = belief_at(mpc, old.stamp + later, q=stands)
    mpc.plan(belief, GOAL, old, belief.stamp + DELAY)
    warm = shift(old.actions, (belief.stamp + DELAY - old.stamp) / DT, 8)
    assert np.abs(mpc.dream.actions.numpy() - warm).max((1, 2)).min() > 1e-3


def test_the_last_plan_is_a_candidate_of_the_next():
    loop = Loop(make_mpc(planner__around_prior=False, planner__warm_start=True)).run(10)
    last, plan = loop.plan, loop.step()
    candidates = loop.mpc.dream.actions.numpy()
    warm = shift(last.actions, (plan.stamp - last.stamp) / DT, 8)
    assert np.abs(candidates - warm).max((1, 2)).min() < 1e-6


@pytest.mark.parametrize('name', ['mppi', 'cem', 'gradient'])
def test_the_next_search_goes_on_from_the_last_offsets(name):
    loop = Loop(make_mpc(planner__type=name, planner__warm_start=True)).run(6)
    last, offered = loop.plan, []
    imagine = loop.mpc.model.imagine

    def watched(state, latent, actions, goal, guided):
        offered.append((actions.numpy().copy(), guided))
        return imagine(state, latent, actions, goal, guided)
    loop.mpc.model.imagine = watched
    plan = loop.step()
    warm = shift(last.offsets, (plan.stamp - last.stamp) / DT, 8)
    assert np.abs(warm).max() > 1e-3
    assert all(guided == len(actions) for actions, guided in offered)
    assert np.abs(offered[0][0] - warm).max((1, 2)).min() < 1e-6
