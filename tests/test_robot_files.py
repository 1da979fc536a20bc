"""Robot files and URDFs: what is read from them, and what is said of bad ones."""

import json
from pathlib import Path

import numpy as np
import pytest
from wm_ros import paths
from wm_ros.robot import urdf
from wm_ros.robot.fingerprint import fingerprint
from wm_ros.robot.kinematics import Kinematics
from wm_ros.robot.robot import load_robot
from wm_ros.types import WmRosError
import yaml

SHIPPED = yaml.safe_load((paths.config_dir() / 'robots' / 'panda.yaml').read_text())
URDF = """<robot name="two">
  <link name="base"/> <link name="arm"/> <link name="hand"/>
  <joint name="shoulder" type="revolute">
    <parent link="base"/> <child link="arm"/>
    <origin xyz="0 0 0.3" rpy="0 0 1.5"/> <axis xyz="0 1 0"/>
    <limit lower="-2" upper="2" velocity="1.5" effort="10"/>
    <safety_controller soft_lower_limit="-1.9" soft_upper_limit="1.8" k_velocity="1"/>
  </joint>
  <joint name="flange" type="fixed"> <parent link="arm"/> <child link="hand"/> </joint>
</robot>"""


def write(folder, text, name='robot.urdf') -> Path:
    path = folder / name
    path.write_text(text)
    return path


def robot_file(folder, **changes):
    """Write the shipped robot file with ``changes``; None takes a key away."""
    data = {**SHIPPED, 'action': dict(SHIPPED['action'])}
    for name, value in changes.items():
        place = data['action'] if name in data['action'] else data
        place[name] = value
        if value is None:
            del place[name]
    return str(write(folder, yaml.safe_dump(data), 'mine.yaml'))


def refusal(function, *args) -> str:
    """Return what a WmRosError says, which has to be one line."""
    with pytest.raises(WmRosError) as caught:
        function(*args)
    text = str(caught.value)
    assert text and '\n' not in text
    return text


def test_the_shipped_robot():
    robot = load_robot('panda')
    assert robot.joint_names == tuple(f'panda_joint{i}' for i in range(1, 8))
    assert robot.limits.names == robot.joint_names
    # The soft limits of the URDF, not its hard ones.
    np.testing.assert_allclose(robot.limits.lower[:2], [-2.8973, -1.7628])
    np.testing.assert_allclose(robot.limits.velocity[:5], [2.175] * 4 + [2.61])
    np.testing.assert_allclose(robot.limits.effort[0], 87)
    assert (robot.gripper_min, robot.gripper_max) == (0.0, 0.08)
    with pytest.raises(ValueError):
        robot.home[0] = 1.0


def test_joints_of_a_urdf(tmp_path):
    joint = urdf.read_joints(write(tmp_path, URDF))['shoulder']
    assert (joint.kind, joint.parent, joint.child) == ('revolute', 'base', 'arm')
    assert joint.xyz == (0.0, 0.0, 0.3) and joint.axis == (0.0, 1.0, 0.0)
    assert (joint.lower, joint.upper, joint.velocity, joint.effort) == (-1.9, 1.8, 1.5, 10.0)


def test_chain_from_base_to_tip(tmp_path):
    joints = urdf.read_joints(write(tmp_path, URDF))
    assert [j.name for j in urdf.chain(joints, 'base', 'hand')] == ['shoulder', 'flange']
    assert 'stops at' in refusal(urdf.chain, joints, 'arm', 'base')


def test_a_chain_that_bites_its_tail_ends(tmp_path):
    text = URDF.replace('<parent link="base"/>', '<parent link="hand"/>')
    assert 'no chain' in refusal(
        urdf.chain, urdf.read_joints(write(tmp_path, text)), 'base', 'hand')


@pytest.mark.parametrize('text, said', [
    ('', 'not readable'), ('<robot><joint', 'not readable'), ('\x00\xff', 'not readable'),
    (URDF.replace('lower="-2"', 'lower="two"'), "'shoulder': could not convert"),
    (URDF.replace('xyz="0 1 0"', 'xyz="0 1"'), "'shoulder': axis xyz"),
    (URDF.replace('xyz="0 0 0.3"', 'xyz="0 0 nan"'), "'shoulder': origin xyz"),
    (URDF.replace('<parent link="base"/>', ''), "'shoulder': has no parent link")])
def test_malformed_urdf(tmp_path, text, said):
    assert said in refusal(urdf.read_joints, write(tmp_path, text))


def test_plain_path_beside_the_file_that_names_it(tmp_path):
    path = write(tmp_path, URDF)
    assert urdf.resolve('robot.urdf', tmp_path) == path
    assert urdf.resolve(str(path), Path('/elsewhere')) == path


def test_package_path(tmp_path, monkeypatch):
    share = tmp_path / 'share' / 'my_arm'
    index = tmp_path / 'share' / 'ament_index' / 'resource_index' / 'packages'
    for folder in (share / 'urdf', index):
        folder.mkdir(parents=True)
    (index / 'my_arm').touch()
    path = write(share / 'urdf', URDF)
    monkeypatch.setenv('AMENT_PREFIX_PATH', str(tmp_path))
    assert urdf.resolve('package://my_arm/urdf/robot.urdf').samefile(path)
    assert 'no such file' in refusal(urdf.resolve, 'package://my_arm/urdf/other.urdf')
    assert "package 'your_arm' not found" in refusal(urdf.resolve, 'package://your_arm/a.urdf')


def test_pybullet_data_path():
    assert urdf.resolve('pybullet_data://franka_panda/panda.urdf').is_file()
    assert 'no such file' in refusal(urdf.resolve, 'pybullet_data://no/such.urdf')


def test_unknown_robot_lists_the_known():
    said = refusal(load_robot, 'pandora')
    assert "'pandora'" in said and 'panda' in said.replace('pandora', '')


def test_another_file_beside_a_urdf(tmp_path):
    write(tmp_path, Path(load_robot().urdf).read_text(), 'arm.urdf')
    robot = load_robot(robot_file(tmp_path, name='twin', urdf='arm.urdf', dt=0.1))
    assert (robot.name, robot.dt, robot.urdf) == ('twin', 0.1, tmp_path / 'arm.urdf')


@pytest.mark.parametrize('changes, said', [
    ({'urdf': None}, "'urdf' is missing"), ({'urdf': 'none.urdf'}, 'no such file'),
    ({'urdf': 3}, 'no such file'), ({'dt': None}, "'dt' is missing"),
    ({'joint_names': ['panda_joint1', 'elbow']}, 'no joint elbow'),
    ({'home': [0.0] * 6}, 'home: expected 7'), ({'home': [float('nan')] * 7}, 'home'),
    ({'home': [9.0] * 7}, 'inside the joint limits'), ({'dt': 0}, 'dt: expected'),
    ({'dt': 'fast'}, "'fast'"), ({'max_yaw_rate': float('inf')}, 'max_yaw_rate: expected'),
    ({'gripper_range': [0.08]}, 'got [0.08]'), ({'gripper_range': [0.08, 0.0]}, 'got [0.08, 0.0]'),
    ({'workspace_low': [0.9, 0, 0]}, 'workspace_low'), ({'action': []}, 'below "action:"'),
    ({'acceleration': [1.0]}, 'acceleration must be 7'),
    ({'acceleration': [-1.0] * 7}, 'must be positive')])
def test_bad_robot_files(tmp_path, changes, said):
    assert said in refusal(load_robot, robot_file(tmp_path, **changes))


@pytest.mark.parametrize('text', ['', '[1, 2]', 'a: [', 'just words', '\t'])
def test_files_that_hold_no_robot(tmp_path, text):
    assert 'robot file' in refusal(load_robot, str(write(tmp_path, text, 'mine.yaml')))


@pytest.mark.parametrize('changes, said', [
    ({'ee_frame': 'thumb'}, 'no chain'),
    ({'joint_names': SHIPPED['joint_names'][:6], 'home': SHIPPED['home'][:6],
      'acceleration': SHIPPED['acceleration'][:6]}, 'the chain moves'),
    ({'joint_names': SHIPPED['joint_names'] + ['panda_finger_joint1'],
      'ee_frame': 'panda_leftfinger', 'home': SHIPPED['home'] + [0.01],
      'acceleration': SHIPPED['acceleration'] + [1.0]}, 'prismatic, expected revolute')])
def test_a_chain_that_is_not_the_arm(tmp_path, changes, said):
    assert said in refusal(Kinematics, load_robot(robot_file(tmp_path, **changes)))


@pytest.mark.parametrize('key, value', [
    ('dt', 0.1), ('max_linear_speed', 0.2), ('max_linear_acceleration', 1.5),
    ('max_yaw_rate', 1.4), ('max_yaw_acceleration', 7.9), ('workspace_low', [0.28, -0.29, 0.012]),
    ('workspace_high', [0.695, 0.3, 0.43]), ('home', [0.1] + SHIPPED['home'][1:]),
    ('acceleration', [14.0] + SHIPPED['acceleration'][1:]), ('gripper_range', [0.01, 0.08]),
    ('gripper_range', [0.0, 0.07]), ('gripper_joint_names', ['panda_finger_joint1']),
    ('ee_frame', 'panda_hand'), ('joint_names', SHIPPED['joint_names'][::-1])])
def test_whatever_is_edited_in_a_robot_file_changes_the_fingerprint(tmp_path, key, value):
    changes = {key: value}
    if key == 'joint_names':
        changes['home'] = SHIPPED['home'][::-1]
    assert fingerprint(load_robot(robot_file(tmp_path, **changes))) != fingerprint(load_robot())


def test_fingerprints_tell_robots_apart(tmp_path):
    shipped = load_robot()
    assert fingerprint(load_robot(robot_file(tmp_path))) == fingerprint(shipped)
    assert json.loads(json.dumps(fingerprint(shipped))) == fingerprint(shipped)
    text = Path(shipped.urdf).read_text() + '<!-- another -->'
    write(tmp_path, text, 'arm.urdf')
    assert fingerprint(load_robot(robot_file(tmp_path, urdf='arm.urdf'))) != \
        fingerprint(shipped)
