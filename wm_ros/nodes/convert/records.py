"""Observations and beliefs as records: named arrays in a PointCloud2, for any ROS tool."""

from array import array
import math
from typing import Any, Dict, Optional, Tuple

import numpy as np
from sensor_msgs.msg import PointCloud2, PointField
from wm_ros.nodes.convert.basics import ConvertError, finite, seconds, show, stamp
from wm_ros.types import Belief, Observation

_ARRAYS = ('joint_efforts', 'commanded_positions', 'commanded_velocities')
_CHECKPOINT, _HIDDEN, _IMAGE = 'checkpoint_', 'hidden_', 'image'
_FIELDS: Dict[Tuple[Tuple[str, int], ...], list] = {}


def observation_to_msg(observation: Observation, frame: str) -> PointCloud2:
    """Return the record of an observation; depth stays behind, its age is told."""
    entries = [('joint_positions', observation.joint_positions),
               ('joint_velocities', observation.joint_velocities),
               ('gripper_width', observation.gripper_width)]
    for name in _ARRAYS + ('commanded_gripper', 'object_poses', 'wrench'):
        value = getattr(observation, name)
        if value is not None:
            entries.append((name, value))
    entries += [(f'age_{name}', age) for name, age in observation.ages.items()
                if math.isfinite(age)]
    image = observation.image
    left = {'depth'} | ({'image'} if image is None else set())
    entries += [(f'valid_{name}', flag and name not in left)
                for name, flag in observation.valid.items()]
    if image is not None:
        entries.append(('image_rows', image.shape[0]))
    return _record(observation.stamp, frame, entries, image)


def observation_from_msg(msg: PointCloud2) -> Observation:
    """Return the observation of a record; ConvertError for any other PointCloud2."""
    what = 'observation'
    entries, image = _entries(what, msg)
    positions = _take(what, entries, 'joint_positions')
    count = positions.size
    optional: Dict[str, Any] = {
        name: _take(what, entries, name, count) for name in _ARRAYS if name in entries}
    if 'commanded_gripper' in entries:
        optional['commanded_gripper'] = _scalar(what, entries, 'commanded_gripper')
    if 'wrench' in entries:
        optional['wrench'] = _take(what, entries, 'wrench', 6)
    if 'object_poses' in entries:
        poses = _take(what, entries, 'object_poses')
        if poses.size % 7:
            raise ConvertError(f'{what}: object_poses has {poses.size} values, expected 7 each')
        optional['object_poses'] = poses.reshape(-1, 7)
    if image is not None:
        optional['image'] = _picture(what, image, _scalar(what, entries, 'image_rows'))
    velocities = _take(what, entries, 'joint_velocities', count)
    width = _scalar(what, entries, 'gripper_width')
    ages, valid = {}, {}
    for name in list(entries):
        if name.startswith('age_'):
            ages[name[len('age_'):]] = _scalar(what, entries, name)
        elif name.startswith('valid_'):
            valid[name[len('valid_'):]] = bool(_scalar(what, entries, name))
        else:
            raise ConvertError(f'{what}: unknown field {show(name)}')
    return Observation(
        stamp=seconds(msg.header.stamp), joint_positions=positions, joint_velocities=velocities,
        gripper_width=width, ages=ages, valid=valid, **optional)


def belief_to_msg(belief: Belief, frame: str) -> PointCloud2:
    """Return the record of a belief; a field ``checkpoint_<hash>`` says who made it."""
    return _record(belief.stamp, frame, [
        ('state', belief.state), ('latent', belief.latent),
        ('joint_positions', belief.joint_positions),
        ('commanded_positions', belief.commanded_positions),
        ('commanded_velocities', belief.commanded_velocities),
        ('surprise', belief.surprise), ('gripper_width', belief.gripper_width),
        ('commanded_gripper', belief.commanded_gripper), ('unseen', belief.unseen),
        ('uncertainty', belief.uncertainty), ('delay', belief.delay),
        ('under_way', () if belief.under_way is None else belief.under_way),
        ('offset', () if belief.offset is None else belief.offset),
        *((_HIDDEN + name, number) for name, number in belief.hidden.items()),
        (_CHECKPOINT + belief.checkpoint, 1.0)])


def belief_from_msg(msg: PointCloud2) -> Belief:
    """Return the belief of a record; ConvertError for any other PointCloud2."""
    what = 'belief'
    entries, _ = _entries(what, msg)
    marks = [name for name in entries if name.startswith(_CHECKPOINT)]
    if len(marks) != 1:
        raise ConvertError(f'{what}: got {len(marks)} fields {_CHECKPOINT}<hash>, expected one')
    del entries[marks[0]]
    positions = _take(what, entries, 'joint_positions')
    latent = entries.pop('latent', np.zeros(0))
    under_way = entries.pop('under_way', None)
    if under_way is not None:
        width = 2 * positions.size + 2
        if under_way.size % width:
            raise ConvertError(f'{what}: under_way has {under_way.size} values, expected {width} '
                               'each')
        under_way = under_way.reshape(-1, width)
    offset = _take(what, entries, 'offset', positions.size) if 'offset' in entries else None
    hidden = {name[len(_HIDDEN):]: _scalar(what, entries, name) for name in list(entries)
              if name.startswith(_HIDDEN)}
    belief = Belief(
        stamp=seconds(msg.header.stamp),
        state=_take(what, entries, 'state').astype(np.float32),
        latent=latent.astype(np.float32), joint_positions=positions,
        commanded_positions=_take(what, entries, 'commanded_positions', positions.size),
        commanded_velocities=_take(what, entries, 'commanded_velocities', positions.size),
        surprise=_scalar(what, entries, 'surprise'),
        gripper_width=_scalar(what, entries, 'gripper_width'),
        commanded_gripper=_scalar(what, entries, 'commanded_gripper'),
        unseen=_scalar(what, entries, 'unseen'),
        uncertainty=_scalar(what, entries, 'uncertainty'),
        delay=_scalar(what, entries, 'delay'), under_way=under_way, offset=offset, hidden=hidden,
        checkpoint=marks[0][len(_CHECKPOINT):])
    if entries:
        raise ConvertError(f'{what}: unknown field {show(next(iter(entries)))}')
    # A float64 beyond float32's range has become infinite by now.
    finite(f'{what}: state', belief.state)
    finite(f'{what}: latent', belief.latent)
    return belief


def _record(time, frame, entries, image=None) -> PointCloud2:
    """
    Return a record of ``entries`` (name, values); those without values are left out.

    ``image`` uint8 [H, W, 3] comes last, as bytes.
    """
    rows = [(name, np.atleast_1d(np.asarray(values, dtype=float)).ravel())
            for name, values in entries]
    rows = [(name, values) for name, values in rows if values.size]
    layout = tuple((name, values.size) for name, values in rows)
    if image is not None:
        layout += ((_IMAGE, image.size),)
    if layout not in _FIELDS:
        if len(_FIELDS) > 64:
            _FIELDS.clear()
        offsets = np.cumsum([0] + [8 * size for _, size in layout])
        _FIELDS[layout] = [
            PointField(name=name, offset=int(offset), count=size,
                       datatype=PointField.UINT8 if name == _IMAGE else PointField.FLOAT64)
            for (name, size), offset in zip(layout, offsets)]
    data = np.concatenate([values for _, values in rows]).tobytes()
    if image is not None:
        data += np.ascontiguousarray(image).tobytes() + bytes(-image.size % 8)
    msg = PointCloud2(height=1, width=1, is_dense=True, point_step=len(data),
                      row_step=len(data), data=array('B', data), fields=_FIELDS[layout])
    msg.header.stamp = stamp(time)
    msg.header.frame_id = frame
    return msg


def _entries(what, msg: PointCloud2) -> Tuple[Dict[str, np.ndarray], Optional[np.ndarray]]:
    """Return the arrays of a record by name, and its image's bytes; ConvertError for none."""
    size = len(msg.data)
    if (msg.height, msg.width, msg.is_bigendian) != (1, 1, False) or size % 8 or not size:
        raise ConvertError(f'{what}: not a record (one little-endian point of 64-bit floats)')
    found, image, values = {}, None, np.frombuffer(msg.data, np.uint8)
    for field in msg.fields:
        wide = field.name != _IMAGE
        expected = PointField.FLOAT64 if wide else PointField.UINT8
        end = field.offset + field.count * (8 if wide else 1)
        if (field.datatype != expected or field.offset % 8 or field.count < 1
                or end > size or field.name in found or (image is not None and not wide)):
            raise ConvertError(f'{what}: field {show(field.name)} is doubled, misplaced, or of '
                               'another type')
        part = values[field.offset:end]
        if wide:
            found[field.name] = np.array(finite(f'{what}: {field.name}', part.view('<f8')))
        else:
            image = part.copy()
    return found, image


def _picture(what, image, rows) -> np.ndarray:
    """Return the bytes ``image`` as [rows, columns, 3]."""
    if not rows >= 1 or rows != int(rows) or image.size % (3 * int(rows)):
        raise ConvertError(f'{what}: image has {image.size} bytes and {rows:g} rows')
    return image.reshape(int(rows), -1, 3)


def _take(what, entries, name, count=None):
    if name not in entries:
        raise ConvertError(f'{what}: field {name!r} is missing')
    values = entries.pop(name)
    if count is not None and values.size != count:
        raise ConvertError(f'{what}: {name} has {values.size} values, expected {count}')
    return values


def _scalar(what, entries, name) -> float:
    return float(_take(what, entries, name, 1)[0])
