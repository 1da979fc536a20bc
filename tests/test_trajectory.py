"""Sampling a plan between its knots."""

import numpy as np
import pytest
from wm_ros.robot.trajectory import sample
from wm_ros.types import Plan


def make_plan(positions, velocities, gripper=None, stamp=10.0, dt=0.05):
    """Return a plan through the knots given; what a planner adds is left empty."""
    positions = np.asarray(positions, dtype=float)
    count = len(positions)
    return Plan(
        stamp=stamp, observed=stamp - 0.03, dt=dt, actions=np.zeros((count - 1, 5)),
        positions=positions, velocities=np.asarray(velocities, dtype=float),
        gripper=np.zeros(count) if gripper is None else np.asarray(gripper, dtype=float),
        path=np.zeros((count, 3)), predicted_return=0.0, disagreement=0.0, solve_time=0.01,
        planner='test')


def polynomial_plan(seed, joints=7, knots=11):
    """Return (plan, coefficients) of one random cubic per joint, which Hermite must hit."""
    rng = np.random.default_rng(seed)
    coefficients = rng.normal(size=(4, joints))
    t = np.arange(knots)[:, None] * 0.05
    powers = np.concatenate([t ** i for i in range(4)], axis=1)
    slopes = np.concatenate([i * t ** max(i - 1, 0) for i in range(4)], axis=1)
    return make_plan(powers @ coefficients, slopes @ coefficients), coefficients


@pytest.mark.parametrize('seed', range(5))
def test_a_cubic_is_reproduced_exactly(seed):
    plan, coefficients = polynomial_plan(seed)
    for t in np.random.default_rng(seed).uniform(0.0, 0.4999, 200):
        positions, velocities, _ = sample(plan, plan.stamp + t)
        np.testing.assert_allclose(
            positions, t ** np.arange(4) @ coefficients, atol=1e-12, rtol=0)
        np.testing.assert_allclose(
            velocities, np.array([0, 1, 2 * t, 3 * t * t]) @ coefficients, atol=1e-11, rtol=0)


def test_knots_are_hit():
    rng = np.random.default_rng(0)
    plan = make_plan(rng.normal(size=(4, 3)), rng.normal(size=(4, 3)), rng.uniform(size=4),
                     stamp=0.0, dt=0.25)
    for k in range(3):
        positions, velocities, gripper = sample(plan, 0.25 * k)
        np.testing.assert_array_equal(positions, plan.positions[k])
        np.testing.assert_array_equal(velocities, plan.velocities[k])
        assert gripper == plan.gripper[k]


def test_velocity_is_the_derivative_of_the_position():
    rng = np.random.default_rng(1)
    plan = make_plan(rng.normal(size=(6, 7)), rng.normal(size=(6, 7)))
    for t in rng.uniform(0.001, 0.249, 100):
        before, velocities, _ = sample(plan, plan.stamp + t - 1e-6)
        after, _, _ = sample(plan, plan.stamp + t + 1e-6)
        if int((t - 1e-6) / 0.05) == int((t + 1e-6) / 0.05):
            np.testing.assert_allclose((after - before) / 2e-6, velocities, atol=2e-2)


def test_nothing_is_extrapolated():
    plan = make_plan([[0.0, 1.0], [1.0, 2.0]], [[1.0, 1.0], [3.0, 3.0]], [0.0, 0.08])
    for time in (-1e9, 0.0, plan.stamp):
        positions, velocities, gripper = sample(plan, time)
        assert positions.tolist() == [0.0, 1.0] and velocities.tolist() == [1.0, 1.0]
        assert gripper == 0.0
    for time in (plan.stamp + 0.05 + 1e-9, 20.0, 1e9):
        positions, velocities, gripper = sample(plan, time)
        assert positions.tolist() == [1.0, 2.0] and velocities.tolist() == [0.0, 0.0]
        assert gripper == 0.08


def test_a_single_knot_is_a_place_to_stand():
    plan = make_plan([[0.5, 0.6]], [[1.0, 1.0]], [0.04])
    for time in (plan.stamp - 1.0, plan.stamp, plan.stamp + 1.0):
        positions, velocities, gripper = sample(plan, time)
        assert positions.tolist() == [0.5, 0.6] and velocities.tolist() == [0.0, 0.0]
        assert gripper == 0.04


def test_the_gripper_is_linear():
    plan = make_plan(np.zeros((3, 1)), np.zeros((3, 1)), [0.0, 0.08, 0.0], stamp=0.0, dt=1.0)
    assert sample(plan, 0.25)[2] == pytest.approx(0.02)
    assert sample(plan, 1.5)[2] == pytest.approx(0.04)
