"""The gate's own clock: how much time a step may move the arm for."""

import math
from typing import NamedTuple, Optional

#: A tick may move the arm for so many periods at most, however late it comes.
LATE_PERIODS = 1.5


class Tick(NamedTuple):
    """One step of the gate."""

    now: float          # [s] the last good time where the one told is none
    dt: float           # [s] that the step may move for
    fault: bool         # the clock stands, went back, or is none
    back: bool          # it went back: all stamps before are of another time


class Ticks:
    """Times of steps -> ticks; counts those that came late."""

    def __init__(self):
        self.missed = 0
        self._last: Optional[float] = None

    def clear(self):
        """Begin anew with the next step."""
        self._last = None

    def next(self, now: float, period: float) -> Tick:  # noqa: A003
        """
        Return the tick at ``now`` [s].

        It lasts as long as really passed, so that jitter changes no speed; a late tick is
        not made up for at once, because controllers go to a target within a period.  The
        arm needs no clock to brake: at a fault the tick lasts one ``period`` [s].
        """
        last = self._last
        if not math.isfinite(now):
            return Tick(0.0 if last is None else last, period, True, False)
        self._last = now
        if last is None:
            return Tick(now, period, False, False)
        elapsed = now - last
        if elapsed <= 0.0:
            return Tick(now, period, True, elapsed < 0.0)
        if elapsed > LATE_PERIODS * period:
            self.missed += 1
            return Tick(now, LATE_PERIODS * period, False, False)
        return Tick(now, elapsed, False, False)
