"""
Long evaluations, played in parts that stay in ``benchmarks/work``.

A bench that was interrupted goes on after the last whole part.
"""

import hashlib
import json
from typing import Any, Dict, List, NamedTuple

import numpy as np
from sim.randomize import load_randomization
from wm_ros.bench.main_job.product import succeeded
from wm_ros.bench.world_model.workshop import FOLDER, run
from wm_ros.evaluation.run import parameters, Request
from wm_ros.evaluation.statistics import paired
from wm_ros.world_model.load import hash_of

_PART = 100             # episodes


class Crossing(NamedTuple):
    """Success here and there, and what is lost, with its 95 % interval."""

    here: float
    there: float
    drop: float
    low: float
    high: float

    @classmethod
    def of(cls, here: List[dict], there: List[dict]) -> 'Crossing':
        """Return that of the reports of paired parts."""
        won = [[one for part in reports for one in succeeded(part)] for reports in (here, there)]
        return cls(*(float(np.mean(part)) for part in won), *paired(*won))

    def __str__(self):
        return (f'{self.here:.3f} to {self.there:.3f}; 95 % of the drop from {self.low:.3f} to '
                f'{self.high:.3f}')


def played(task: str, checkpoint: str, episodes: int, world: Dict[str, str],
           flags: tuple = ()) -> List[Dict[str, Any]]:
    """
    Return the reports of ``wm_ros evaluate`` for all parts, played now where they lack.

    ``world`` is what it is told of that, by flag.  What was played with other weights, parameters
    or worlds is played anew; what was played by other code is not known: delete it.
    """
    reports, told = [], [word for name, value in world.items() for word in (f'--{name}', value)]
    for first in range(0, episodes, _PART):
        count = min(_PART, episodes - first)
        file = FOLDER / f'{_name(task, checkpoint, world, flags)}_{first:04d}_{count}.json'
        if not file.is_file():
            FOLDER.mkdir(parents=True, exist_ok=True)
            run('evaluate', '--task', task, '--checkpoint', checkpoint, '--seed', str(first),
                '--episodes', str(count), *flags, *told, '--json', str(file))
        reports.append(json.loads(file.read_text(encoding='utf-8')))
    return reports


def _name(task, checkpoint, world, flags):
    drawn = load_randomization(world['randomization']) if 'randomization' in world else None
    told = parameters(Request(task, 1, checkpoint=checkpoint, **world))
    key = hashlib.sha256(repr((hash_of(checkpoint), drawn, told)).encode()).hexdigest()[:12]
    return '_'.join([checkpoint, *world.values(), *(flag.strip('-') for flag in flags), key])
