"""What sensors say."""

import io
from typing import NamedTuple, Tuple

from geometry_msgs.msg import PoseArray, WrenchStamped
import numpy as np
from sensor_msgs.msg import CompressedImage, Image, JointState
from wm_ros.nodes.convert.basics import ConvertError, finite, seconds, show
from wm_ros.nodes.convert.poses import pose_values, unit_poses

_MAX_PIXELS = 64_000_000
_COLOURS = {'rgb8': 3, 'bgr8': 3, 'mono8': 1}
_DEPTHS = {'32FC1': ('f4', 1.0), '16UC1': ('u2', 1e-3)}


class JointSample(NamedTuple):
    """A JointState as it came; velocities and efforts are empty where they were left out."""

    stamp: float                # [s]
    names: Tuple[str, ...]
    positions: np.ndarray       # [J] rad or m
    velocities: np.ndarray      # [J] or [0]
    efforts: np.ndarray         # [J] or [0]


def joint_state_from_msg(msg: JointState) -> JointSample:
    """
    Return a JointState's names and arrays, whose lengths agree.

    What is usable of it is for the reader to judge: robots may name further joints, and
    report NaN for what they do not know.
    """
    count = len(msg.name)
    arrays = [np.array(values, dtype=float)
              for values in (msg.position, msg.velocity, msg.effort)]
    if len(arrays[0]) != count or any(len(array) not in (0, count) for array in arrays[1:]):
        sizes = ', '.join(str(len(array)) for array in arrays)
        raise ConvertError(f'joint state: got {count} names, but {sizes} positions, '
                           'velocities and efforts')
    return JointSample(seconds(msg.header.stamp), tuple(msg.name), *arrays)


def poses_from_msg(msg: PoseArray, base_frame: str) -> Tuple[float, np.ndarray]:
    """Return stamp [s] and poses [M, 7] in ``base_frame``, quaternions normalised."""
    _check_frame('object_poses', msg.header.frame_id, base_frame)
    rows = [pose_values(pose) for pose in msg.poses]
    poses = np.array(rows, dtype=float).reshape(-1, 7)
    return seconds(msg.header.stamp), unit_poses('object_poses', poses)


def wrench_from_msg(msg: WrenchStamped) -> Tuple[float, np.ndarray]:
    """Return stamp [s] and wrench [6] N, N m."""
    force, torque = msg.wrench.force, msg.wrench.torque
    values = np.array([force.x, force.y, force.z, torque.x, torque.y, torque.z])
    return seconds(msg.header.stamp), finite('wrench', values)


def _check_frame(what, frame, base_frame):
    if frame not in ('', base_frame):
        raise ConvertError(f'{what}: got frame {show(frame)}, expected {base_frame!r}')


def image_from_msg(msg: Image) -> Tuple[float, np.ndarray]:
    """Return stamp [s] and image [H, W, 3] uint8 RGB of an rgb8, bgr8 or mono8 image."""
    channels = _COLOURS.get(msg.encoding)
    if channels is None:
        raise ConvertError(f'image: got encoding {show(msg.encoding)}, expected one of '
                           f'{", ".join(_COLOURS)}')
    pixels = _pixels('image', msg, np.dtype(np.uint8), channels)
    if channels == 1:
        pixels = np.repeat(pixels, 3, axis=2)
    elif msg.encoding == 'bgr8':
        pixels = pixels[:, :, ::-1]
    return seconds(msg.header.stamp), np.ascontiguousarray(pixels)


def depth_from_msg(msg: Image) -> Tuple[float, np.ndarray]:
    """Return stamp [s] and depth [H, W] float32 m (REP-118: NaN where there is none)."""
    if msg.encoding not in _DEPTHS:
        raise ConvertError(f'depth image: got encoding {show(msg.encoding)}, expected one of '
                           f'{", ".join(_DEPTHS)}')
    code, unit = _DEPTHS[msg.encoding]
    kind = np.dtype(code).newbyteorder('>' if msg.is_bigendian else '<')
    raw = _pixels('depth image', msg, kind, 1)[:, :, 0]
    depth = raw.astype(np.float32) * np.float32(unit)
    if code == 'u2':
        depth[raw == 0] = np.nan
    return seconds(msg.header.stamp), depth


def image_from_compressed(msg: CompressedImage) -> Tuple[float, np.ndarray]:
    """Return stamp [s] and image [H, W, 3] uint8 RGB of a JPEG or PNG."""
    from PIL import Image as Picture
    try:
        with Picture.open(io.BytesIO(bytes(msg.data)), formats=('JPEG', 'PNG')) as picture:
            if picture.width * picture.height > _MAX_PIXELS:
                raise ConvertError('compressed image: got more than 64 million pixels')
            pixels = np.array(picture.convert('RGB'))
    except (OSError, SyntaxError, ValueError, Picture.DecompressionBombError) as error:
        raise ConvertError('compressed image: not a readable JPEG or PNG') from error
    return seconds(msg.header.stamp), pixels


def _pixels(what, msg, kind, channels):
    """Return a view [H, W, channels] of an image's data, its padding left out."""
    height, width, step = msg.height, msg.width, msg.step
    row = width * channels * kind.itemsize
    if height == 0 or width == 0:
        raise ConvertError(f'{what}: got {width} x {height} pixels')
    if height * width > _MAX_PIXELS or step < row or len(msg.data) != step * height:
        raise ConvertError(f'{what}: got {len(msg.data)} bytes in rows of {step}, expected '
                           f'{height} rows of at least {row}')
    rows = np.frombuffer(msg.data, np.uint8).reshape(height, step)[:, :row]
    return np.ascontiguousarray(rows).view(kind).reshape(height, width, channels)
