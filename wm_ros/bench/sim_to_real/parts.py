"""
Long evaluations, played in parts whose outcomes are kept beside the results.

A bench that was interrupted goes on after the last whole part, on another machine too.
"""

import hashlib
import json
from pathlib import Path
import tempfile
from typing import Any, Callable, Dict, List, NamedTuple, Tuple

import numpy as np
from sim.randomize import load_randomization, NOTHING, Randomization
from wm_ros.bench.main_job.product import succeeded
from wm_ros.bench.world_model.workshop import run
from wm_ros.cores import cores
from wm_ros.evaluation.run import parameters, Request
from wm_ros.evaluation.statistics import paired_shares
from wm_ros.files import write_json
from wm_ros.types import WmRosError
from wm_ros.world_model.load import hash_of

PLAYED = Path('benchmarks/results/sim_to_real.played')
_PART = 100             # episodes
_KEPT = ('seed', 'episodes', 'failed_seeds', 'time_to_goal_mean', 'real_time_factor',
         'latency_p99_ms')      # of a report


class Crossing(NamedTuple):
    """Success here and there, and what is lost, with its 95 % interval."""

    here: float
    there: float
    drop: float
    low: float
    high: float

    @classmethod
    def of(cls, here: List[dict], there: List[dict]) -> 'Crossing':
        """Return that of the outcomes of paired parts."""
        won = [outcomes(parts) for parts in (here, there)]
        return cls(*(float(np.mean(part)) for part in won), *paired_shares(*won))

    def __str__(self):
        return (f'{self.here:.3f} to {self.there:.3f}; 95 % of the drop from {self.low:.3f} to '
                f'{self.high:.3f}')


def outcomes(parts: List[dict]) -> List[float]:
    """Return 1 or 0 for each episode of all parts, in the order of the seeds."""
    return [won for part in parts for won in succeeded(part)]


def time_of(parts: List[dict]) -> float:
    """Return the mean time to the goal [s] of the episodes of all parts."""
    return float(np.average([part['time_to_goal_mean'] for part in parts],
                            weights=[part['episodes'] for part in parts]))


def played(task: str, checkpoint: str, episodes: int, asked: Dict[str, Any],
           live: bool = False) -> List[Dict[str, Any]]:
    """
    Return what came of ``wm_ros evaluate``, by parts; those that lack are played now.

    ``asked`` is the rest of its ``Request``.  What was played with other weights, parameters
    or worlds is played anew; what was played by other code is not known: delete it.
    """
    line = ('--task', task, '--checkpoint', checkpoint, *('--ros',) * live, *_flags(asked))
    key = key_of(task, checkpoint, asked)
    file = PLAYED / f'{_name(checkpoint, asked, live)}.json'
    kept = _read(file, key)
    wanted = [(first, min(_PART, episodes - first)) for first in range(0, episodes, _PART)]
    for part in wanted:
        if part not in kept:
            kept[part] = _play(
                line if live else (*line, '--jobs', str(cores())), *part)
            PLAYED.mkdir(parents=True, exist_ok=True)
            write_json(file, {'key': key, 'evaluate': ' '.join(line),
                              'parts': [kept[one] for one in sorted(kept)]})
    return [kept[part] for part in wanted]


def _flags(asked) -> Tuple[str, ...]:
    """Return what the command line says of a request."""
    words = []
    for name, value in asked.items():
        for one in value if name == 'settings' else (value,):
            words += ['--set' if name == 'settings' else f'--{name}', one]
    return tuple(words)


def _name(checkpoint, asked, live) -> str:
    settings = [one.partition(':')[2].replace(':=', '_') for one in asked.get('settings', ())]
    rest = [value for name, value in asked.items() if name != 'settings']
    return '_'.join([Path(checkpoint).name, *rest, *settings, *('ros',) * live])


def key_of(task, checkpoint, asked) -> str:
    """Return what tells weights, parameters and worlds apart, wherever the files are."""
    drawn = load_randomization(asked['randomization']) if 'randomization' in asked else NOTHING
    told = {node: {name: value for name, value in own.items() if name != 'checkpoint'}
            for node, own in parameters(Request(task, 1, checkpoint=checkpoint, **asked)).items()}
    return digest(hash_of(checkpoint), entries_of(drawn), told)


def entries_of(drawn: Randomization) -> List[Tuple]:
    """Return what a randomization draws, whatever its name is."""
    return [(one.term.name, one.when, one.how, one.distribution, one.every)
            for one in drawn.entries]


def digest(*told: Any) -> str:
    """Return what tells things apart that are not written alike."""
    return hashlib.sha256(repr(told).encode()).hexdigest()[:12]


def remembered(file: Path, key: str, make: Callable[[], Any]) -> Any:
    """
    Return what ``make`` does, JSON; what it returned before where that is kept in ``file``.

    ``key`` tells whether what is kept is still of the same.  Raises WmRosError for damaged files.
    """
    if file.is_file():
        try:
            kept = json.loads(file.read_text(encoding='utf-8'))
            if kept['key'] == key:
                return kept['found']
        except (ValueError, TypeError, KeyError) as error:
            raise _damaged(file, error) from error
    found = make()
    file.parent.mkdir(parents=True, exist_ok=True)
    write_json(file, {'key': key, 'found': found})
    return found


def _read(file, key) -> Dict[Tuple[int, int], Dict[str, Any]]:
    """
    Return the parts of a file, by first seed and count.

    None where the file lacks, or tells of something else; raises WmRosError where it is damaged.
    """
    if not file.is_file():
        return {}
    try:
        found = json.loads(file.read_text(encoding='utf-8'))
        return ({(part['seed'], part['episodes']): part for part in found['parts']}
                if found['key'] == key else {})
    except (ValueError, TypeError, KeyError) as error:
        raise _damaged(file, error) from error


def _damaged(file, error):
    return WmRosError(f'{file}: damaged ({error}); delete it and measure again')


def _play(line, first, count) -> Dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / 'report.json'
        run('evaluate', *line, '--seed', str(first), '--episodes', str(count),
            '--json', str(file))
        report = json.loads(file.read_text(encoding='utf-8'))
    return {name: report[name] for name in _KEPT if name in report}
