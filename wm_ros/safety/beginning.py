"""When a command may begin at the place where the arm is measured."""

import math
from threading import Lock
from typing import Optional


class Beginning:
    """
    Whether there is a command to go on from, and whether one is to begin anew.

    Wishes may come from any thread, all else from the one that steps.
    """

    def __init__(self):
        self.begun = False              # there is a command to go on from
        self.wanted = True
        # Go on from the position measured then or later [s]; None: from the next step on.
        self._since: Optional[float] = -math.inf
        self._lock = Lock()

    def wish(self):
        """Begin anew at what is measured from the next step on."""
        with self._lock:
            self._since, self.wanted = None, True

    def forget(self):
        """Begin as at the start, at any measurement: there is no command any more."""
        with self._lock:
            self.begun, self._since, self.wanted = False, -math.inf, True

    def make(self):
        """Begin, wherever the arm is: there is a command from now on."""
        with self._lock:
            self.begun, self.wanted = True, False

    def make_at(self, stamp: Optional[float], now: float) -> bool:
        """
        Begin at what was measured at ``stamp`` [s]; return False where that is before the wish.

        None: nothing was measured of late.
        """
        with self._lock:
            # What was measured before says where the arm was, not where it has been led since.
            self._since = now if self._since is None else self._since
            if stamp is None or stamp < self._since:
                return False
            self.begun, self.wanted = True, False
            return True
