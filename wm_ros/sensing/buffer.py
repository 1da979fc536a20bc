"""A short history of one kind of data, by stamp."""

from collections import deque
from typing import Any, NamedTuple, Optional

from wm_ros.sensing.checks import SensingError

#: So many old stamps in a row, rising among themselves, mean that the clock began anew.
RESTART_AFTER = 5


class Sample(NamedTuple):
    """One stamped value."""

    stamp: float    # [s]
    value: Any


class StampedBuffer:
    """
    The newest samples of one kind, in the order of their stamps.

    A stamp that is not newer than the last is refused: a message came twice, or out of
    order.  A source whose clock was set back, or that once stamped a message far ahead,
    would be shut out for good by that rule, hence the restart after a run of such stamps.
    """

    def __init__(self, what: str, length: int = 16):
        self.what = what
        self._samples = deque(maxlen=length)
        self._outdated = 0
        self._outdated_stamp = 0.0

    def __len__(self):
        return len(self._samples)

    def push(self, stamp: float, value: Any):
        """Add a sample, or raise SensingError when its stamp is not newer than the last."""
        if self._samples and stamp <= self._samples[-1].stamp:
            self._count_outdated(stamp)
        self._outdated = 0
        self._samples.append(Sample(stamp, value))

    def newest(self) -> Optional[Sample]:
        """Return the newest sample, or None."""
        return self._samples[-1] if self._samples else None

    def nearest(self, stamp: float) -> Optional[Sample]:
        """Return the sample nearest in time to ``stamp`` [s], or None."""
        best = None
        for sample in reversed(self._samples):
            if best is not None and abs(sample.stamp - stamp) >= abs(best.stamp - stamp):
                break
            best = sample
        return best

    def clear(self):
        """Forget everything."""
        self._samples.clear()
        self._outdated = 0

    def _count_outdated(self, stamp):
        newest = self._samples[-1].stamp
        rising = self._outdated == 0 or stamp > self._outdated_stamp
        self._outdated = self._outdated + 1 if rising else 1
        self._outdated_stamp = stamp
        if self._outdated < RESTART_AFTER:
            raise SensingError(f'{self.what}: stamp {stamp:.6f} is not newer than the last, '
                               f'{newest:.6f}')
        self.clear()
