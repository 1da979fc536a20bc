"""Commands that arrive late: how fast a joint_trajectory_controller then drives the arm."""

import numpy as np
import pytest
from sim.controller import check_trajectory, TrajectoryFollower
from wm_ros.nodes import convert
from wm_ros.robot.robot import load_robot
from wm_ros.types import Command

ROBOT = load_robot('panda')
PERIOD, SUBSTEP, SPEED = 1 / 120, 1 / 1200, 0.5


@pytest.fixture
def rng():
    return np.random.default_rng(4)


def fastest(rng, jitter, stamped):
    """Return the highest speed [rad/s] of joints of which every command asks for SPEED."""
    names, count = ROBOT.joint_names, len(ROBOT.joint_names)
    follower = TrajectoryFollower(ROBOT.home, 0.5)
    ticks = 1.0 + PERIOD * np.arange(100)
    arrivals = np.maximum.accumulate(ticks + 0.001 + jitter * rng.random(len(ticks)))
    moment, speeds = ticks[0], []
    for tick, arrival in zip(ticks, arrivals):
        while moment < arrival:
            speeds.append(follower.setpoint(moment, lambda: None)[1].max())
            moment += SUBSTEP
        # The gate's command is for the end of the period that begins.
        command = Command(tick + PERIOD, ROBOT.home + SPEED * (tick + PERIOD - 1.0),
                          np.full(count, SPEED), 0.0, False)
        msg = convert.command_to_trajectory(command, names, PERIOD, ROBOT.limits, stamped)
        start = convert.seconds(msg.header.stamp) or None
        follower.trajectory(check_trajectory(msg.joint_names, names, [
            (p.time_from_start.sec + p.time_from_start.nanosec * 1e-9, p.positions,
             p.velocities, p.accelerations, p.effort) for p in msg.points]), arrival, start)
    return max(speeds[200:])        # once it moves


@pytest.mark.parametrize('jitter, most', [(0.0, 1.02), (0.008, 1.05), (0.016, 1.1)])
def test_the_arm_hardly_hurries_after_a_late_command(rng, jitter, most):
    assert fastest(rng, jitter, True) < most * SPEED


def test_on_another_clock_it_hurries_more(rng):
    """Which is why commands are stamped where they can be."""
    assert 1.2 * SPEED < fastest(rng, 0.008, False) < 1.6 * SPEED
