"""The safety node as it begins, ends, and begins again: silent where it should be."""

import signal

import numpy as np
import pytest
from ros_testing import ACTIVATE, CLEANUP, CONFIGURE, DEACTIVATE
from safety_testing import (
    assert_within_limits, at_rest, moving, NAME, next_status, start, statuses)
from wm_ros.nodes import convert
from wm_ros.types import Code

pytestmark = pytest.mark.slow


def test_start_paused(peer, arm, plans):
    start(peer, start_paused=True)
    status = statuses(peer)
    for _ in range(10):
        next_status(status, Code.PAUSED)
    assert not arm.commands
    assert peer.pause(NAME, False).success
    arm.wait_for_command(moving)
    # Each time that it is activated.
    assert peer.change(NAME, DEACTIVATE)
    arm.wait_for_silence()
    assert peer.change(NAME, ACTIVATE)
    held = len(arm.commands)
    for _ in range(10):
        next_status(status, Code.PAUSED)
    assert len(arm.commands) == held


def test_another_robot_can_follow_after_a_cleanup(peer, arm, plans):
    """Limits that were declared for the first one's joints say nothing of the second one's."""
    start(peer)
    assert peer.change(NAME, DEACTIVATE, CLEANUP)
    assert peer.set(NAME, robot='ur5e').successful
    assert peer.change(NAME, CONFIGURE)


def test_a_pause_outlives_a_cleanup(peer, arm, plans):
    """As the one that frees an emergency stop leaves: what moves the arm is its end."""
    start(peer)
    status = statuses(peer)
    arm.wait_for_command(moving)
    assert peer.pause(NAME, True).success
    arm.wait_for_silence()
    assert peer.change(NAME, DEACTIVATE, CLEANUP, CONFIGURE, ACTIVATE)
    held = len(arm.commands)
    for _ in range(10):
        next_status(status, Code.PAUSED)
    assert len(arm.commands) == held
    assert peer.pause(NAME, False).success
    arm.wait_for_command(moving)


def test_deactivate_brakes_before_it_falls_silent(peer, arm, plans):
    start(peer)
    arm.wait_for_command(moving)
    first = len(arm.commands)
    assert peer.change(NAME, DEACTIVATE)
    arm.wait_for_silence()
    assert at_rest(*arm.commands[-1][1:])
    assert_within_limits(arm, first)
    last = len(arm.commands)
    assert peer.change(NAME, ACTIVATE)
    arm.wait_for_command(moving)
    assert_within_limits(arm, last)


def test_an_interrupt_brakes_before_the_process_ends(peer, arm, plans, processes):
    process = processes('wm_ros.nodes.safety_node')
    assert peer.change(NAME, CONFIGURE, ACTIVATE)
    arm.wait_for_command(moving)
    first = len(arm.commands)
    process.signal(signal.SIGINT)
    process.signal(signal.SIGINT)
    assert process.wait() == 0, process.output()
    arm.wait_for_silence()
    assert at_rest(*arm.commands[-1][1:])
    assert_within_limits(arm, first)


def test_when_the_node_is_killed_the_controller_has_been_told_to_stop(
        peer, arm, plans, processes):
    trajectories = peer.record(convert.JointTrajectory, 'arm_controller/joint_trajectory')
    process = processes('wm_ros.nodes.safety_node')
    assert peer.change(NAME, CONFIGURE, ACTIVATE)
    arm.wait_for_command(moving)
    process.signal(signal.SIGKILL)
    process.wait()
    arm.wait_for_silence()
    points = trajectories.messages[-1].points
    assert not np.any(points[-1].velocities)
    rest = next(point for point in points if not np.any(point.velocities))
    assert rest.positions == points[-1].positions
    assert rest.time_from_start.sec == 0 and rest.time_from_start.nanosec < 500e6
