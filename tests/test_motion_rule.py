"""The setpoint's motion: bounded, inside the workspace, the same in numpy and in torch."""

import numpy as np
import pytest
import torch
from wm_ros.robot.motion import hermite, MotionRule
from wm_ros.robot.robot import load_robot
from wm_ros.tasks import get_task
from wm_ros.world_model.agent.config import ModelConfig
from wm_ros.world_model.agent.dynamics import Dynamics

RULE = MotionRule.of(load_robot('panda'))
DT = RULE.dt


def inside(rng, count):
    return rng.uniform(RULE.low, RULE.high, (count, 4))


def roll(position, velocity, actions):
    """Return positions and velocities [T + 1, K, 4] along ``actions`` [T, K, 4]."""
    path = [(position, velocity)]
    for action in actions:
        path.append(RULE.advance(*path[-1], action))
    return tuple(np.array(part) for part in zip(*path))


def wild_actions(rng, steps, count):
    """Return actions [T, K, 4], beyond [-1, 1] as well, that stay for a while or change."""
    actions = rng.normal(size=(steps, count, 4)) * 2
    stays = rng.random((steps, count, 1)) < 0.8
    for t in range(1, steps):
        actions[t] = np.where(stays[t], actions[t - 1], actions[t])
    return actions


def test_it_stays_in_the_workspace_between_knots_too():
    rng = np.random.default_rng(0)
    places, rates = roll(inside(rng, 200), np.zeros((200, 4)), wild_actions(rng, 150, 200))
    assert (places >= RULE.low - 1e-9).all() and (places <= RULE.high + 1e-9).all()
    for share in (0.25, 0.5, 0.75):
        s = share * DT
        between = places[:-1] + rates[:-1] * s + 0.5 * (rates[1:] - rates[:-1]) / DT * s * s
        assert (between >= RULE.low - 1e-4).all() and (between <= RULE.high + 1e-4).all()


def test_speed_and_acceleration_are_bounded():
    rng = np.random.default_rng(1)
    _, rates = roll(inside(rng, 200), np.zeros((200, 4)), wild_actions(rng, 150, 200))
    assert (np.abs(rates) <= RULE.speed + 1e-12).all()
    assert (np.abs(np.diff(rates, axis=0)) <= RULE.acceleration * DT + 1e-12).all()


def test_position_is_the_integral_of_velocity():
    rng = np.random.default_rng(2)
    places, rates = roll(inside(rng, 5), np.zeros((5, 4)), wild_actions(rng, 50, 5))
    np.testing.assert_allclose(np.diff(places, axis=0), 0.5 * DT * (rates[1:] + rates[:-1]),
                               atol=1e-12)


def test_the_wanted_velocity_is_reached_and_kept():
    action = np.array([0.5, -0.25, 1.0, 0.0])
    middle = 0.5 * (RULE.low + RULE.high)
    rates = roll(middle, np.zeros(4), np.tile(action, (6, 1)))[1]
    np.testing.assert_allclose(rates[-1], action * RULE.speed)
    first = np.minimum(np.abs(action) * RULE.speed, RULE.acceleration * DT) * np.sign(action)
    np.testing.assert_allclose(rates[1], first)


def test_it_comes_to_the_wall_and_leaves_it():
    start = 0.5 * (RULE.low + RULE.high)
    places, rates = roll(start, np.zeros(4), np.ones((60, 4)))
    np.testing.assert_allclose(places[-1], RULE.high, atol=1e-9)
    np.testing.assert_allclose(rates[-1], 0.0, atol=1e-9)
    # It brakes but once, rather than swing to and fro.
    assert (np.diff(np.sign(np.diff(rates, axis=0).round(9)), axis=0) != 0).sum(0).max() <= 4
    away, _ = RULE.advance(places[-1], rates[-1], -np.ones(4))
    assert (away < places[-1]).all()


def test_from_outside_it_comes_back():
    rng = np.random.default_rng(3)
    start = np.where(rng.random((100, 4)) < 0.5, RULE.low - 0.1, RULE.high + 0.1)
    places, rates = roll(start, np.zeros((100, 4)), rng.uniform(-1, 1, (120, 100, 4)))
    assert (places[-1] >= RULE.low - 1e-6).all() and (places[-1] <= RULE.high + 1e-6).all()
    assert (np.abs(np.diff(rates, axis=0)) <= RULE.acceleration * DT + 1e-12).all()


@pytest.mark.parametrize('task', ['reach', 'push'])
def test_the_dream_moves_the_setpoint_by_the_same_rule(task):
    rng = np.random.default_rng(4)
    dynamics = Dynamics(load_robot('panda'), get_task(task), ModelConfig())
    layout, count = dynamics.layout, 500
    places = rng.uniform(RULE.low - 0.02, RULE.high + 0.02, (count, 4))
    rates = rng.uniform(-1, 1, (count, 4)) * RULE.speed
    actions = rng.uniform(-1.5, 1.5, (count, 5))
    state = torch.tensor(rng.normal(size=(count, layout.width)), dtype=torch.float32)
    state = dynamics.with_setpoint(state, torch.tensor(places, dtype=torch.float32),
                                   torch.tensor(rates, dtype=torch.float32))
    moved = dynamics.move_setpoint(state, torch.tensor(actions, dtype=torch.float32))
    place, rate = RULE.advance(places, rates, actions[:, :4])
    np.testing.assert_allclose(moved[:, layout.setpoint], place[:, :3], atol=2e-6)
    np.testing.assert_allclose(moved[:, layout.yaw], place[:, 3], atol=2e-6)
    np.testing.assert_allclose(moved[:, layout.setpoint_velocity], rate[:, :3], atol=1e-5)
    np.testing.assert_allclose(moved[:, layout.yaw_rate], rate[:, 3], atol=1e-5)
    others = [i for i in range(layout.width) if not 6 <= i < 14]
    np.testing.assert_array_equal(moved[:, others], state[:, others])


def test_hermite_meets_its_knots_and_its_own_slope():
    rng = np.random.default_rng(5)
    p0, v0, p1, v1 = rng.normal(size=(4, 7))
    positions, velocities = hermite(p0, v0, p1, v1, 0.2, [0.0, 0.2])
    np.testing.assert_allclose(positions, [p0, p1], atol=1e-12)
    np.testing.assert_allclose(velocities, [v0, v1], atol=1e-12)
    times = np.linspace(0.01, 0.19, 7)
    before, after = (hermite(p0, v0, p1, v1, 0.2, times + d)[0] for d in (-1e-6, 1e-6))
    np.testing.assert_allclose(hermite(p0, v0, p1, v1, 0.2, times)[1],
                               (after - before) / 2e-6, atol=1e-6)


def test_hermite_of_a_cubic_is_that_cubic():
    rng = np.random.default_rng(6)
    c = rng.normal(size=(4, 3))
    t = np.linspace(0, 0.05, 9)

    def cubic(t):
        return sum(c[i] * t ** i for i in range(4))

    def slope(t):
        return sum(i * c[i] * t ** (i - 1) for i in range(1, 4))
    positions, velocities = hermite(cubic(0), slope(0.0), cubic(0.05), slope(0.05), 0.05, t)
    np.testing.assert_allclose(positions, [cubic(x) for x in t], atol=1e-12)
    np.testing.assert_allclose(velocities, [slope(x) for x in t], atol=1e-9)
