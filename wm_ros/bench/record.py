"""Figures on disk: a list of rows, rewritten whole after each one that is measured."""

from dataclasses import asdict, dataclass
import json
import math
import os
from pathlib import Path
import time
from typing import Iterable, List

from wm_ros.files import write_json
from wm_ros.types import WmRosError


#: Unit of a figure that is 1 or 0.
YES_NO = 'yes/no'


@dataclass(frozen=True)
class Figure:
    """One measured figure; ``holds`` says whether it meets its bar."""

    figure: str         # 'name', or 'name/variant' where it was measured several times
    value: float
    unit: str
    bar: str            # in words, such as '>= 0.95'; '' where it is for comparison only
    holds: bool
    command: str        # prints it again
    note: str = ''


def at_least(figure, value, bar, unit, command, note='') -> Figure:
    """Return a figure that has to reach ``bar``."""
    return Figure(figure, _round(value), unit, f'>= {bar:g}', bool(value >= bar), command, note)


def at_most(figure, value, bar, unit, command, note='') -> Figure:
    """Return a figure that must not exceed ``bar``."""
    return Figure(figure, _round(value), unit, f'<= {bar:g}', bool(value <= bar), command, note)


def true(figure, value, command, note='') -> Figure:
    """Return a figure that has to be true."""
    return Figure(figure, float(bool(value)), YES_NO, 'yes', bool(value), command, note)


def shown(figure, value, unit, command, note='') -> Figure:
    """Return a figure that is there to compare with."""
    return Figure(figure, _round(value), unit, '', True, command, note)


def _round(value):
    return value if isinstance(value, str) or not math.isfinite(value) else float(f'{value:.5g}')


def load_note() -> str:
    """
    Return load and speed of the machine as a note for timings.

    The load says nothing of the neighbours of a virtual machine; how long a core takes for
    a fixed piece of Python does.
    """
    one, five, _ = os.getloadavg()
    return (f'load {one:.1f} (1 min), {five:.1f} (5 min) on {os.cpu_count()} cores, '
            f'a million additions in {1e3 * min(_additions() for _ in range(5)):.0f} ms')


def _additions():
    """Return the time [s] that a million additions take in a loop of Python."""
    begin, total = time.perf_counter(), 0
    for number in range(10 ** 6):
        total += number
    return time.perf_counter() - begin


class Record:
    """The file of one bench; rows keep the order of the bench."""

    def __init__(self, path: Path, order: Iterable[str]):
        self.path, self._order = path, list(order)
        self._parts = path.with_suffix('.parts')

    def rows(self, name: str) -> List[Figure]:
        """Return the rows of the part ``name``, [] when it was not measured."""
        file = self._parts / f'{name}.json'
        if not file.is_file():
            return []
        try:
            return [Figure(**row) for row in json.loads(file.read_text(encoding='utf-8'))]
        except (ValueError, TypeError) as error:
            raise WmRosError(f'{file}: damaged ({error}); delete it and measure again') from error

    def store(self, name: str, figures: List[Figure]):
        """Keep the rows of the part ``name`` and write the whole list anew."""
        self._parts.mkdir(parents=True, exist_ok=True)
        write_json(self._parts / f'{name}.json', [asdict(row) for row in figures])
        write_json(self.path, [asdict(row) for row in self.everything()])

    def everything(self) -> List[Figure]:
        """Return all rows measured so far."""
        return [row for name in self._order for row in self.rows(name)]
