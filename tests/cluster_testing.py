"""Work for the workers of a Ray cluster, which import it from here."""

import os
from pathlib import Path
import signal

from wm_ros.types import WmRosError

ROOT = Path(__file__).resolve().parents[1]
_factor = _prepared = 0


def visible(monkeypatch):
    """Let workers that are started from now on import this module."""
    known = os.environ.get('PYTHONPATH', '')
    monkeypatch.setenv('PYTHONPATH', os.pathsep.join(
        [str(ROOT / 'tests'), str(ROOT), *filter(None, [known])]))


def prepare(factor):
    global _factor, _prepared
    _factor = factor
    _prepared += 1


def work(item):
    """Return the product, how often this process was prepared, and which process it is."""
    return item * _factor, _prepared, os.getpid()


def fail(item):
    raise WmRosError(f'{item} cannot be done')


def die(item):
    os.kill(os.getpid(), signal.SIGKILL)
