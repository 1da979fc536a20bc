"""What data may look like: anything else is refused with a reason, never passed on."""

import math
from typing import Dict, Optional, Sequence, Tuple

import numpy as np
from wm_ros.types import WmRosError

#: Larger magnitudes are no measurement; they also keep later arithmetic from overflowing.
LARGEST = {'position': 1e4, 'velocity': 1e3, 'effort': 1e6, 'force': 1e6, 'length': 1e4}


class SensingError(WmRosError):
    """Sensor data was refused."""


class StaleInput(SensingError):
    """No joint state, or only one that is too old."""


def check_stamp(what: str, stamp: float) -> float:
    """Return ``stamp`` [s] as a float, or raise SensingError."""
    try:
        value = float(stamp)
    except (TypeError, ValueError, OverflowError) as error:
        raise SensingError(
            f'{what}: the stamp must be a number, got {type(stamp).__name__}') from error
    if not math.isfinite(value) or abs(value) > 1e12:
        raise SensingError(f'{what}: stamp {value:g} is no time in seconds')
    return value


def to_array(what: str, values, shape: Optional[Tuple[Optional[int], ...]] = None
             ) -> np.ndarray:
    """Return ``values`` as a new float array of ``shape`` (None: any), or raise."""
    if isinstance(values, np.ndarray) and values.dtype.kind not in 'biufO':
        raise SensingError(f'{what}: not an array of numbers but of {values.dtype}')
    try:
        array = np.array(values, dtype=float)
    except (TypeError, ValueError, OverflowError) as error:
        raise SensingError(f'{what}: not an array of numbers') from error
    if shape is not None and not _fits(array.shape, shape):
        raise SensingError(f'{what}: got shape {array.shape}, expected {_text(shape)}')
    return array


def check_finite(what: str, array: np.ndarray, quantity: str) -> np.ndarray:
    """Return ``array``, or raise SensingError unless all of it is finite and plausible."""
    # A NaN fails the comparison as well, so one test is enough.
    if not (np.abs(array) <= LARGEST[quantity]).all():
        bad = array[~(np.abs(array) <= LARGEST[quantity])].flat[0]
        raise SensingError(f'{what}: got {bad}, expected finite numbers up to '
                           f'{LARGEST[quantity]:g}')
    return array


def index_names(what: str, names: Sequence[str]) -> Dict[str, int]:
    """Return where each name stands; raise SensingError for names that are doubled."""
    if isinstance(names, (str, bytes)):
        raise SensingError(f'{what}: names must be a list of strings')
    try:
        listed = list(names)
        places = {name: i for i, name in enumerate(listed)}
    except TypeError as error:
        raise SensingError(f'{what}: names must be a list of strings') from error
    if len(places) != len(listed):
        doubled = next(name for i, name in enumerate(listed) if places[name] != i)
        raise SensingError(f'{what}: the name {doubled!r} comes twice')
    return places


def normalised_poses(what: str, poses, count: int) -> np.ndarray:
    """Return poses [count, 7] (xyz m, quaternion xyzw) with unit quaternions, or raise."""
    array = to_array(what, poses)
    if array.size == 0 and count == 0:
        return np.zeros((0, 7))
    if array.shape != (count, 7):
        raise SensingError(f'{what}: got shape {array.shape}, expected ({count}, 7)')
    check_finite(what, array, 'length')
    norms = np.linalg.norm(array[:, 3:], axis=1, keepdims=True)
    if (np.abs(norms - 1.0) > 0.1).any():
        raise SensingError(f'{what}: a quaternion has norm {float(norms.min()):.3g} or '
                           f'{float(norms.max()):.3g}, expected 1')
    array[:, 3:] /= norms
    return array


def check_image(what: str, image) -> np.ndarray:
    """Return ``image`` if it is uint8 [H, W, 3] with pixels, or raise SensingError."""
    if not isinstance(image, np.ndarray) or image.dtype != np.uint8:
        raise SensingError(f'{what}: expected an array of uint8')
    if not _fits(image.shape, (None, None, 3)) or image.size == 0:
        raise SensingError(f'{what}: got shape {image.shape}, expected (H, W, 3), not empty')
    return image


def check_depth(what: str, depth) -> np.ndarray:
    """
    Return ``depth`` [H, W] m as float32, or raise SensingError.

    As REP-118 has it, NaN means no return and infinity too far or too near.
    """
    if not isinstance(depth, np.ndarray) or depth.dtype.kind != 'f':
        raise SensingError(f'{what}: expected an array of floats')
    if not _fits(depth.shape, (None, None)) or depth.size == 0:
        raise SensingError(f'{what}: got shape {depth.shape}, expected (H, W), not empty')
    with np.errstate(invalid='ignore'):
        if (depth[np.isfinite(depth)] < 0).any():
            raise SensingError(f'{what}: negative depth')
        return depth.astype(np.float32, copy=False)


def _fits(shape, wanted):
    return len(shape) == len(wanted) and all(
        w is None or s == w for s, w in zip(shape, wanted))


def _text(shape):
    return '(' + ', '.join('any' if w is None else str(w) for w in shape) + ')'
