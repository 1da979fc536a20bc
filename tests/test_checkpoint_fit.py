"""What a checkpoint was made for: any other task, robot or motion is refused, in one line."""

from dataclasses import fields, replace
import json

from model_testing import make_dynamics, refusal, ROBOT
import numpy as np
import pytest
from wm_ros.robot import motion
from wm_ros.robot.fingerprint import fingerprint
from wm_ros.robot.motion import MotionRule
from wm_ros.tasks import get_task
from wm_ros.world_model import save_checkpoint

REACH = get_task('reach')


@pytest.fixture
def saved(tmp_path):
    """Save a good checkpoint; return its path without an ending."""
    path = tmp_path / 'good'
    save_checkpoint(path, make_dynamics(), ROBOT, REACH, {}, 0.004)
    return path


def test_another_task(saved):
    said = refusal(saved, task=get_task('push'))
    assert "made for task 'reach', expected 'push'" in said


@pytest.mark.parametrize('key, value', [
    ('joint_names', ['a'] * 7), ('dt', 0.1), ('urdf_sha256', 'x' * 10 ** 5), ('lower', None),
    ('max_linear_speed', [1, 2]), ('max_yaw_rate', None), ('workspace_high', [1.0] * 3),
    ('action_names', ['x', 'y', 'z']), ('yaw_range', [-3.0, 3.0]), ('gripper_step', 0.05),
    ('gripper_joint_names', []), ('gripper_range', [0.0, 1.0]), ('home', [0.0] * 7),
    ('acceleration', [1.0] * 7)])
def test_another_robot(saved, key, value):
    file = saved.with_suffix('.json')
    meta = json.loads(file.read_text())
    meta['fingerprint'][key] = value
    file.write_text(json.dumps(meta))
    assert f'made for another robot: {key} is' in refusal(saved)


def test_a_robot_with_other_limits(saved):
    lower = ROBOT.limits.lower.copy()
    lower[3] += 0.1
    robot = replace(ROBOT, limits=replace(ROBOT.limits, lower=lower))
    assert 'another robot: lower' in refusal(saved, robot=robot)


def test_a_robot_file_that_was_edited(saved):
    robot = replace(ROBOT, workspace_high=ROBOT.workspace_high + [0.0, 0.0, 0.1])
    assert 'another robot: workspace_high' in refusal(saved, robot=robot)
    robot = replace(ROBOT, max_yaw_rate=3.0)
    assert 'max_yaw_rate is 1.5, this robot has 3.0' in refusal(saved, robot=robot)


def numbers(part):
    """Yield all numbers in a fingerprint."""
    if isinstance(part, dict):
        part = list(part.values())
    if isinstance(part, list):
        for item in part:
            yield from numbers(item)
    elif isinstance(part, (int, float)):
        yield float(part)


def test_no_constant_of_the_motion_is_forgotten(saved, monkeypatch):
    """Whatever MotionRule gets to know in the robot has to be in the fingerprint."""
    rule = MotionRule.of(ROBOT)
    said = set(numbers(fingerprint(ROBOT)))
    for item in fields(rule):
        assert set(np.atleast_1d(getattr(rule, item.name)).tolist()) <= said, item.name
    monkeypatch.setattr(motion, 'GRIPPER_STEP', 0.03)
    assert 'gripper_step is 0.02, this robot has 0.03' in refusal(saved)


@pytest.mark.parametrize('names', [('brick',), (), ('block', 'brick')])
def test_other_objects_than_those_of_the_task(tmp_path, names):
    task = get_task('push')
    save_checkpoint(tmp_path / 'push', make_dynamics('push'), ROBOT, task, {}, 0.004)
    other = replace(task, object_names=names)
    assert f"objects ['block'], expected {list(names)}" in refusal(tmp_path / 'push', task=other)
