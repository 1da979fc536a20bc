"""Plans that the joints can follow: within limits, close to what was wanted, together."""

from model_testing import ROBOT
import numpy as np
import pytest
from wm_ros.robot.feasible import Follower
from wm_ros.robot.kinematics import Kinematics

LIMITS, DT, HOME = ROBOT.limits, ROBOT.dt, ROBOT.home
FOLLOWER = Follower(Kinematics(ROBOT))


def swing(size, period, steps=60):
    """Return knots of a smooth swing of all joints about home."""
    t = DT * np.arange(1, steps + 1)[:, None]
    share = np.linspace(0.5, 1.0, 7)
    return (HOME + size * share * (1 - np.cos(2 * np.pi * t / period)),
            size * share * 2 * np.pi / period * np.sin(2 * np.pi * t / period))


def test_what_can_be_followed_is_followed():
    path, rates = swing(0.1, 2.0)
    positions, velocities = FOLLOWER.limit(HOME, np.zeros(7), path, rates)
    np.testing.assert_array_equal(positions, path)
    np.testing.assert_array_equal(velocities, rates)


@pytest.mark.parametrize('seed', range(20))
def test_limits_hold_whatever_is_wanted(seed):
    rng = np.random.default_rng(seed)
    path = HOME + np.cumsum(rng.normal(size=(40, 7)) * 0.3, 0)
    rates = rng.normal(size=(40, 7)) * 10.0
    begin = rng.uniform(-0.5, 0.5, 7) * LIMITS.velocity
    positions, velocities = FOLLOWER.limit(HOME, begin, path, rates)
    before = np.vstack([begin, velocities[:-1]])
    assert (np.abs(velocities) <= LIMITS.velocity).all()
    assert (np.abs(velocities - before) <= LIMITS.acceleration * DT).all()
    assert (positions >= LIMITS.lower).all() and (positions <= LIMITS.upper).all()
    # Between knots the velocity goes straight from one to the next.
    np.testing.assert_allclose(np.diff(np.vstack([HOME, positions]), axis=0),
                               0.5 * DT * (before + velocities), atol=4e-3)


def test_joints_that_wait_wait_together():
    """One joint is asked too much of: the others do not run ahead of it."""
    way = np.array([1.0, 0.1, 0.1, 0.0, 0.0, 0.0, 0.0])
    path = HOME + np.linspace(0.15, 1.5, 10)[:, None] * way
    positions, _ = FOLLOWER.limit(HOME, np.zeros(7), path, np.tile(3.0 * way, (10, 1)))
    done = positions - HOME
    assert done[-1, 0] < 1.0
    np.testing.assert_allclose(done, done[:, :1] * way, atol=1e-9)


def test_a_delay_is_made_good():
    path = np.tile(HOME + 0.2, (40, 1))
    positions, velocities = FOLLOWER.limit(HOME, np.zeros(7), path, np.zeros((40, 7)))
    np.testing.assert_allclose(positions[-1], path[-1], atol=1e-3)
    assert np.abs(velocities[-1]).max() < 1e-2
