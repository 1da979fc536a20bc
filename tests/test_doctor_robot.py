"""What ``wm_ros doctor --robot`` says of a robot file."""

import json

import pytest
from wm_ros import paths
from wm_ros.cli import main
from wm_ros.robot.robot import load_robot
import yaml

SHIPPED = yaml.safe_load((paths.config_dir() / 'robots' / 'panda.yaml').read_text())


def robot_file(folder, **changes):
    """Write the shipped robot file with ``changes``; return its path."""
    data = {**SHIPPED, 'action': dict(SHIPPED['action'])}
    for name, value in changes.items():
        (data['action'] if name in data['action'] else data)[name] = value
    path = folder / 'mine.yaml'
    path.write_text(yaml.safe_dump(data))
    return str(path)


def doctor(capsys, *arguments):
    """Return (exit code, what was printed)."""
    code = main(['doctor', *arguments])
    out, error = capsys.readouterr()
    assert 'Traceback' not in out + error
    return code, out


def test_the_shipped_robot_by_name(capsys, tmp_path):
    file = tmp_path / 'report.json'
    code, out = doctor(capsys, '--robot', 'panda', '--json', str(file))
    assert code == 0 and out.strip().endswith('all well')
    robot = load_robot('panda')
    assert str(robot.urdf) in out
    for name, lower, upper in zip(robot.joint_names, robot.limits.lower, robot.limits.upper):
        line, = (line for line in out.splitlines() if f' {name} ' in line)
        assert f'{lower:.3f} to {upper:.3f} rad' in line and 'rad/s^2' in line
    assert 'panda_link0 -> panda_grasptarget' in out
    assert 'panda_finger_joint1, panda_finger_joint2' in out
    report = json.loads(file.read_text())
    assert report['ok'] and all(finding['level'] == 'ok' for finding in report['findings'])
    assert {'checkpoint reach', 'checkpoint push'} <= {f['name'] for f in report['findings']}


def test_a_file_of_ones_own(capsys, tmp_path):
    """It loads; that there is no checkpoint for it yet is no fault, and what to do is said."""
    path = robot_file(tmp_path, name='mine', max_yaw_rate=1.0)
    code, out = doctor(capsys, '--robot', path)
    assert code == 0 and path in out and 'FAIL' not in out
    assert f'wm_ros train --robot {path} --task reach' in out


def test_a_robot_that_was_edited_since_the_training(capsys, tmp_path):
    """The shipped checkpoint has its name, and would be refused."""
    code, out = doctor(capsys, '--robot', robot_file(tmp_path, max_yaw_rate=1.0))
    assert code == 0 and 'max_yaw_rate is 1.5, this robot has 1.0' in out


@pytest.mark.parametrize('changes, said', [
    ({'urdf': 'none.urdf'}, 'none.urdf: no such file'),
    ({'joint_names': ['elbow'] + SHIPPED['joint_names'][1:]}, 'no joint elbow'),
    ({'ee_frame': 'thumb'}, "no chain from 'panda_link0' to 'thumb'"),
    ({'acceleration': [1.0]}, 'acceleration must be 7'),
    ({'joint_names': SHIPPED['joint_names'][::-1], 'home': SHIPPED['home'][::-1],
      'acceleration': SHIPPED['acceleration'][::-1]}, 'the chain moves')])
def test_files_that_cannot_be_used(capsys, tmp_path, changes, said):
    code, out = doctor(capsys, '--robot', robot_file(tmp_path, **changes))
    assert code == 1 and said in out and out.strip().endswith('1 to mend')


@pytest.mark.parametrize('changes, said', [
    ({'home': [0.0, -0.13, 0.0, -2.48, 0.0, 1.0, 0.785398]}, 'does not point down'),
    ({'workspace_low': [0.6, -0.29, 0.012]}, 'outside the workspace')])
def test_a_home_that_planning_cannot_begin_from(capsys, tmp_path, changes, said):
    code, out = doctor(capsys, '--robot', robot_file(tmp_path, **changes))
    assert code == 0 and 'note' in out and said in out


def test_an_unknown_name(capsys):
    code, out = doctor(capsys, '--robot', 'pandora')
    assert code == 1 and "unknown robot 'pandora': expected one of iiwa, panda, ur5e" in out
