"""What the command line shows: progress bars; and complaints about files, in time."""

from contextlib import contextmanager
from pathlib import Path
import sys
import time
from typing import Iterable, Optional

from rich.console import Console
from rich.progress import (BarColumn, MofNCompleteColumn, Progress, TextColumn,
                           TimeElapsedColumn, TimeRemainingColumn)
from wm_ros.types import WmRosError

_QUIET = 10.0           # [s] between lines where there is no terminal


class StageBars:
    """Bars for stages of work; where nobody watches a terminal, a line every ten seconds."""

    def __init__(self):
        console = Console(stderr=True)
        self._live = console.is_terminal
        self._progress = Progress(
            TextColumn('{task.description}'), BarColumn(), MofNCompleteColumn(),
            TimeElapsedColumn(), TimeRemainingColumn(), TextColumn('{task.fields[note]}'),
            console=console, disable=not self._live)
        self._bars = {}
        self._said = time.monotonic()

    def __enter__(self):
        self._progress.__enter__()
        return self

    def __exit__(self, *error):
        return self._progress.__exit__(*error)

    def report(self, stage: str, done: int, total: int, figures):
        """Show that ``done`` of ``total`` of ``stage`` are there, with figures."""
        if not self._live:
            if time.monotonic() - self._said >= _QUIET or done == total:
                self._said = time.monotonic()
                print(f'{stage}: {done}/{total}  {_note(figures)}', file=sys.stderr, flush=True)
            return
        if stage not in self._bars:
            self._bars[stage] = self._progress.add_task(stage, total=total, note='')
        self._progress.update(self._bars[stage], completed=done, note=_note(figures))


@contextmanager
def progress_bar(text: str, total: int):
    """Show one bar; yield ``advance(done, **figures)``."""
    with StageBars() as bars:
        yield lambda done, **figures: bars.report(text, done, total, figures)


def counted(text: str, items: Iterable, total: int) -> list:
    """Return ``items`` as a list, and show how many of them there are already."""
    found = []
    with progress_bar(text, total) as advance:
        for item in items:
            found.append(item)
            advance(len(found))
    return found


def _note(figures):
    return '  '.join(f'{name} {value:.4g}' for name, value in figures.items())


def prepare_file(flag: str, path: Optional[str]):
    """Complain now, not after an hour, when the file that ``flag`` names cannot be written."""
    if not path:
        return
    target = Path(path).resolve()
    if not target.parent.is_dir():
        raise WmRosError(f'{flag} {path}: no such folder {target.parent}')
    if target.is_dir():
        raise WmRosError(f'{flag} {path}: cannot be written there')
    if target.exists() and not target.is_file():
        return
    try:        # permissions do not tell of full disks, of long names, and of what root may not
        probe = target.with_name(f'{target.name}.partial')
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise WmRosError(f'{flag} {path}: cannot be written there ({error.strerror})') from error
