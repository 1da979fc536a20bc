"""The sensor node: from topics to observations."""

import io
import time

import numpy as np
from PIL import Image as Picture
import pytest
from ros_testing import ACTIVATE, BEST_EFFORT, CONFIGURE, DEACTIVATE, wait_until
from wm_ros.nodes import convert
from wm_ros.nodes.sensor_node import SensorNode
from wm_ros.types import Code

pytestmark = pytest.mark.slow
NAME = 'sensor_node'


def start(peer, **parameters):
    node = peer.run(SensorNode, parameters).node
    assert peer.change(NAME, CONFIGURE, ACTIVATE)
    return node


def observations(peer):
    return peer.record(convert.PointCloud2, f'{NAME}/observation').connected()


def stamped(msg, time_=None):
    msg.header.stamp = convert.stamp(time.time() if time_ is None else time_)
    return msg


def test_observations_come_at_their_rate(peer, arm):
    start(peer, observation_rate=40.0)
    recorder = observations(peer)
    wait_until(lambda: len(recorder) >= 81)
    stamps = np.array([convert.seconds(msg.header.stamp) for msg in recorder.messages])
    # Of joint states at 100 Hz now each second one, now each third.
    assert np.median(stamps[4:] - stamps[:-4]) == pytest.approx(0.1, abs=0.011)
    found = convert.observation_from_msg(recorder.messages[-1])
    np.testing.assert_allclose(found.joint_positions, arm.robot.home, atol=1e-12)
    assert found.gripper_width == pytest.approx(0.04)
    assert found.commanded_positions is None and not found.valid['commanded_positions']
    # An observation has the stamp of the joint state behind it.
    assert recorder.messages[-1].header.frame_id == arm.robot.base_frame


def test_commands_and_objects_are_part_of_it(peer, arm):
    start(peer, task='push')
    recorder = observations(peer)
    command = peer.publisher(convert.JointState, 'safety_node/command', 1)
    poses = peer.publisher(convert.PoseArray, 'object_poses', BEST_EFFORT)
    wrench = peer.publisher(convert.WrenchStamped, 'wrench', BEST_EFFORT)
    wanted = arm.robot.home + 0.01

    def publish():
        msg = convert.JointState(name=arm.names, position=[*wanted, 0.01, 0.01],
                                 velocity=[0.1] * 9)
        command.publish(stamped(msg))
        msg = stamped(convert.PoseArray())
        msg.poses = [convert.PoseStamped().pose]
        msg.poses[0].position.x = 0.5
        poses.publish(msg)
        msg = stamped(convert.WrenchStamped())
        msg.wrench.force.z = -3.0
        wrench.publish(msg)

    def complete():
        publish()
        found = convert.observation_from_msg(recorder.next())
        return found if all(found.valid[name] for name in (
            'commanded_positions', 'object_poses', 'wrench')) else None
    found = wait_until(complete)
    np.testing.assert_allclose(found.commanded_positions, wanted)
    assert found.commanded_gripper == pytest.approx(0.02)
    assert found.object_poses.tolist() == [[0.5, 0, 0, 0, 0, 0, 1]]
    assert found.wrench.tolist() == [0, 0, -3, 0, 0, 0]
    # When they cease, they are masked after their timeout.
    msg = recorder.next(lambda msg: not convert.observation_from_msg(msg).valid['object_poses'])
    assert convert.observation_from_msg(msg).object_poses is None


def test_object_poses_in_another_frame_are_refused(peer, arm):
    start(peer, task='push')
    status = peer.record(convert.DiagnosticStatus, f'{NAME}/status').connected()
    poses = peer.publisher(convert.PoseArray, 'object_poses', BEST_EFFORT)
    msg = convert.PoseArray(poses=[convert.PoseStamped().pose])
    msg.header.frame_id = 'camera'

    def refused():
        poses.publish(stamped(msg))
        return next((m for m in status.messages if 'BAD_INPUT' in m.message), None)
    text = wait_until(refused).message
    assert text == "BAD_INPUT: object_poses: got frame 'camera', expected 'panda_link0'"
    assert convert.observation_from_msg(observations(peer).next()).object_poses is None


@pytest.mark.parametrize('compressed', [False, True])
def test_images_are_kept(peer, arm, compressed):
    node = start(peer, use_camera=True)
    pixels = np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    if compressed:
        file = io.BytesIO()
        Picture.fromarray(pixels).save(file, 'PNG')
        msg = convert.CompressedImage(format='png', data=file.getvalue())
    else:
        msg = convert.Image(height=48, width=64, step=192, encoding='rgb8',
                            data=pixels.tobytes())
    topic = 'camera/image_raw' + ('/compressed' if compressed else '')
    publisher = peer.publisher(type(msg), topic, BEST_EFFORT)

    def arrived():
        publisher.publish(stamped(msg))
        sample = node._builder._buffers['image'].newest()
        return sample
    found = wait_until(arrived).value
    np.testing.assert_array_equal(found, pixels)


def test_loss_and_pause_are_reported(peer, arm):
    start(peer)
    status = peer.record(convert.DiagnosticStatus, f'{NAME}/status').connected()
    found = convert.status_from_msg(status.next(lambda msg: msg.message == 'OK'))
    assert {'rate_hz', 'joint_states_hz', 'joint_positions_age_ms'} <= set(found.figures)
    arm.silent = True
    text = status.next(lambda msg: 'STALE_INPUT' in msg.message).message
    assert text == 'STALE_INPUT: no joint states'
    arm.silent = False
    status.next(lambda msg: msg.message == 'OK')
    recorder = observations(peer)
    recorder.next()
    assert peer.pause(NAME, True).success
    for _ in range(2):
        status.next(lambda msg: 'PAUSED' in msg.message)
    count = len(recorder)
    for _ in range(2):
        status.next(lambda msg: 'PAUSED' in msg.message)
    assert len(recorder) == count
    assert peer.pause(NAME, False).success
    recorder.next()
    assert peer.change(NAME, DEACTIVATE)


def test_refused_joint_states_are_counted_and_do_no_harm(peer, arm):
    start(peer)
    status = peer.record(convert.DiagnosticStatus, f'{NAME}/status').connected()
    status.next(lambda msg: msg.message == 'OK')
    joint_state = arm.joint_state

    def spoilt():
        msg = joint_state()
        msg.position[0] = float('nan')
        return msg
    arm.joint_state = spoilt
    found = convert.status_from_msg(status.next(lambda msg: 'BAD_INPUT' in msg.message))
    assert found.code is Code.BAD_INPUT and found.figures['refused'] >= 1
    arm.joint_state = joint_state
    status.next(lambda msg: msg.message == 'OK')
