"""The safety node: what it makes of messages that are wrong, or merely unusual."""

import itertools

import numpy as np
import pytest
from ros_testing import wait_until
from safety_testing import (
    assert_within_limits, at_rest, moving, NAME, next_status, start, statuses)
from wm_ros.nodes import convert
from wm_ros.types import Code

pytestmark = pytest.mark.slow


def garbage(kind):
    def change(msg):
        if kind == 'not finite':
            msg.points[3].positions[2] = float('nan')
        elif kind == 'wrong names':
            msg.joint_names[0] = 'elbow'
        elif kind == 'doubled names':
            msg.joint_names[0] = msg.joint_names[1]
        elif kind == 'missing joint':
            msg.joint_names = msg.joint_names[:-1]
        elif kind == 'ragged':
            msg.points[2].velocities = msg.points[2].velocities[:-2]
        elif kind == 'empty':
            msg.points = []
        elif kind == 'in the past':
            msg.header.stamp.sec -= 10
        elif kind == 'in the future':
            msg.header.stamp.sec += 10
        elif kind == 'time stands still':
            for point in msg.points:
                point.time_from_start.nanosec = 0
        else:
            assert kind == 'out of bounds'
            for point in msg.points:
                point.positions = [1e5] * len(point.positions)
        return msg
    return change


@pytest.mark.parametrize('kind', [
    'not finite', 'wrong names', 'doubled names', 'missing joint', 'ragged', 'empty',
    'in the past', 'in the future', 'time stands still', 'out of bounds'])
def test_garbage_in_plans_does_no_harm(peer, arm, plans, kind):
    start(peer)
    status = statuses(peer)
    arm.wait_for_command(moving)
    first = len(arm.commands)
    plans.change = garbage(kind)
    if kind == 'out of bounds':
        next_status(status, Code.LIMITED)
    elif kind == 'not finite':
        next_status(status, Code.LATCHED)
        arm.wait_for_command(at_rest)
    else:
        status.next(lambda msg: msg.level != convert.DiagnosticStatus.OK)
        arm.wait_for_command(at_rest)
    wait_until(lambda: len(arm.commands) > first + 120)
    assert_within_limits(arm, first)
    plans.change = lambda msg: msg
    plans.begin_anew()
    if convert.status_from_msg(status.next()).code is Code.LATCHED:
        assert peer.trigger(f'{NAME}/reset').success
    arm.wait_for_command(moving)
    assert_within_limits(arm, first)


def test_a_gripper_may_have_joint_states_of_its_own(peer, arm, plans):
    start(peer)
    status = statuses(peer)
    arm.wait_for_command(moving)
    whole, joints, turns = arm.joint_state, len(arm.robot.joint_names), itertools.count()

    def in_turn():
        msg, own = whole(), slice(joints) if next(turns) % 2 else slice(joints, None)
        msg.name, msg.position, msg.velocity = msg.name[own], msg.position[own], msg.velocity[own]
        return msg
    arm.joint_state = in_turn
    wait_until(lambda: next(turns) > 40)
    said = [convert.status_from_msg(status.next()).code for _ in range(30)]
    assert set(said) <= {Code.OK, Code.LIMITED}


@pytest.mark.parametrize('kind', ['not finite', 'missing joint', 'doubled', 'ragged', 'far off'])
def test_garbage_in_joint_states_does_no_harm(peer, arm, plans, kind):
    start(peer)
    status = statuses(peer)
    arm.wait_for_command(moving)
    first = len(arm.commands)
    joint_state = arm.joint_state

    def spoilt():
        msg = joint_state()
        if kind == 'not finite':
            msg.position[2] = float('inf')
        elif kind == 'missing joint':
            msg.name[2] = 'elbow'
        elif kind == 'doubled':
            msg.name[2] = msg.name[1]
        elif kind == 'ragged':
            msg.position = msg.position[:-3]
        else:
            msg.position[2] += 10.0
        return msg
    arm.joint_state = spoilt
    seen = status.next(lambda msg: msg.message.startswith('STALE_INPUT'))
    assert seen.level == convert.DiagnosticStatus.WARN
    arm.wait_for_command(at_rest)
    assert_within_limits(arm, first)
    arm.joint_state = joint_state
    arm.wait_for_command(moving)


def test_joints_are_found_by_name(peer, arm, plans):
    order = [8, 3, 1, 7, 0, 6, 2, 5, 4]
    joint_state = arm.joint_state

    def shuffled():
        msg = joint_state()
        msg.name = [msg.name[i] for i in order]
        msg.position = [msg.position[i] for i in order]
        msg.velocity = [msg.velocity[i] for i in order]
        return msg
    arm.joint_state = shuffled
    start(peer)
    arm.wait_for_command(moving)
    wait_until(lambda: len(arm.commands) > 120)
    np.testing.assert_allclose(arm.commands[-1][1][1:], arm.robot.home[1:], atol=1e-3)
    assert_within_limits(arm)
