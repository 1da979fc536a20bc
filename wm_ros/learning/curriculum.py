"""Worlds that become harder as the agent becomes better: automatic domain randomisation."""

from typing import Dict, List

import numpy as np

_FAR_OUT = 0.7          # of the way to the farthest that an entry draws, and of its draws
_SAMPLE = 400           # of them, by which that is known
_ENOUGH = 8             # episodes far out that decide
_GOOD, _BAD = 0.8, 0.5  # success in them at which an entry is widened, and narrowed
_STEP = 0.2             # by which it is, and with which it begins


class Curriculum:
    """
    Widens each entry of a randomization where success holds, and narrows it where it does not.

    After automatic domain randomization (OpenAI, Akkaya et al. 2019), which plays episodes at
    the edge of one entry at a time; here every episode counts, for those entries of which it
    drew something far out: of what is drawn once, at startup, every episode has that.  ``shares``
    say how wide each entry is, of what its file says; ``whole`` is a
    ``sim.randomize.Randomization``.
    """

    def __init__(self, whole, objects: int, joints: int):
        # What the task has none of is as wide as it gets.
        self.shares = [_STEP if entry.count(objects, joints) else 1.0 for entry in whole.entries]
        self._whole, self._counts = whole, (objects, joints)
        self._seen: List[List[bool]] = [[] for _ in whole.entries]
        drawn = [whole.extents(seed, objects, joints) for seed in range(_SAMPLE)]
        self._far_out = np.minimum(np.quantile(drawn, _FAR_OUT, axis=0), _FAR_OUT)

    @property
    def worlds(self):
        """Return what the next episode is to be drawn by."""
        return self._whole.narrowed(self.shares)

    def note(self, seed: int, success: bool):
        """Take note of how an episode of ``worlds`` ended."""
        for number, extent in enumerate(self._whole.extents(seed, *self._counts)):
            if extent >= self._far_out[number]:
                self._seen[number].append(bool(success))
                self._decide(number)

    def _decide(self, number):
        seen = self._seen[number]
        if len(seen) < _ENOUGH:
            return
        rate = float(np.mean(seen))
        step = _STEP if rate >= _GOOD else -_STEP if rate < _BAD else 0.0
        self.shares[number] = round(float(np.clip(self.shares[number] + step, _STEP, 1.0)), 6)
        seen.clear()

    def to_dict(self) -> Dict[str, float]:
        """Return the share of each entry, by its term, as plain data."""
        return {entry.term.name: share
                for entry, share in zip(self._whole.entries, self.shares)}
