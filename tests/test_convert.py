"""Messages to nouns and back, and messages that are neither."""

import io
import math

from message_testing import (
    FRAME, make_belief, make_observation, make_plan, N, ROBOT, T0)
import numpy as np
from PIL import Image as Picture
import pytest
from rclpy.serialization import deserialize_message, serialize_message
from wm_ros.nodes import convert
from wm_ros.types import Code, Command, GoalRejected, Observation, Status


def over_the_wire(msg):
    """Return the message as a subscriber would get it."""
    return deserialize_message(serialize_message(msg), type(msg))


def assert_same(noun, other, skip=()):
    for name in vars(noun):
        if name in skip:
            continue
        value, found = getattr(noun, name), getattr(other, name)
        if isinstance(value, np.ndarray):
            np.testing.assert_array_equal(value, found, err_msg=name)
            assert value.dtype == found.dtype, name
        elif isinstance(value, float):
            assert found == pytest.approx(value, abs=1e-6), name
        else:
            assert found == value, name


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.mark.parametrize('time', [0.0, 1e-9, 0.999999999, T0, 12.5])
def test_time(time):
    assert convert.seconds(convert.stamp(time)) == pytest.approx(time, abs=5e-7)


def test_time_with_too_many_nanoseconds():
    with pytest.raises(convert.ConvertError, match='1000000000 ns'):
        convert.seconds(convert.JointState().header.stamp.__class__(nanosec=1_000_000_000))


def test_observation_round_trip(rng):
    observation = make_observation(rng)
    msg = over_the_wire(convert.observation_to_msg(observation, FRAME))
    found = convert.observation_from_msg(msg)
    assert msg.header.frame_id == FRAME
    assert_same(observation, found, skip=('valid',))
    # Images stay behind, and the record says so.
    assert dict(found.valid) == {'joint_positions': True, 'wrench': False, 'image': False}


@pytest.mark.parametrize('shape', [(8, 8, 3), (5, 7, 3), (1, 1, 3)])
def test_an_observation_carries_its_image(rng, shape):
    image = rng.integers(256, size=shape, dtype=np.uint8)
    observation = make_observation(rng, image=image)
    msg = over_the_wire(convert.observation_to_msg(observation, FRAME))
    found = convert.observation_from_msg(msg)
    np.testing.assert_array_equal(found.image, image)
    assert found.image.dtype == np.uint8 and found.valid['image']
    np.testing.assert_array_equal(found.object_poses, observation.object_poses)
    msg.fields[-1].count += 8
    with pytest.raises(convert.ConvertError, match='image'):
        convert.observation_from_msg(msg)


def test_an_image_of_broken_rows_is_refused(rng):
    image = rng.integers(256, size=(4, 4, 3), dtype=np.uint8)
    msg = convert.observation_to_msg(make_observation(rng, image=image), FRAME)
    rows = next(field for field in msg.fields if field.name == 'image_rows')
    for value in (0.0, 5.0, 2.5):
        data = bytearray(msg.data)
        data[rows.offset:rows.offset + 8] = np.float64(value).tobytes()
        msg.data = bytes(data)
        with pytest.raises(convert.ConvertError, match='48 bytes'):
            convert.observation_from_msg(msg)


def test_observation_with_nothing_but_joints(rng):
    observation = Observation(T0, rng.normal(size=N), rng.normal(size=N))
    found = convert.observation_from_msg(over_the_wire(
        convert.observation_to_msg(observation, FRAME)))
    assert_same(observation, found)
    assert found.object_poses is None and found.commanded_gripper is None


@pytest.mark.parametrize('latent, late', [(0, {}), (8, {}), (8, {
    'delay': 0.1, 'under_way': np.arange(4.0 * N + 4).reshape(2, -1),
    'offset': np.arange(1.0 * N)})])
def test_belief_round_trip(rng, latent, late):
    belief = make_belief(rng, latent=rng.normal(size=latent).astype(np.float32), **late)
    msg = over_the_wire(convert.belief_to_msg(belief, FRAME))
    assert_same(belief, convert.belief_from_msg(msg))
    assert [f.name for f in msg.fields][-1] == 'checkpoint_0123456789ab'


def test_plan_round_trip(rng):
    plan = make_plan(rng)
    msg = over_the_wire(convert.plan_to_msg(plan, ROBOT, FRAME))
    found = convert.plan_from_msg(msg, ROBOT)
    for name in ('positions', 'velocities', 'gripper'):
        np.testing.assert_allclose(getattr(found, name), getattr(plan, name), atol=1e-15)
    for name in ('stamp', 'observed', 'dt'):
        assert getattr(found, name) == pytest.approx(getattr(plan, name), abs=1e-6)
    assert convert.seconds(msg.header.stamp) == pytest.approx(plan.observed, abs=1e-6)
    assert msg.points[0].time_from_start.nanosec == pytest.approx(30e6, abs=1000)


def test_plan_joints_are_found_by_name(rng):
    plan = make_plan(rng)
    msg = convert.plan_to_msg(plan, ROBOT, FRAME)
    order = rng.permutation(N + 1)
    msg.joint_names = [msg.joint_names[i] for i in order]
    for point in msg.points:
        point.positions = [point.positions[i] for i in order]
        point.velocities = [point.velocities[i] for i in order]
    np.testing.assert_allclose(convert.plan_from_msg(msg, ROBOT).positions, plan.positions)


def test_command_round_trip(rng):
    command = Command(T0, rng.normal(size=N), rng.normal(size=N), 0.05, False)
    msg = over_the_wire(convert.command_to_msg(command, ROBOT, FRAME))
    assert_same(command, convert.command_from_msg(msg, ROBOT))


def test_status_round_trip():
    status = Status(Code.STALE_PLAN, 'plan is 0.2 s old: late', {'rate': 99.5, 'age': math.inf})
    found = convert.status_from_msg(over_the_wire(convert.status_to_msg(status, 'a', 'b')))
    assert (found.code, found.text, dict(found.figures)) == (
        status.code, status.text, dict(status.figures))


def test_images(rng):
    pixels = rng.integers(0, 256, (4, 6, 3), dtype=np.uint8)
    for encoding, data, expected in (
            ('rgb8', pixels, pixels), ('bgr8', pixels, pixels[:, :, ::-1]),
            ('mono8', pixels[:, :, 0], np.repeat(pixels[:, :, :1], 3, axis=2))):
        row = data.reshape(4, -1)
        padded = np.hstack([row, np.full((4, 2), 77, np.uint8)])
        msg = convert.Image(height=4, width=6, encoding=encoding, step=padded.shape[1],
                            data=padded.tobytes())
        np.testing.assert_array_equal(convert.image_from_msg(over_the_wire(msg))[1], expected)


def test_compressed_image(rng):
    pixels = rng.integers(0, 256, (4, 6, 3), dtype=np.uint8)
    file = io.BytesIO()
    Picture.fromarray(pixels).save(file, 'PNG')
    msg = convert.CompressedImage(format='png', data=file.getvalue())
    np.testing.assert_array_equal(convert.image_from_compressed(msg)[1], pixels)


@pytest.mark.parametrize('bigendian', [False, True])
def test_depth(bigendian):
    order = '>' if bigendian else '<'
    millimetres = np.array([[0, 1000], [250, 65535]], f'{order}u2')
    msg = convert.Image(height=2, width=2, encoding='16UC1', step=4, is_bigendian=bigendian,
                        data=millimetres.tobytes())
    np.testing.assert_allclose(convert.depth_from_msg(msg)[1], [[np.nan, 1.0], [0.25, 65.535]])
    metres = np.array([[np.nan, 1.5], [np.inf, 0.5]], f'{order}f4')
    msg = convert.Image(height=2, width=2, encoding='32FC1', step=8, is_bigendian=bigendian,
                        data=metres.tobytes())
    np.testing.assert_array_equal(convert.depth_from_msg(msg)[1], metres)


def test_goal():
    msg = convert.PoseStamped()
    msg.pose.position.x, msg.pose.orientation.w = 0.5, 2.0
    with pytest.raises(GoalRejected, match='frame_id is empty'):
        convert.goal_from_msg(msg)
    msg.header.frame_id = 'camera'
    frame, pose = convert.goal_from_msg(msg)
    assert frame == 'camera' and pose.tolist() == [0.5, 0, 0, 0, 0, 0, 1]
    msg.pose.orientation.w = 0.0
    with pytest.raises(GoalRejected, match='orientation of length 0'):
        convert.goal_from_msg(msg)
    msg.pose.position.y, msg.pose.orientation.w = math.nan, 1.0
    with pytest.raises(GoalRejected, match='not finite'):
        convert.goal_from_msg(msg)


def test_transform_is_that_of_rotation_matrices(rng):
    from types import SimpleNamespace

    def matrix(q):
        x, y, z, w = q
        return np.array([
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)]])
    for _ in range(20):
        q, o = (v / np.linalg.norm(v) for v in rng.normal(size=(2, 4)))
        shift, place = rng.normal(size=(2, 3))
        transform = SimpleNamespace(
            translation=SimpleNamespace(**dict(zip('xyz', shift))),
            rotation=SimpleNamespace(**dict(zip('xyzw', q))))
        moved = convert.transform_pose(transform, np.concatenate([place, o]))
        np.testing.assert_allclose(moved[:3], matrix(q) @ place + shift, atol=1e-12)
        np.testing.assert_allclose(matrix(moved[3:]), matrix(q) @ matrix(o), atol=1e-12)


# joint_trajectory_controller's rules (validate_trajectory_msg, defaults of its parameters)

def controller_refuses(msg, joints, now):
    """Return why a joint_trajectory_controller with default parameters would refuse."""
    if len(msg.joint_names) != len(joints) or not msg.joint_names:
        return 'joints'
    if not msg.points:
        return 'empty'
    if any(name not in joints for name in msg.joint_names):
        return 'unknown joint'
    if any(abs(v) > np.finfo(np.float32).eps for v in msg.points[-1].velocities):
        return 'ends in motion'
    start = msg.header.stamp.sec + msg.header.stamp.nanosec * 1e-9
    last = 0.0
    for i, point in enumerate(msg.points):
        time = point.time_from_start.sec + point.time_from_start.nanosec * 1e-9
        if i and time <= last:
            return 'time does not rise'
        last = time
        if len(point.positions) != len(joints):
            return 'positions'
        if any(len(values) not in (0, len(joints))
               for values in (point.velocities, point.accelerations)):
            return 'sizes'
        if point.effort:
            return 'effort'
    if start and start + last < now:
        return 'in the past'
    return ''


@pytest.mark.parametrize('stamped', [False, True])
@pytest.mark.parametrize('speed', [0.0, 1e-9, 1e-4, 0.3, 2.0])
def test_controllers_accept_what_is_sent(rng, speed, stamped):
    limits = ROBOT.limits
    for _ in range(50):
        velocities = rng.uniform(-speed, speed, N)
        reach = velocities * np.abs(velocities) / (2 * limits.acceleration)
        # The gate sends nothing from which full braking would pass a limit.
        positions = rng.uniform(limits.lower - np.minimum(reach, 0.0),
                                limits.upper - np.maximum(reach, 0.0))
        command = Command(T0, positions, velocities, 0.04, False)
        msg = over_the_wire(convert.command_to_trajectory(
            command, ROBOT.joint_names, 1 / 120, limits, stamped))
        # Late by a tenth of a second is late, but not wrong.
        assert controller_refuses(msg, ROBOT.joint_names, T0 + 0.1) == ''
        assert convert.seconds(msg.header.stamp) == pytest.approx(
            T0 - 1 / 120 if stamped else 0.0)
        first = msg.points[0]
        ahead = first.time_from_start.nanosec * 1e-9 - 1 / 120
        assert -1e-9 <= ahead <= 2 / 120 + 1e-9
        np.testing.assert_allclose(first.positions, command.positions + ahead * velocities,
                                   atol=1e-8)
        np.testing.assert_array_equal(first.velocities, velocities)
        # What stands at the end is as far as full braking takes each joint, and within limits.
        last = np.array(msg.points[-1].positions)
        np.testing.assert_allclose(last - first.positions, reach, atol=1e-9)
        assert (last > limits.lower - 1e-9).all() and (last < limits.upper + 1e-9).all()


def test_controllers_would_refuse_the_plan_itself(rng):
    # The gate never passes it on; this shows that the rules above can refuse.
    msg = convert.plan_to_msg(make_plan(rng), ROBOT, FRAME)
    assert controller_refuses(msg, msg.joint_names, T0) == 'ends in motion'


def test_grippers(rng):
    names = ROBOT.gripper_joint_names
    msg = over_the_wire(convert.gripper_to_trajectory(0.05, names, 0.1))
    assert controller_refuses(msg, names, T0) == ''
    assert list(msg.points[0].positions) == [0.025, 0.025]
    assert list(convert.gripper_to_array(0.05, names).data) == [0.025, 0.025]
    command = Command(T0, rng.normal(size=N), np.zeros(N), 0.0, True)
    assert list(convert.command_to_array(command).data) == command.positions.tolist()
