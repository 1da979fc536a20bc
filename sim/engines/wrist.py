"""What arms of all engines have at the wrist: a force sensor that filters, and fingers."""

from collections import deque

import numpy as np

#: [N] that each finger presses with at most.
FINGER_FORCE = 40.0
_FELT = 12                  # substeps of 1/240 s: 50 ms


class Wrist:
    """The mean of a wrench [6] over 50 ms: in one substep it is mostly how motors catch up."""

    def __init__(self):
        self._felt = deque(maxlen=_FELT)

    def clear(self):
        """Forget what was felt."""
        self._felt.clear()

    def feel(self, wrench):
        """Take in the wrench [6] of one more substep."""
        self._felt.append(wrench)

    @property
    def untouched(self) -> bool:
        """Whether no substep has passed yet."""
        return not self._felt

    @property
    def wrench(self) -> np.ndarray:
        """Return the filtered wrench [6]; 0 at first."""
        return np.zeros(6) if self.untouched else np.mean(self._felt, axis=0)
