"""The scenes of a search, each with the worst of its worlds so far, and what is tried next."""

from statistics import NormalDist
from typing import Dict, Iterator, List, Sequence

import numpy as np
from wm_ros.evaluation.edge_cases.attempt import Attempt, Place

_FIRST, _FRESH = 64, 24         # scenes that are new in the first wave, and in each later one
_PARENTS, _CHILDREN = 10, 4     # scenes that are gone on with in a wave, and worlds of each
_STRIDE = 0.4                   # how far a world is from the one that it comes of: 1 is anywhere
_PATIENCE = 24                  # worlds of a scene after which it is given up
_NORMAL = NormalDist()


class Population:
    """
    An evolution strategy with a niche for each scene, so that what is found is not all alike.

    A new scene has a world drawn evenly; where the agent did worst, worlds like the worst follow.
    As in subset simulation (Au and Beck 2001) a step keeps even draws evenly drawn, so that what
    is rare stays as rare as it is: worlds do not drift to the corners of the box.
    """

    def __init__(self, scenes: Sequence[int], size: int, seed: int):
        self._waiting, self._size = list(scenes)[::-1], size
        self._rng = np.random.default_rng((seed, 12))
        self._worst: Dict[int, Attempt] = {}
        self._tried: Dict[int, int] = {}

    def wave(self) -> List[Place]:
        """Return what is to be tried next, [] where nothing is left."""
        worst = sorted(self._worst.values(), key=lambda one: (-one.badness, one.place.seed))
        places = [Place(one.place.seed, self._near(one.place.shares))
                  for one in worst[:_PARENTS] for _ in range(_CHILDREN)]
        return [*places, *self._new(_FRESH if self._tried else _FIRST)]

    def take(self, attempt: Attempt):
        """Take note of what came of a place; a scene with a case is done with."""
        seed = attempt.place.seed
        first = seed not in self._tried
        self._tried[seed] = self._tried.get(seed, 0) + 1
        if attempt.case is not None or self._tried[seed] >= _PATIENCE:
            self._worst.pop(seed, None)
        elif first or seed in self._worst and attempt.badness > self._worst[seed].badness:
            self._worst[seed] = attempt

    def _new(self, count) -> Iterator[Place]:
        for _ in range(min(count, len(self._waiting))):
            yield Place(self._waiting.pop(), tuple(self._rng.random(self._size).tolist()))

    def _near(self, shares):
        """Return a step of preconditioned Crank-Nicolson from ``shares`` (Cotter et al. 2013)."""
        noise = self._rng.normal(size=self._size)
        inside = np.clip(shares, 1e-6, 1.0 - 1e-6)
        moved = np.sqrt(1.0 - _STRIDE ** 2) * np.array(
            [_NORMAL.inv_cdf(share) for share in inside]) + _STRIDE * noise
        return tuple(_NORMAL.cdf(value) for value in moved.tolist())
