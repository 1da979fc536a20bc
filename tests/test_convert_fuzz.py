"""Whatever comes over the wire: a noun, or a typed refusal."""

import copy
import io
import math

from message_testing import (
    FRAME, make_belief, make_joint_state, make_observation, make_plan, N, ROBOT, T0)
import numpy as np
from PIL import Image as Picture
from wm_ros.nodes import convert
from wm_ros.types import Code, Command, Status, WmRosError


def _samples(rng):
    observation = convert.observation_to_msg(make_observation(rng), FRAME)
    belief = convert.belief_to_msg(make_belief(rng), FRAME)
    plan = convert.plan_to_msg(make_plan(rng), ROBOT, FRAME)
    command = convert.command_to_msg(
        Command(T0, rng.normal(size=N), rng.normal(size=N), 0.05, False), ROBOT, FRAME)
    poses = convert.PoseArray()
    goal = convert.PoseStamped()
    goal.header.frame_id = FRAME
    poses.poses = [copy.deepcopy(goal.pose) for _ in range(3)]
    image = convert.Image(height=4, width=6, encoding='rgb8', step=18, data=bytes(72))
    depth = convert.Image(height=4, width=6, encoding='32FC1', step=24, data=bytes(96))
    file = io.BytesIO()
    Picture.fromarray(np.zeros((4, 6, 3), np.uint8)).save(file, 'JPEG')
    packed = convert.CompressedImage(format='jpeg', data=file.getvalue())
    status = convert.status_to_msg(Status(Code.OK, 'x', {'a': 1.0}), 'n')
    return [
        (observation, convert.observation_from_msg), (belief, convert.belief_from_msg),
        (plan, lambda msg: convert.plan_from_msg(msg, ROBOT)),
        (command, lambda msg: convert.command_from_msg(msg, ROBOT)),
        (make_joint_state(rng), convert.joint_state_from_msg),
        (poses, lambda msg: convert.poses_from_msg(msg, FRAME)),
        (goal, convert.goal_from_msg), (convert.WrenchStamped(), convert.wrench_from_msg),
        (image, convert.image_from_msg), (depth, convert.depth_from_msg),
        (packed, convert.image_from_compressed), (status, convert.status_from_msg)]


_LIMITS = {'int8': 7, 'uint8': 8, 'int16': 15, 'uint16': 16, 'int32': 31, 'uint32': 32}
_DOUBLES = (math.nan, math.inf, -math.inf, 1e308, -1e308, 0.0, -0.0, 5e-324, 1e9)
_STRINGS = ('', 'x', 'panda_joint1', 'rgb8', '32FC1', '16UC1', 'mono8', 'checkpoint_',
            'checkpoint_ff', 'age_', 'valid_x', 'state', 'ß\n')


def mutate(msg, rng):
    """Change one field somewhere in a message, within its type."""
    fields = list(msg.get_fields_and_field_types())
    name = fields[rng.integers(len(fields))]
    kind = msg.get_fields_and_field_types()[name]
    value = getattr(msg, name)
    if kind.startswith('sequence<') or '[' in kind:
        setattr(msg, name, _mutate_list(value, kind, rng))
    elif kind in ('double', 'float'):
        setattr(msg, name, float(rng.choice(_DOUBLES[:3] + _DOUBLES[5:])))
    elif kind == 'boolean':
        setattr(msg, name, not value)
    elif kind.startswith('string'):
        setattr(msg, name, str(rng.choice(_STRINGS)))
    elif kind in _LIMITS:
        low = 0 if kind.startswith('u') else -(2 ** _LIMITS[kind])
        high = 2 ** _LIMITS[kind] - 1
        choices = [low, high, 0, 1, int(rng.integers(low, high))]
        setattr(msg, name, int(choices[rng.integers(len(choices))]))
    elif kind == 'octet':
        setattr(msg, name, bytes([int(rng.integers(4))]))
    else:
        mutate(value, rng)


def _mutate_list(values, kind, rng):
    values = list(values)
    choice = rng.integers(7)
    if choice == 0 or not values:
        return []
    i = int(rng.integers(len(values)))
    if choice == 1:
        return values[:i]
    if choice == 2:
        return values + [copy.deepcopy(values[i])]
    if choice == 3:
        order = rng.permutation(len(values))
        return [values[j] for j in order]
    if choice == 4:
        values[i] = copy.deepcopy(values[0])
    elif 'double' in kind:
        values[i] = float(rng.choice(_DOUBLES))
    elif 'string' in kind:
        values[i] = str(rng.choice(_STRINGS))
    elif 'uint8' in kind:
        values[i] = int(rng.integers(256))
    else:
        mutate(values[i], rng)
    return values


def finite(noun):
    """Whether all that a noun holds is finite; depth and plain joint states may not be."""
    values = noun if isinstance(noun, tuple) else vars(noun).values()
    for value in values:
        if isinstance(value, (np.ndarray, float)) and not np.isfinite(value).all():
            return False
    return True


def test_fuzz():
    rng = np.random.default_rng(7)
    refused, accepted = 0, 0
    for _ in range(250):
        for msg, read in _samples(rng):
            for _ in range(int(rng.integers(1, 4))):
                mutate(msg, rng)
            try:
                noun = read(msg)
            except WmRosError as error:
                assert '\n' not in str(error) and 0 < len(str(error)) < 400
                refused += 1
                continue
            accepted += 1
            if read not in (convert.joint_state_from_msg, convert.depth_from_msg,
                            convert.status_from_msg):
                assert finite(noun), msg
    assert refused + accepted == 3000
    # Most changes are to be noticed, but harmless ones are not to be refused.
    assert refused > 1000 and accepted > 300
