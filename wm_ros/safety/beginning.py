"""When a command may begin at the place where the arm is measured."""

import math
from typing import Optional


class Beginning:
    """
    Whether there is a command to go on from, and whether one is to begin anew.

    Wishes may come from any thread, all else from the one that steps.
    """

    def __init__(self):
        self.begun = False              # there is a command to go on from
        # Go on from the position measured then or later [s]; None: from the next step on.  Set
        # in this order, as the wish is seen from another thread.
        self._since: Optional[float] = -math.inf
        self.wanted = True

    def wish(self):
        """Begin anew at what is measured from the next step on."""
        self._since, self.wanted = None, True

    def forget(self):
        """Begin as at the start, at any measurement: there is no command any more."""
        self.begun, self._since, self.wanted = False, -math.inf, True

    def may_be_at(self, stamp: float, now: float) -> bool:
        """Return whether what was measured at ``stamp`` [s] is where to begin ``now``."""
        # What was measured before says where the arm was, not where it has been led since.
        self._since = now if self._since is None else self._since
        return stamp >= self._since

    def made(self):
        """Note that a command has begun."""
        self.begun, self.wanted = True, False
