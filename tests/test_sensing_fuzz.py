"""Thousands of malformed inputs: a typed refusal or a sound observation, nothing else."""

import numpy as np
from wm_ros.robot.robot import load_robot
from wm_ros.sensing import ObservationBuilder, SensingError
from wm_ros.tasks import get_task

ROBOT = load_robot('panda')
NAMES = list(ROBOT.joint_names + ROBOT.gripper_joint_names)
ODD = [None, 'text', b'bytes', object(), [], {}, [[1.0], [1.0, 2.0]], np.array(3.0), True,
       np.zeros((2, 0)), [None] * 9, ['a'] * 9, 1e400, np.full(9, 1e308), -1, 2 ** 2000,
       np.zeros(9, complex) + 1j, np.datetime64('now')]


def odd(rng):
    """Return something that is not meant."""
    return ODD[rng.integers(len(ODD))]


def spoiled_array(rng, array):
    """Return ``array`` with a fault: a number, the length, the type, the order of axes."""
    array = np.array(array, dtype=float)
    kind = rng.integers(6)
    if kind == 0 and array.size:
        array.flat[rng.integers(array.size)] = rng.choice([np.nan, np.inf, -np.inf, 1e308])
    elif kind == 1:
        array = array[:rng.integers(len(array) + 1)]
    elif kind == 2:
        array = np.concatenate([array, array[:rng.integers(1, 4)]])
    elif kind == 3:
        array = array[None]
    elif kind == 4:
        return odd(rng)
    return array


def spoiled_names(rng):
    """Return joint names that are permuted, missing, doubled, or none at all."""
    names = list(NAMES)
    kind = rng.integers(5)
    if kind == 0:
        rng.shuffle(names)
    elif kind == 1:
        del names[rng.integers(len(names))]
    elif kind == 2:
        names[rng.integers(len(names))] = names[rng.integers(len(names))]
    elif kind == 3:
        names[rng.integers(len(names))] = odd(rng)
    else:
        return odd(rng)
    return names


def spoiled_image(rng):
    """Return an image of the wrong size or type."""
    shape = [(0, 0, 3), (4, 0, 3), (4, 4), (4, 4, 1), (4, 4, 4), (3,), (4, 4, 3)][rng.integers(7)]
    kind = rng.choice(['u1', 'u2', 'f4', 'f8', 'i8', 'U1', '?', 'c8'])
    return odd(rng) if rng.random() < 0.2 else np.ones(shape).astype(kind)


def push_something(rng, builder, now):
    """Give the builder one input, most often a malformed one."""
    stamp = now if rng.random() < 0.6 else [
        now - 1.0, now + 1.0, -now, 0.0, np.nan, np.inf, 1e300, now - 1e-9, odd(rng)][
            rng.integers(9)]
    q, v = rng.normal(size=9) * 0.1, rng.normal(size=9)
    poses = np.concatenate([rng.normal(size=3), [0, 0, 0, 1]])[None]

    def bad(array):
        return array if rng.random() < 0.6 else spoiled_array(rng, array)
    names = NAMES if rng.random() < 0.6 else spoiled_names(rng)
    kind = rng.integers(6)
    if kind == 0:
        builder.joint_state(stamp, names, bad(q), bad(v), bad(v))
    elif kind == 1:
        builder.command(stamp, names, bad(q), bad(v))
    elif kind == 2:
        builder.object_poses(stamp, bad(poses))
    elif kind == 3:
        builder.wrench(stamp, bad(q[:6]))
    elif kind == 4:
        builder.image(stamp, spoiled_image(rng))
    else:
        builder.depth(stamp, spoiled_image(rng))


def check_sound(seen):
    """Fail unless an observation is what its docstring promises."""
    for field, shape in (('joint_positions', (7,)), ('joint_velocities', (7,)),
                         ('joint_efforts', (7,)), ('commanded_positions', (7,)),
                         ('commanded_velocities', (7,)), ('object_poses', (1, 7)),
                         ('wrench', (6,))):
        value = getattr(seen, field)
        if value is not None:
            assert value.shape == shape and np.isfinite(value).all(), field
            assert value.dtype == float
    assert np.isfinite(seen.gripper_width) and np.isfinite(seen.stamp)
    assert seen.image is None or (seen.image.dtype == np.uint8 and seen.image.ndim == 3)
    assert seen.depth is None or (seen.depth.dtype == np.float32 and seen.depth.ndim == 2)
    for field, valid in seen.valid.items():
        if field not in ('joint_velocities', 'gripper_width'):
            assert valid == (getattr(seen, field) is not None), field
    assert all(np.isfinite(age) for age in seen.ages.values())


def test_malformed_inputs_are_refused_and_nothing_else_happens():
    rng = np.random.default_rng(0)
    builder = ObservationBuilder(ROBOT, get_task('push'))
    refused = taken = built = 0
    now = 100.0
    for _ in range(20000):
        now += rng.exponential(0.005)
        try:
            push_something(rng, builder, now)
            taken += 1
        except SensingError as error:
            assert '\n' not in str(error)
            refused += 1
        try:
            check_sound(builder.build(now))
            built += 1
        except SensingError:
            pass
    assert refused > 8000 and taken > 2000 and built > 2000, (refused, taken, built)
