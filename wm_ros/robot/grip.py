"""What is known of a gripper: what it was told last, and how wide it is."""

import math
from typing import Optional

_MOVED = 0.002          # [m] by which fingers are further from their command than they were

_KEPT = 0.5             # [s] for which a width that came alone is that of the next messages


class Fingers:
    """The width between the fingers, which messages of their own may tell."""

    def __init__(self):
        self.forget()

    def forget(self):
        """Know of none."""
        self._stamp, self._width = -math.inf, 0.0

    def at(self, stamp: float, told: Optional[float]) -> Optional[float]:
        """Return the width [m] at ``stamp`` [s], as ``told`` there or of late; None: not known."""
        if told is None:
            return self._width if abs(stamp - self._stamp) <= _KEPT else None
        if math.isfinite(told):
            self._stamp, self._width = stamp, told
        return told


class Grip:
    """
    The width that a gripper was last commanded, while nobody commands it.

    A hand that holds something stands wider than it was told to: who goes on from where its
    fingers are lets go.  So the command stays in force, unless the fingers have been moved away
    from it since: then they belong to somebody else.
    """

    def __init__(self):
        self.forget()

    def forget(self):
        """Know of no command."""
        self._told: Optional[float] = None
        self._gap = 0.0

    def tell(self, width: float, measured: Optional[float]):
        """Note that ``width`` [m] is commanded while ``measured`` [m] is, None: not known."""
        self._told = width if measured is not None else None
        self._gap = 0.0 if measured is None else abs(measured - width)

    def width(self, measured: Optional[float]) -> Optional[float]:
        """Return the command [m] that is in force at ``measured`` [m], None: there is none."""
        if self._told is None or measured is None:
            return None
        return self._told if abs(measured - self._told) <= self._gap + _MOVED else None
