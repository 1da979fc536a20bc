"""How far the arm is from its command, and what follows from that."""

from typing import Sequence

#: Of the error that is allowed, from which on a slow arm is waited for; and the least share of
#: its speed that a motion then has: an arm that stands is lost all the same.
_WAITED_FOR, _SLOWEST = 0.5, 0.2
_FOUND = 0.5            # of the error that is allowed, within which a lost arm is found again


class Tracking:
    """Whether the arm is ``lost``: too far from its command, and not clearly nearer since."""

    def __init__(self):
        self.lost = False

    def judge(self, error: float, limit: float) -> bool:
        """Return whether an arm that is off by ``error`` of at most ``limit`` [rad] is lost."""
        self.lost = error > (_FOUND * limit if self.lost else limit)
        return self.lost

    @staticmethod
    def pace(error: float, limit: float) -> float:
        """
        Return the share of its speed that a motion keeps; as ``judge``.

        An arm that cannot follow so fast is waited for; one that does not follow is still lost.
        """
        left = 1.0 - error / limit
        return min(1.0, max(_SLOWEST, left / (1.0 - _WAITED_FOR)))


def tracking_error(measured: Sequence[float], commanded: Sequence[float]) -> float:
    """Return how far [rad] the joint that is farthest from its command is."""
    return max(abs(place - wanted) for place, wanted in zip(measured, commanded))
