"""Sensor data to observations: by name, with ages, and nothing malformed gets in."""

import numpy as np
import pytest
from sensing_testing import ARM, feed, FINGERS, make_builder, NAMES, POSE, Q, V
from wm_ros.param_table import SENSOR, TABLE
from wm_ros.sensing import SensingError, SensingSettings, StaleInput
from wm_ros.types import ParameterError


@pytest.mark.parametrize('seed', range(10))
def test_joints_are_found_by_name(seed):
    rng = np.random.default_rng(seed)
    names = list(NAMES) + ['another_joint']
    q, v, e = np.append(Q, 9.0), np.append(V, np.nan), np.append(10 * V, np.inf)
    order = rng.permutation(len(names))
    seen = feed(make_builder(), 10.0, [names[i] for i in order], q[order], v[order],
                e[order]).build(10.0)
    np.testing.assert_array_equal(seen.joint_positions, Q[:7])
    np.testing.assert_array_equal(seen.joint_velocities, V[:7])
    np.testing.assert_array_equal(seen.joint_efforts, 10 * V[:7])
    assert seen.gripper_width == pytest.approx(0.04)
    assert seen.stamp == 10.0


def test_what_is_missing_is_masked():
    seen = feed(make_builder()).build(10.01)
    for field in ('commanded_positions', 'object_poses', 'wrench', 'image', 'depth',
                  'joint_efforts'):
        assert seen.valid[field] is False and getattr(seen, field) is None
    assert seen.commanded_velocities is None and seen.commanded_gripper is None
    for field in ('joint_positions', 'joint_velocities', 'gripper_width'):
        assert seen.valid[field] is True


def test_all_senses_come_together():
    builder = feed(make_builder(), efforts=V)
    image, depth = np.full((4, 6, 3), 7, np.uint8), np.full((4, 6), 0.5, np.float32)
    builder.object_poses(9.95, [POSE])
    builder.wrench(9.99, [1, 2, 3, 4, 5, 6])
    builder.image(9.8, image)
    builder.depth(9.8, depth)
    builder.command(10.001, NAMES, Q + 0.1, V)
    seen = builder.build(10.005)
    assert all(seen.valid.values())
    np.testing.assert_array_equal(seen.object_poses, [POSE])
    np.testing.assert_array_equal(seen.wrench, [1, 2, 3, 4, 5, 6])
    np.testing.assert_array_equal(seen.image, image)
    np.testing.assert_array_equal(seen.depth, depth)
    np.testing.assert_allclose(seen.commanded_positions, Q[:7] + 0.1)
    np.testing.assert_array_equal(seen.commanded_velocities, V[:7])
    assert seen.commanded_gripper == pytest.approx(0.24)
    assert seen.ages['object_poses'] == pytest.approx(0.05)
    assert seen.ages['image'] == pytest.approx(0.2)
    assert seen.ages['commanded_positions'] == pytest.approx(-0.001)
    assert not seen.image.flags.writeable


def test_fingers_may_be_told_of_apart():
    """As where an arm and a gripper have a joint_state_broadcaster each."""
    builder = make_builder()
    with pytest.raises(SensingError, match='no joint'):
        builder.joint_state(9.8, FINGERS, [0.0, 0.0])       # of the arm nothing was heard yet
    assert builder.joint_state(9.8, ARM, Q[:7])
    assert not builder.joint_state(9.9, FINGERS, [0.01, 0.03])
    assert builder.joint_state(10.0, ARM, Q[:7])
    seen = builder.build(10.0)
    assert seen.valid['gripper_width'] and seen.gripper_width == pytest.approx(0.04)
    assert not builder.joint_state(10.005, ['a_wheel'], [1.0])
    assert builder.joint_state(11.0, ARM, Q[:7])
    assert not builder.build(11.0).valid['gripper_width']       # nothing of late
    with pytest.raises(SensingError, match='no joint'):
        builder.joint_state(12.0, ARM[1:], Q[1:7])


def test_what_is_held_is_held_on_when_nobody_commands():
    """Fingers that were told to close stand where the block keeps them."""
    builder = feed(make_builder(), 10.0)        # 4 cm
    builder.command(10.0, NAMES, np.append(Q[:7], [0.0, 0.0]), V)
    builder.build(10.0)
    seen = feed(builder, 15.0).build(15.0)
    assert seen.commanded_positions is None and seen.commanded_gripper == 0.0
    moved = np.append(Q[:7], [0.03, 0.03])
    assert feed(builder, 16.0, positions=moved).build(16.0).commanded_gripper is None
    builder.clear()
    assert feed(builder, 17.0).build(17.0).commanded_gripper is None


@pytest.mark.parametrize('kind, field, timeout', [
    ('object_poses', 'object_poses', 0.2), ('wrench', 'wrench', 0.2), ('image', 'image', 0.5),
    ('depth', 'depth', 0.5)])
def test_what_is_too_old_is_masked(kind, field, timeout):
    data = {'object_poses': [POSE], 'wrench': np.ones(6), 'image': np.ones((2, 2, 3), np.uint8),
            'depth': np.ones((2, 2))}[kind]
    builder = make_builder()
    getattr(builder, kind)(10.0, data)
    feed(builder, 10.0 + timeout - 0.01)
    assert builder.build(10.0 + timeout - 0.01).valid[field]
    feed(builder, 10.0 + timeout + 0.01)
    seen = builder.build(10.0 + timeout + 0.01)
    assert not seen.valid[field] and getattr(seen, field) is None
    assert seen.ages[field] == pytest.approx(timeout + 0.01)


def test_of_several_samples_the_nearest_in_time_is_taken():
    builder = make_builder()
    for k in range(12):
        builder.command(10.0 + 0.01 * k, NAMES, Q + k, V)
    for k in range(12):
        builder.object_poses(10.0 + 0.01 * k, [[k] + POSE[1:]])
    feed(builder, 10.072)
    seen = builder.build(10.12)
    assert seen.commanded_positions[0] == pytest.approx(Q[0] + 7)
    assert seen.object_poses[0, 0] == 7


def test_stale_joint_states_give_no_observation():
    builder = make_builder()
    with pytest.raises(StaleInput, match='no joint state'):
        builder.build(10.0)
    feed(builder)
    builder.build(10.099)
    with pytest.raises(StaleInput, match='0.101'):
        builder.build(10.101)
    with pytest.raises(StaleInput):
        builder.build(9.85)     # from the future
    for now in (np.nan, np.inf, None, 'now'):
        with pytest.raises(SensingError):
            builder.build(now)


@pytest.mark.parametrize('none', [(), np.full(9, np.nan)], ids=['empty', 'NaN'])
def test_velocities_that_are_not_given_are_differences(none):
    builder = feed(make_builder(), 10.0, velocities=none)
    seen = builder.build(10.0)
    assert not seen.valid['joint_velocities'] and not seen.joint_velocities.any()
    feed(builder, 10.02, positions=Q + 0.01, velocities=none)
    seen = builder.build(10.02)
    assert seen.valid['joint_velocities']
    np.testing.assert_allclose(seen.joint_velocities, 0.5)
    # Across a gap nobody knows.
    feed(builder, 11.0, positions=Q, velocities=none)
    assert not builder.build(11.0).valid['joint_velocities']


def test_one_finger_stands_for_both():
    seen = feed(make_builder(), names=NAMES[:8], positions=Q[:8], velocities=V[:8]).build(10.0)
    assert seen.gripper_width == pytest.approx(0.02) and seen.valid['gripper_width']
    seen = feed(make_builder(), names=ARM, positions=Q[:7], velocities=V[:7]).build(10.0)
    assert seen.gripper_width == 0.0 and not seen.valid['gripper_width']


@pytest.mark.parametrize('velocities', [(), V[:3], np.full(9, np.nan)])
def test_a_command_has_velocities(velocities):
    with pytest.raises(SensingError):
        make_builder().command(10.0, NAMES, Q, velocities)


def test_quaternions_are_normalised():
    builder = feed(make_builder())
    builder.object_poses(10.0, [POSE[:3] + [0, 0, 0.6, 0.805]])
    assert np.linalg.norm(builder.build(10.0).object_poses[0, 3:]) == pytest.approx(1.0, abs=1e-12)


def test_depth_may_have_holes():
    builder = feed(make_builder())
    builder.depth(10.0, np.array([[np.nan, np.inf], [0.5, -np.inf]]))
    seen = builder.build(10.0)
    assert seen.valid['depth'] and seen.depth.dtype == np.float32


def test_a_task_without_objects_takes_no_poses():
    builder = feed(make_builder('reach'))
    builder.object_poses(10.0, [])
    assert builder.build(10.0).object_poses.shape == (0, 7)
    with pytest.raises(SensingError):
        builder.object_poses(10.1, [POSE])


def test_a_source_whose_clock_was_set_back_is_believed_after_a_while():
    builder = feed(make_builder(), 1e6)
    for k in range(4):
        with pytest.raises(SensingError, match='not newer'):
            feed(builder, 10.0 + 0.01 * k)
    feed(builder, 10.04)
    assert builder.build(10.05).stamp == 10.04


def test_stamps_back_and_forth_are_not_a_new_beginning():
    builder = make_builder()
    for k in range(50):
        feed(builder, 10.0 + 0.01 * k)
        with pytest.raises(SensingError):
            feed(builder, 9.0 + 0.01 * k)
    assert builder.build(10.5).stamp == pytest.approx(10.49)
    for _ in range(50):     # always the same old one: no clock that runs
        with pytest.raises(SensingError):
            feed(builder, 9.0)


def test_a_clock_that_goes_back_begins_anew():
    builder = feed(make_builder(), 100.0)
    builder.object_poses(100.0, [POSE])
    builder.build(100.0)
    with pytest.raises(StaleInput, match='no joint state'):
        builder.build(0.0)
    feed(builder, 0.01)
    assert not builder.build(0.01).valid['object_poses']


def test_an_observation_does_not_share_memory_with_its_source():
    q = Q.copy()
    builder = feed(make_builder(), positions=q)
    seen = builder.build(10.0)
    q += 1.0
    np.testing.assert_array_equal(seen.joint_positions, Q[:7])


def test_settings_come_from_the_parameter_table():
    params = TABLE.resolve(SENSOR, {'object_timeout': 0.7})
    settings = SensingSettings.from_params(params)
    assert settings.object_timeout == 0.7
    assert settings.joint_state_timeout == params['joint_state_timeout']
    for value in (np.nan, 0.0, -1.0, np.inf):
        with pytest.raises(ParameterError, match='image_timeout'):
            SensingSettings(image_timeout=value)
