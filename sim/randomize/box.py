"""The box of all worlds that a randomization may draw: a number from 0 to 1 along each edge."""

from dataclasses import replace
from typing import Callable, Sequence, Tuple

import numpy as np
from sim.randomize.conditions import Conditions
from sim.randomize.config import Randomization
from sim.randomize.distributions import Distribution
from sim.randomize.entry import Entry
from sim.tasks import BoxSpec


class Box:
    """
    What ``randomization`` may draw for so many joints, as shares from 0 to 1.

    A share is that of what is drawn which lies below a number, so that shares drawn evenly make
    worlds as the randomization does.  Only entries that are ``wanted`` count; the others are left
    out, and what changes during an episode is as it is at the begin.
    """

    def __init__(self, randomization: Randomization, objects: int, joints: int,
                 wanted: Callable[[Entry], bool] = lambda entry: True):
        entries = tuple(entry for entry in randomization.entries if wanted(entry))
        self._randomization = replace(randomization, entries=entries)
        self._joints = joints
        self._counts = [entry.count(objects, joints) if entry.distribution.kind != 'value' else 0
                        for entry in entries]

    @property
    def names(self) -> Tuple[str, ...]:
        """Return which term each number is of."""
        return tuple(entry.term.name for entry, count in zip(
            self._randomization.entries, self._counts) for _ in range(count))

    def draw(self, shares, seed: int, boxes: Sequence[BoxSpec]) -> Conditions:
        """Return the conditions of the episode ``seed`` that lie at ``shares`` [N]."""
        parts = np.split(np.asarray(shares, dtype=float), np.cumsum(self._counts)[:-1])
        entries = (self._at(entry, part) if len(part) else entry
                   for entry, part in zip(self._randomization.entries, parts))
        found = replace(self._randomization, entries=tuple(entries))
        return found.draw(seed, boxes, self._joints)

    @staticmethod
    def _at(entry, shares):
        numbers = tuple(entry.distribution.at(shares).tolist())
        return replace(entry, distribution=Distribution('value', numbers))
