"""Randomizations: files that say what varies, when, how, and how it is drawn."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Mapping, Optional, Sequence, Tuple
import zlib

import numpy as np
from sim.randomize.conditions import Conditions, Term, TERMS
from sim.randomize.distributions import Distribution, distribution_of
from sim.randomize.entry import changed, Entry
from sim.tasks import BoxSpec
from wm_ros import paths
from wm_ros.files import load_yaml
from wm_ros.types import WmRosError
import yaml

WHEN = ('startup', 'reset', 'interval')
HOW = ('absolute', 'add', 'scale')
_KEYS = {'term', 'when', 'how', 'every'}
#: What may change in the middle of an episode; all else is furniture.
_FIXED = ('object.size', 'object.height', 'object.round', 'object.colour', 'scenery.')


@dataclass(frozen=True)
class Randomization:
    """What varies: entries in the order of their file.  ``name`` is the file's."""

    name: str
    entries: Tuple[Entry, ...]
    description: str = ''
    seed: int = 0               # of what is drawn once, at startup

    def draw(self, seed: int, boxes: Sequence[BoxSpec], joints: int) -> Conditions:
        """Return the conditions of the episode ``seed`` with a task's ``boxes``."""
        made = Conditions(boxes=tuple(boxes))
        for entry in self.entries:
            stream = self.seed if entry.when == 'startup' else seed
            made = self._after(made, entry, _rng(stream, entry, 0), joints)
        return made

    def with_value(self, term: Term, value: float) -> 'Randomization':
        """
        Return itself with ``term`` always at ``value``, whatever its own entries say of it.

        Where what is usual is the task's affair (``term.usual`` None) it is so many times that.
        """
        how = 'scale' if term.usual is None else 'absolute'
        entry = Entry(term, 'reset', how, Distribution('value', (float(value),)))
        others = [entry for entry in self.entries if entry.term.name != term.name]
        return replace(self, entries=(*others, entry))

    def narrowed(self, shares: Sequence[float]) -> 'Randomization':
        """Return the same with a share, from 0 to 1, of what each entry draws."""
        return replace(self, entries=tuple(
            replace(entry, share=float(share)) for entry, share in zip(self.entries, shares)))

    def extents(self, seed: int, objects: int, joints: int) -> Tuple[float, ...]:
        """Return how far out, from 0 to 1, what each entry draws for the episode ``seed`` is."""
        return tuple(entry.extent(_rng(
            self.seed if entry.when == 'startup' else seed, entry, 0), objects, joints)
            for entry in self.entries)

    def changes(self, seed: int, limit: float) -> Tuple[Tuple[float, int, int], ...]:
        """Return when [s] in an episode of ``limit`` [s] which entry changes: sorted, numbered."""
        found = []
        for index, entry in enumerate(self.entries):
            if entry.when == 'interval':
                rng, time, count = _rng(seed, entry, -1), 0.0, 0
                while True:
                    time, count = time + rng.uniform(*entry.every), count + 1
                    if time >= limit:
                        break
                    found.append((time, index, count))
        return tuple(sorted(found))

    def changed(self, conditions: Conditions, seed: int, index: int, count: int,
                boxes: Sequence[BoxSpec], joints: int) -> Conditions:
        """Return ``conditions`` after entry ``index`` has been drawn for the ``count``-th time."""
        entry = self.entries[index]
        return self._after(conditions, entry, _rng(seed, entry, count), joints, boxes)

    def _after(self, made, entry, rng, joints, boxes=None):
        try:
            return changed(made, entry, rng, joints, boxes)
        except WmRosError as error:
            where = f'randomization {self.name}: ' if self.name else ''
            raise WmRosError(f'{where}{entry.term.name}: {error}') from error


#: All is as usual.
NOTHING = Randomization('', ())


def load_randomization(reference: str, seed: int = 0) -> Randomization:
    """
    Return the randomization of a file, or of the shipped one of that name.

    ``seed`` is that of the run: of what is drawn once, at startup.  Raises WmRosError that says
    what is wrong, in which entry, and what is expected.
    """
    path = Path(reference).expanduser()
    if not path.is_file():
        shipped = paths.config_dir() / 'randomization'
        path = shipped / f'{reference}.yaml'
        if Path(reference).name != reference or not path.is_file():
            known = ', '.join(sorted(file.stem for file in shipped.glob('*.yaml')))
            raise WmRosError(f'randomization {reference!r}: no such file, and none of the shipped '
                             f'ones: {known}')
    try:
        data = load_yaml(path.read_text(encoding='utf-8'))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise WmRosError(f'randomization {path}: {" ".join(str(error).split())}') from error
    return parse(data, path.stem, str(path), seed)


def randomization_of(values: Mapping[str, Any], seed: int = 0) -> Optional[Randomization]:
    """Return what the robot node's parameters ask for, None for nothing; ``seed``: of the run."""
    reference = values['randomization']
    return load_randomization(reference, seed) if reference else None


def parse(data: Any, name: str, where: str, seed: int = 0) -> Randomization:
    """Return the randomization that ``data`` describes; errors name ``where`` it is from."""
    if not isinstance(data, dict) or not isinstance(data.get('terms'), list):
        raise WmRosError(f'randomization {where}: expected terms, a list of what varies')
    for name in set(data) - {'description', 'terms'}:
        raise WmRosError(f'randomization {where}: got {name!r}, expected description and terms')
    entries = []
    for number, row in enumerate(data['terms'], 1):
        try:
            entry = _entry(row)
            _check_once(entry, entries)
            entries.append(entry)
        except (TypeError, ValueError, OverflowError) as error:
            raise WmRosError(f'randomization {where}: entry {number}: {error}') from error
    return Randomization(name, tuple(entries), str(data.get('description', '')), seed)


def _entry(row) -> Entry:
    if not isinstance(row, dict):
        raise ValueError(f'got {row!r}, expected term, when, how and a distribution')
    term = TERMS.get(row.get('term'))
    if term is None:
        raise ValueError(f'term: got {row.get("term")!r}, expected one of {", ".join(TERMS)}')
    when, how = row.get('when', 'reset'), row.get('how', 'absolute')
    for key, value, known in (('when', when, WHEN), ('how', how, HOW)):
        if value not in known:
            raise ValueError(f'{key}: got {value!r}, expected one of {", ".join(known)}')
    if when == 'interval' and term.name.startswith(_FIXED):
        raise ValueError(f'when: got interval, and {term.name} cannot change during an episode')
    if how == 'scale' and term.usual == 0.0:
        raise ValueError(f'how: got scale, and {term.name} is usually 0: expected absolute or add')
    entry = Entry(term, when, how, distribution_of(
        {key: value for key, value in row.items() if key not in _KEYS}), _every(row, when))
    usual = 1.0 if term.usual is None else term.usual
    wrong = term.beyond(*entry.reach(usual))
    if wrong and (term.usual is not None or how == 'absolute'):
        raise ValueError(f'{term.name}: {wrong}')
    return entry


def _check_once(entry, before):
    """Raise ValueError for a second entry of a term: which of the two counts nobody could tell."""
    for number, other in enumerate(before, 1):
        if other.term == entry.term:
            raise ValueError(
                f'term: got {entry.term.name} again, with when: {entry.when} after when: '
                f'{other.when} of entry {number}, expected each term once: leave one of them '
                'away (when: interval draws at the begin as well)')


def _every(row, when):
    every = row.get('every', [1.0, 1.0])
    numbers = every if isinstance(every, list) else [every, every]
    if (len(numbers) != 2 or not all(type(x) in (int, float) for x in numbers)
            or not 0.05 <= numbers[0] <= numbers[1] < np.inf):
        raise ValueError(f'every: got {every!r}, expected seconds, [least, most], at least 0.05')
    if 'every' in row and when != 'interval':
        raise ValueError(f'every: got {every!r} with when: {when}, expected it with interval only')
    return float(numbers[0]), float(numbers[1])


def _rng(seed, entry, count):
    """Return a generator of the entry's own: another entry changes nothing of what it draws."""
    key = zlib.crc32(f'{entry.term.name} {entry.when} {entry.how}'.encode())
    return np.random.default_rng((seed, 7, key, count + 1))
