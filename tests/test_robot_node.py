"""The robot node over DDS: topics, commands, episodes, time."""

import json
import signal
import time

from diagnostic_msgs.msg import DiagnosticStatus
from geometry_msgs.msg import PoseArray, PoseStamped, WrenchStamped
import numpy as np
import pytest
from rclpy.duration import Duration
from robot_node_testing import by_name, ROBOT
from ros_testing import wait_until
from rosgraph_msgs.msg import Clock
from std_msgs.msg import Float64MultiArray
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint
from wm_ros.nodes import convert
from wm_ros.nodes.qos import LATCHED
from wm_ros.robot.kinematics import Kinematics

pytestmark = pytest.mark.slow


def episode_of(msg):
    """Return the figures of an episode message."""
    return {item.key: float(item.value) for item in msg.values}


def test_joint_states_at_their_rate_with_honest_stamps(robot_node):
    """100 Hz, all joints by name, stamps even and fresh, whoever else is at work."""
    node = robot_node(task='push')
    node.joints.next()
    first = len(node.joints)
    wait_until(lambda: len(node.joints) >= first + 300, 30.0, '300 joint states')
    msgs = node.joints.messages[first:first + 300]
    stamps = np.array([convert.seconds(msg.header.stamp) for msg in msgs])
    # On the grid of the physics: 2 or 3 substeps of 1/240 s, but for what a busy machine loses.
    steps = np.round(np.diff(stamps) * 240)
    assert steps.min() >= 2
    even = steps[np.isin(steps, (2, 3))]
    assert len(even) > 150
    assert 240 / even.mean() == pytest.approx(100.0, abs=3.0)
    assert abs(stamps[-1] - time.time()) < 1.0
    assert sorted(msgs[0].name) == sorted(ROBOT.joint_names + ROBOT.gripper_joint_names)
    for msg in msgs:
        sample = convert.joint_state_from_msg(msg)
        assert np.isfinite(sample.positions).all() and len(sample.efforts) == 9


def test_joint_states_are_in_no_ideal_order(robot_node):
    """As on hardware: fingers stand between the arm's joints, so only names will do."""
    node = robot_node(engine='mock')
    msg = node.joints.next()
    places = sorted(msg.name.index(name) for name in ROBOT.joint_names)
    assert places != list(range(places[0], places[0] + len(places)))
    place = dict(zip(msg.name, msg.position))
    fingers = [place[name] for name in ROBOT.gripper_joint_names]
    assert fingers[0] == fingers[1] and 0 <= sum(fingers) <= ROBOT.gripper_max
    before = by_name(msg, 'position')
    wanted = before + np.linspace(0.05, 0.2, 7)
    node.order(wanted, seconds=0.3)
    # All of a joint stands in one column: what moves is what was ordered, and as fast.
    moving = node.joints.next(lambda msg: by_name(msg, 'velocity').max() > 0.1)
    speeds = by_name(moving, 'velocity')
    assert np.all(np.diff(speeds) > 0)
    for name in ROBOT.gripper_joint_names:
        place = moving.name.index(name)
        assert moving.velocity[place] == moving.effort[place] == 0.0
    after = node.joints.next(lambda msg: np.allclose(by_name(msg, 'position'), wanted))
    place = dict(zip(after.name, after.position))
    assert [place[name] for name in ROBOT.gripper_joint_names] == fingers


def test_other_topics(robot_node, peer):
    """Object poses, wrench and clock are there, in their frames."""
    node = robot_node(task='push')
    objects = peer.record(PoseArray, 'object_poses').next()
    assert objects.header.frame_id == ROBOT.base_frame and len(objects.poses) == 1
    assert objects.poses[0].position.z == pytest.approx(0.025, abs=0.003)
    assert peer.record(WrenchStamped, 'wrench').next().header.frame_id == 'panda_link7'
    clock = peer.record(Clock, '/clock').next().clock
    stamp = node.joints.next().header.stamp
    assert convert.seconds(clock) == pytest.approx(convert.seconds(stamp), abs=0.5)


def test_arm_obeys_by_name(robot_node):
    """A trajectory with the joints in another order moves the right ones."""
    node = robot_node()
    wanted = node.position() + np.linspace(0.05, 0.2, 7)
    node.order(wanted[::-1], ROBOT.joint_names[::-1])
    wait_until(lambda: np.abs(node.position() - wanted).max() < 0.01, 10.0, 'the arm there')


def test_position_commands_and_gripper(robot_node, peer):
    """The other command type, and both ways to move the gripper."""
    node = robot_node(command_timeout=5.0)
    arm = peer.publisher(Float64MultiArray, 'arm_controller/commands', 1)
    gripper = peer.publisher(Float64MultiArray, 'gripper_controller/commands', 1)
    fingers = peer.publisher(JointTrajectory, 'gripper_controller/joint_trajectory', 1)
    wanted = node.position() + 0.05
    node.send(arm, Float64MultiArray(data=wanted.tolist()))
    wait_until(lambda: np.abs(node.position() - wanted).max() < 0.01, 10.0, 'the arm there')

    def opened():
        msg = node.joints.next()
        return dict(zip(msg.name, msg.position))['panda_finger_joint1']
    node.send(gripper, Float64MultiArray(data=[0.03]))
    wait_until(lambda: abs(opened() - 0.03) < 0.003, 10.0, 'the gripper open')
    point = JointTrajectoryPoint(positions=[0.01])
    point.time_from_start.nanosec = 100_000_000
    node.send(fingers, JointTrajectory(joint_names=['panda_finger_joint1'], points=[point]))
    wait_until(lambda: abs(opened() - 0.01) < 0.003, 10.0, 'the gripper half closed')


def test_bad_commands_are_refused_and_change_nothing(robot_node):
    """NaN, partial, doubled and unknown joints: a line in the log, and the arm stands."""
    node = robot_node(engine='mock')
    before = node.position()

    def refused(reason, *order):
        def sent_and_said():
            node.order(*order)
            return reason in node.process.output()
        wait_until(sent_and_said, 10.0, f'the refusal: {reason}')
    refused('not finite', np.full(7, np.nan))
    for names in (ROBOT.joint_names[:6], ROBOT.joint_names[:6] + ('elbow',),
                  ROBOT.joint_names[:1] * 7):
        refused(f'got joints {", ".join(names)}, expected', (before + 0.2)[:len(names)], names)
    assert np.array_equal(node.position(), before)
    node.order(before + 0.2, seconds=0.0)
    msg = node.joints.next(lambda msg: not np.array_equal(by_name(msg, 'position'), before))
    assert by_name(msg, 'position') == pytest.approx(before + 0.2)
    assert 'Traceback' not in node.process.output()


def test_commands_that_cease(robot_node, peer):
    """After command_timeout the arm stands where it is, and obeys the next command."""
    node = robot_node(command_timeout=0.02)
    before = node.position()
    far = before - 0.8 * np.sign(before)
    direct = peer.publisher(Float64MultiArray, 'arm_controller/commands', 1)
    node.send(direct, Float64MultiArray(data=far.tolist()))     # one, where many should come
    wait_until(lambda: np.abs(node.position() - before).max() > 1e-3, 10.0, 'the arm in motion')
    wait_until(lambda: np.abs(by_name(node.joints.next(), 'velocity')).max() < 0.01, 10.0,
               'rest')
    assert np.abs(node.position() - far).max() > 0.4
    node.order(before, seconds=0.3)
    wait_until(lambda: np.abs(node.position() - before).max() < 0.02, 10.0, 'and back')


def test_episodes_follow_the_seed(robot_node, peer):
    """A seed that was set is used exactly, the next one counts up, and the same is the same."""
    node = robot_node(task='push', engine='mock', seed=3)
    goals = peer.record(PoseStamped, 'robot_node/goal', LATCHED)
    wait_until(lambda: len(goals), 10.0, 'the first goal')
    assert goals.messages[0].header.frame_id == ROBOT.base_frame
    scenes = []
    for seed in (42, None, None, 42):
        if seed is not None:
            assert peer.set('robot_node', seed=seed).successful
        scenes.append(node.reset())
        wait_until(lambda: len(goals) == len(scenes) + 1, 10.0, 'the goal')
        goal = goals.messages[-1].pose.position
        assert (goal.x, goal.y) == pytest.approx(scenes[-1]['goal'][:2])
    assert [scene['seed'] for scene in scenes] == [42, 43, 44, 42]
    assert scenes[0] == scenes[3] != scenes[1]
    assert scenes[0]['task'] == 'push'
    refused = peer.set('robot_node', seed=-1)
    assert not refused.successful and '-1' in refused.reason
    assert not peer.set('robot_node', engine='pybullet').successful


def test_episode_succeeds_when_the_arm_is_at_the_goal(robot_node, peer):
    """The truth is published, success is latched, and the time-out comes when it must."""
    node = robot_node(engine='mock')
    episodes = peer.record(DiagnosticStatus, 'robot_node/episode')
    scene = node.reset()
    running = episode_of(episodes.next(lambda msg: episode_of(msg)['elapsed'] < 2.0))
    assert running['success'] == running['done'] == 0 and running['distance'] > 0.05
    path, _ = Kinematics(ROBOT).follow(
        node.position(), np.tile(scene['goal'][:3], (12, 1)), np.zeros(12),
        np.zeros((12, 3)), np.zeros(12))
    node.order(path[-1], seconds=0.2)
    done = episode_of(episodes.next(lambda msg: episode_of(msg)['done']))
    assert done['success'] == 1 and done['distance'] < 0.02 and done['seed'] == scene['seed']
    assert done['elapsed'] < 5.0 and done['real_time_factor'] > 0.0
    node.reset()
    late = episodes.next(lambda msg: episode_of(msg)['done'])
    assert late.message == 'timeout' and episode_of(late)['elapsed'] >= 5.0


def test_lockstep(robot_node, peer):
    """Time stands still without ~/step, and the same steps give the same end."""
    node = robot_node(task='push', lockstep=True)
    ends = []
    for _ in range(2):
        assert peer.set('robot_node', seed=5).successful
        node.reset()
        times = []
        for i in range(20):
            if i == 3:
                # A request is answered after the command: one thread takes both in turn.
                node.order(ROBOT.home)
                assert node.arm.wait_for_all_acked(Duration(seconds=5))
            response = peer.trigger('robot_node/step')
            times.append(json.loads(response.message)['time'])
        steps = np.round(np.diff(times) * 240).astype(int)
        assert set(steps) <= {2, 3} and sum(steps) / len(steps) == pytest.approx(2.4, abs=0.1)
        msg = wait_until(lambda: next((m for m in node.joints.messages[::-1] if convert.seconds(
            m.header.stamp) == pytest.approx(times[-1], abs=1e-6)), None), 5.0, 'the last state')
        ends.append(list(msg.position))
    assert ends[0] == ends[1]


def test_step_is_for_lockstep(robot_node, peer):
    """In real time it says how to get there."""
    robot_node(engine='mock')
    response = peer.trigger('robot_node/step')
    assert not response.success and 'lockstep' in response.message


def test_a_stopped_process_does_not_hurry_afterwards(robot_node):
    """Time that the machine took away is lost, not made up for in a burst."""
    node = robot_node(engine='mock')
    node.joints.next()
    node.process.signal(signal.SIGSTOP)
    time.sleep(1.0)     # not to synchronise: this is how long the machine is away
    seen = len(node.joints)
    node.process.signal(signal.SIGCONT)
    begin = time.monotonic()
    wait_until(lambda: len(node.joints) >= seen + 50, 10.0, '50 joint states')
    assert time.monotonic() - begin > 0.3


@pytest.mark.parametrize('arguments, expected', [
    (('engine:=magic',), 'expected one of pybullet, mujoco, mock'),
    (('task:=juggle',), 'unknown task'),
    (('robot:=nobody',), 'unknown robot'),
    (('joint_state_rate:=0.0',), 'from 1 to 240 Hz'),
    (('joint_state_rat:=100.0',), 'did you mean'),
])
def test_bad_parameters_end_the_process(processes, arguments, expected):
    """With one line that says why, and exit code 2."""
    words = [word for argument in arguments for word in ('-p', argument)]
    process = processes('sim.robot_node', '--ros-args', *words)
    assert process.wait() == 2
    line = process.output().strip().splitlines()[-1]
    assert line.startswith('robot_node: ') and expected in line
    assert 'Traceback' not in process.output()
