"""The robot node's camera over DDS."""

import subprocess

import numpy as np
import pytest
from ros_testing import BEST_EFFORT, wait_until
from sensor_msgs.msg import CameraInfo, Image
from wm_ros.nodes import convert

pytestmark = pytest.mark.slow


def children_of(pid):
    """Return the command lines of a process's children."""
    return subprocess.run(['ps', '--ppid', str(pid), '-o', 'args='], capture_output=True,
                          text=True).stdout


def test_camera_works_only_while_somebody_looks(robot_node, peer):
    """Pictures of the asked size; the camera's process comes and goes with the subscriber."""
    node = robot_node(task='push', camera__width=80, camera__height=60, camera__depth=True)
    node.joints.next()
    assert 'sim.sensors.camera' not in children_of(node.process.pid)
    images = peer.record(Image, 'camera/image_raw', BEST_EFFORT)
    depths = peer.record(Image, 'camera/depth/image_raw', BEST_EFFORT)
    infos = peer.record(CameraInfo, 'camera/camera_info', BEST_EFFORT)
    _, rgb = convert.image_from_msg(images.next())
    assert rgb.shape == (60, 80, 3) and rgb.std() > 10
    _, depth = convert.depth_from_msg(depths.next())
    assert depth.shape == (60, 80) and 0.3 < depth[45, 40] < 3.0
    assert infos.next().k[2] == 40.0
    assert 'sim.sensors.camera' in children_of(node.process.pid)
    for recorder in (images, depths, infos):
        peer.node.destroy_subscription(recorder._subscription)
    wait_until(lambda: 'sim.sensors.camera' not in children_of(node.process.pid), 10.0,
               'the end of the camera process')


def test_large_pictures_do_not_disturb_the_joint_states(robot_node, peer):
    """Rendering takes far longer than the time between joint states."""
    node = robot_node(task='push', camera__width=320, camera__height=240)
    images = peer.record(Image, 'camera/image_raw', BEST_EFFORT)
    images.next()
    first, pictures = len(node.joints), len(images)
    wait_until(lambda: len(node.joints) >= first + 300, 10.0, '300 joint states')
    assert len(images) > pictures + 5
    steps = np.diff([convert.seconds(msg.header.stamp)
                     for msg in node.joints.messages[first:first + 300]])
    assert np.median(np.round(steps * 240)) in (2, 3)
