"""One term that varies: how its numbers are drawn, and what they change."""

from dataclasses import dataclass, replace
from typing import Dict, Tuple

import numpy as np
from sim.randomize.conditions import Conditions, Term
from sim.randomize.distributions import Distribution
from wm_ros.types import WmRosError

#: Numbers of what is no single one, of each object.
_PARTS = {'object.colour': 3}


@dataclass(frozen=True)
class Entry:
    """One line of a file: a term that varies."""

    term: Term
    when: str
    how: str
    distribution: Distribution
    every: Tuple[float, float] = (1.0, 1.0)     # [s] between changes, for 'interval'
    share: float = 1.0          # of the way from what is usual to what is drawn

    def draw(self, rng: np.random.Generator, usual, count: int):
        """Return what the term's ``count`` numbers, usually ``usual``, are this time [count]."""
        drawn = self.distribution.draw(rng, count)
        usual = np.broadcast_to(np.asarray(usual, dtype=float), (count,))
        found = drawn if self.how == 'absolute' else (
            usual + drawn if self.how == 'add' else usual * drawn)
        if self.share == 1.0:
            return found
        part = usual + self.share * (found - usual)
        if not self._in_ratios:
            return part
        some = usual > 0        # nothing is a ratio of 0
        return np.where(some, usual * (found / np.where(some, usual, 1.0)) ** self.share, part)

    def extent(self, rng: np.random.Generator, objects: int, joints: int) -> float:
        """
        Return how far what it draws is out, from 0 to 1: of the way to the farthest there is.

        It is the same for any ``share``.
        """
        drawn, ends = self._drawn(rng, objects, joints), self._ends
        if not len(drawn):          # a task without objects
            return 0.0
        usual = {'add': 0.0, 'scale': 1.0}.get(self.how, self.term.usual)
        if usual is None:           # an object's: what it usually is, its task says
            usual = float(np.mean(ends))
        if self._in_ratios and usual > 0:
            drawn, ends, usual = np.log(drawn), np.log(ends), np.log(usual)
        farthest = np.abs(np.asarray(ends) - usual).max()
        return float(np.abs(drawn - usual).max() / farthest) if farthest else 0.0

    def _drawn(self, rng, objects, joints):
        count = self.count(objects, joints)
        if self.term.size != 'objects':
            return self.distribution.draw(rng, count)
        # One after another, as they are drawn for the objects.
        return np.ravel([self.of_object(i, objects).distribution.draw(rng, count // objects)
                         for i in range(objects)])

    @property
    def _ends(self):
        return self.distribution.low, self.distribution.high

    @property
    def _in_ratios(self):
        return self.distribution.kind == 'log_uniform' and self.how != 'add'

    def count(self, objects: int, joints: int) -> int:
        """Return how many numbers are drawn for so many objects and joints."""
        each = {'joints': joints, 'objects': objects}.get(self.term.size, self.term.size)
        return each * _PARTS.get(self.term.name, 1)

    def of_object(self, index: int, objects: int) -> 'Entry':
        """Return what is drawn for one of so many objects: a value may name each one's."""
        told = self.distribution
        if told.kind != 'value' or len(told.numbers) != self.count(objects, 0):
            return self
        parts = len(told.numbers) // objects
        numbers = told.numbers[index * parts:(index + 1) * parts]
        return replace(self, distribution=Distribution('value', numbers))

    def reach(self, usual: float) -> Tuple[float, float]:
        """Return the least and the greatest that comes of a usual value."""
        low, high = self.distribution.low, self.distribution.high
        if self.how == 'absolute':
            return low, high
        ends = (usual + low, usual + high) if self.how == 'add' else (usual * low, usual * high)
        return min(ends), max(ends)


def changed(made: Conditions, entry: Entry, rng, joints, usual_boxes=None) -> Conditions:
    """Return ``made`` with the entry drawn; what is usual of boxes may be told."""
    group, name = entry.term.name.split('.')
    if group == 'object':
        return _other_boxes(made, entry, name, rng, usual_boxes or made.boxes)
    before = getattr(getattr(made, group), name)
    count = entry.count(0, joints)
    usual = before if entry.when != 'interval' else entry.term.usual
    values = np.clip(entry.draw(rng, usual, count), entry.term.low, entry.term.high)
    value = float(values[0]) if entry.term.size == 1 else tuple(values.tolist())
    return replace(made, drawn=_noted(made, entry, values), **{
        group: replace(getattr(made, group), **{name: value})})


def _noted(made, entry, values) -> Dict[str, Tuple[float, ...]]:
    return {**made.drawn, entry.term.name: tuple(np.ravel(values).tolist())}


def _other_boxes(made, entry, name, rng, usual) -> Conditions:
    boxes, values = [], []
    for index, (box, like) in enumerate(zip(made.boxes, usual)):
        box, value = _OBJECTS[name](box, like, entry.of_object(index, len(usual)), rng)
        boxes.append(box)
        values.append(value)
    return replace(made, boxes=tuple(boxes), drawn=_noted(made, entry, values))


def _limited(entry, rng, usual):
    wrong = entry.term.beyond(*entry.reach(usual))
    if wrong:
        raise WmRosError(wrong)
    return float(np.clip(entry.draw(rng, usual, 1)[0], entry.term.low, entry.term.high))


def _number(field_name):
    def change(box, like, entry, rng):
        value = _limited(entry, rng, getattr(like, field_name))
        return replace(box, **{field_name: value}), value
    return change


def _size(box, like, entry, rng):
    longest = max(like.size)
    share = _limited(entry, rng, longest) / longest
    return replace(box, size=tuple(share * edge for edge in like.size)), share * longest


def _height(box, like, entry, rng):
    height = _limited(entry, rng, like.size[2])
    return replace(box, size=(*box.size[:2], height)), height


def _round(box, like, entry, rng):
    chance, drawn = _limited(entry, rng, 0.0), rng.random()
    shape = 'cylinder' if drawn < chance else like.shape
    return replace(box, shape=shape), float(shape == 'cylinder')


def _colour(box, like, entry, rng):
    colour = np.clip(entry.draw(rng, like.colour[:3], 3), 0.0, 1.0)
    return replace(box, colour=(*colour.tolist(), box.colour[3])), colour


_OBJECTS = {'mass': _number('mass'), 'friction': _number('friction'), 'size': _size,
            'height': _height, 'round': _round, 'colour': _colour}
