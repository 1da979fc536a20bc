"""The safety node: what reaches the arm, and what never does."""

import time

import numpy as np
import pytest
from ros_testing import ACTIVATE, BEST_EFFORT, CLEANUP, CONFIGURE, DEACTIVATE, wait_until
from rosgraph_msgs.msg import Clock
from safety_testing import (
    assert_within_limits, at_rest, moving, NAME, next_status, PERIOD, start, statuses)
from wm_ros.nodes import convert
from wm_ros.nodes.safety_node import SafetyNode, SILENT
from wm_ros.types import Code

pytestmark = pytest.mark.slow


def test_nothing_is_sent_before_joint_states(peer, arm, plans):
    arm.silent = True
    start(peer)
    status = statuses(peer)
    assert next_status(status, Code.WAITING).text == 'no joint state yet'
    time.sleep(0.3)     # not to synchronise: this is how long nothing may come
    assert not arm.commands
    arm.silent = False
    positions, velocities = arm.wait_for_command()
    np.testing.assert_allclose(positions, arm.robot.home, atol=1e-6)
    assert not velocities.any()


def test_without_a_plan_the_arm_is_held(peer, arm):
    start(peer)
    statuses(peer).next(lambda msg: msg.message == 'WAITING: no plan to act on')
    arm.wait_for_command()
    wait_until(lambda: len(arm.commands) > 50)
    assert np.ptp([c[1] for c in arm.commands], axis=0).max() == 0.0


def test_a_plan_is_followed(peer, arm, plans):
    start(peer)
    status = statuses(peer)
    commands = peer.record(convert.JointState, f'{NAME}/command')
    arm.wait_for_command(moving)
    wait_until(lambda: len(arm.commands) > 360, 15.0)
    assert_within_limits(arm)
    swing = np.ptp([c[1] for c in arm.commands], axis=0)
    assert swing[0] > 0.15 and swing[1:].max() < 1e-6
    found = next_status(status, Code.OK)
    # How fast is for the benchmarks to say, on a machine that does nothing else.
    assert found.figures['gate_rate_hz'] > 20 and found.figures['plan_rate_hz'] > 5
    assert found.figures['latency_p99_ms'] >= found.figures['latency_p50_ms'] > 20
    assert found.figures['missed_deadlines'] >= 0
    # What is reported as sent is what was sent.
    sent = convert.command_from_msg(commands.messages[-1], arm.robot)
    wait_until(lambda: any(np.allclose(c[1], sent.positions, atol=1e-8)
                           for c in arm.commands))


def test_the_hand_follows_the_plan(peer, arm, plans):
    hand = peer.record(convert.JointTrajectory, 'gripper_controller/joint_trajectory')
    start(peer)
    msg = hand.next(lambda msg: abs(msg.points[0].positions[0] - 0.02) < 1e-6)
    assert tuple(msg.joint_names) == arm.robot.gripper_joint_names
    # An unchanged command is repeated now and then, not with each period.
    first, began = len(hand), time.monotonic()
    wait_until(lambda: len(hand) - first >= 10)
    assert time.monotonic() - began > 0.7


def logged(capfd, text):
    """Return the condition that ``text`` has been written to a terminal."""
    lines = []

    def look():
        lines.extend(capfd.readouterr())
        return text in ''.join(lines)
    return look


@pytest.mark.parametrize('fault', ['plans cease', 'joint states cease', 'both cease'])
def test_loss_of_input_brakes_to_a_hold(peer, arm, plans, fault, capfd):
    """And whoever sits at the terminal reads why."""
    start(peer)
    status = statuses(peer)
    arm.wait_for_command(moving)
    first = len(arm.commands)
    plans.silent = fault != 'joint states cease'
    arm.silent = fault != 'plans cease'
    began = time.monotonic()
    code = Code.STALE_PLAN if fault == 'plans cease' else Code.STALE_INPUT
    timeout = 0.15 if fault == 'plans cease' else 0.1
    next_status(status, code)
    # The plans were observed when they were sent, at 30 Hz at most one period ago.
    # The bar to the millisecond is pinned in test_safety_faults, on a clock of its own.
    assert time.monotonic() - began < timeout + 1.0
    wait_until(logged(capfd, f'{code.name}: '), 5.0, 'the line in the log')
    arm.wait_for_command(at_rest)
    assert_within_limits(arm, first)
    # Commands go on while it holds, so that the controller's own timeout does not strike.
    held = arm.commands[-1][1]
    wait_until(lambda: len(arm.commands) > first + 60)
    np.testing.assert_array_equal(arm.commands[-1][1], held)
    plans.silent = arm.silent = False
    arm.wait_for_command(moving)
    assert_within_limits(arm, first)


def test_an_emergency_stop_ends_only_by_reset(peer, arm, plans):
    start(peer)
    status = statuses(peer)
    arm.wait_for_command(moving)
    first = len(arm.commands)
    assert peer.trigger(f'{NAME}/emergency_stop').success
    next_status(status, Code.EMERGENCY_STOP)
    arm.wait_for_command(at_rest)
    assert_within_limits(arm, first)
    for flag in (True, False):
        assert peer.pause(NAME, flag).success
    assert peer.change(NAME, DEACTIVATE, ACTIVATE)
    assert peer.change(NAME, DEACTIVATE, CLEANUP, CONFIGURE, ACTIVATE)
    next_status(status, Code.EMERGENCY_STOP)
    assert 'held: stopped until reset' in peer.pause(NAME, True).message
    assert peer.pause(NAME, False).success
    held = len(arm.commands)
    wait_until(lambda: len(arm.commands) > held + 60)
    assert all(at_rest(*c[1:]) for c in arm.commands[held:])
    answer = peer.trigger(f'{NAME}/reset')
    assert answer.success and 'paused' in answer.message
    next_status(status, Code.PAUSED)
    assert all(at_rest(*c[1:]) for c in arm.commands[held:])      # a reset starts nothing
    assert peer.pause(NAME, False).success
    arm.wait_for_command(moving)
    assert_within_limits(arm, held)


def test_after_a_pause_the_arm_goes_on_from_where_it_is(peer, arm, plans):
    start(peer)
    status = statuses(peer)
    arm.wait_for_command(moving)
    assert 'the arm still brakes' in peer.pause(NAME, True).message
    next_status(status, Code.PAUSED)
    arm.wait_for_silence()
    assert SILENT in peer.pause(NAME, True).message
    # Somebody moves the arm by hand.
    plans.silent = True
    arm.positions = arm.positions + 0.5 * np.array([1, 1, 1, -1, 1, 1, 1])
    moved = arm.positions.copy()
    # The arm is seen where it was put, and then the command is there as well.
    wait_until(lambda: next_status(status, Code.PAUSED).figures['tracking_error'] > 0.1)
    wait_until(lambda: next_status(status, Code.PAUSED).figures['tracking_error'] < 0.01)
    assert peer.pause(NAME, False).success
    positions, velocities = arm.wait_for_command()
    np.testing.assert_allclose(positions, moved, atol=arm.robot.limits.velocity.max() * PERIOD)
    assert np.abs(velocities).max() < 0.2


def test_positions_for_a_forward_command_controller(peer, arm, plans):
    kind = 'std_msgs/Float64MultiArray'
    recorder = peer.record(convert.Float64MultiArray, 'arm_controller/commands')
    hand = peer.record(convert.Float64MultiArray, 'hand/commands')
    start(peer, command_out_type=kind, command_out_topic='arm_controller/commands',
          gripper_command_type=kind, gripper_command_topic='hand/commands')
    assert len(recorder.next().data) == 7
    assert len(hand.next().data) == 2
    assert not arm.commands


def test_speed_scale_is_applied_while_running(peer, arm, plans):
    plans.amplitude, plans.rate = 0.3, 3.0
    start(peer)
    status = statuses(peer)
    arm.wait_for_command(lambda p, v: abs(v[0]) > 0.6)
    assert peer.set(NAME, safety__speed_scale=0.1).successful
    next_status(status, Code.LIMITED)
    slow = 0.1 * arm.robot.limits.velocity[0] + 1e-9
    wait_until(lambda: abs(arm.commands[-1][2][0]) <= slow)
    first = len(arm.commands)
    wait_until(lambda: len(arm.commands) > first + 240)
    assert max(abs(c[2][0]) for c in arm.commands[first:]) <= slow


def test_with_simulated_time_periods_are_those_of_the_clock(peer, arm):
    clock = peer.publisher(Clock, '/clock', 10)
    now = [100.0]
    joint_state = arm.joint_state

    def stamped():
        msg = joint_state()
        msg.header.stamp = convert.stamp(now[0])
        return msg
    arm.joint_state = stamped
    node = peer.run(SafetyNode, {'use_sim_time': True}).node
    wait_until(lambda: node.sim_time)
    assert peer.change(NAME, CONFIGURE, ACTIVATE)
    wait_until(clock.get_subscription_count)

    def advance(count):
        for _ in range(count):
            now[0] += 0.01
            clock.publish(Clock(clock=convert.stamp(now[0])))
            seen = now[0]
            wait_until(lambda: node.now() >= seen - 1e-9)
    advance(20)
    wait_until(lambda: len(arm.commands) > 10)
    arm.wait_for_silence()
    ticks = node._ticks
    status = statuses(peer)
    for _ in range(3):      # it goes on saying so
        assert 'clock' in next_status(status, Code.WAITING).text
    assert node._ticks == ticks         # the clock stands, and so does the gate
    advance(100)
    wait_until(lambda: node._ticks >= ticks + 98)
    assert node._ticks <= ticks + 101
    assert peer.change(NAME, DEACTIVATE)


def test_figures_cost_nothing_unless_somebody_listens(peer, arm):
    node = start(peer)
    asked = []
    node.figures = lambda: asked.append(1) or {}
    arm.wait_for_command()
    wait_until(lambda: len(arm.commands) > 120)
    assert not asked
    peer.record(convert.DiagnosticStatus, f'{NAME}/status', BEST_EFFORT).next()
    assert asked
