"""What all conversions share: the error, time, arrays that are what they should be."""

from array import array

from builtin_interfaces.msg import Time
import numpy as np
from wm_ros.types import WmRosError

_TEXT_LIMIT = 80


class ConvertError(WmRosError):
    """A message does not hold what its topic promises."""


def show(value) -> str:
    """Return ``value`` as text that fits into a line."""
    text = repr(value)
    return text if len(text) <= _TEXT_LIMIT else text[:_TEXT_LIMIT - 3] + '...'


def seconds(time: Time) -> float:
    """Return a stamp in seconds; ConvertError when its nanoseconds are not below a second."""
    if time.nanosec >= 1_000_000_000:
        raise ConvertError(f'stamp: got {time.nanosec} ns, expected less than a second of them')
    return time.sec + time.nanosec * 1e-9


def stamp(time: float) -> Time:
    """Return ``time`` [s] as a stamp."""
    nanoseconds = round(time * 1e9)
    return Time(sec=nanoseconds // 1_000_000_000, nanosec=nanoseconds % 1_000_000_000)


def doubles(values) -> array:
    """Return ``values`` as what rclpy stores without looking at each element."""
    return array('d', np.ascontiguousarray(values, dtype=float).tobytes())


def finite(what: str, values):
    """Return ``values``; ConvertError unless all are finite."""
    if not np.isfinite(values).all():
        raise ConvertError(f'{what}: got a value that is not finite')
    return values


def sized(what: str, values, count: int) -> np.ndarray:
    """Return ``values`` as an array [count] of finite numbers, or raise ConvertError."""
    return finite(what, counted(what, values, count))


def counted(what: str, values, count: int) -> np.ndarray:
    """Return ``values`` as an array [count] of whatever numbers, or raise ConvertError."""
    found = np.array(values, dtype=float)
    if found.shape != (count,):
        raise ConvertError(f'{what}: got {found.size} values, expected {count}')
    return found
