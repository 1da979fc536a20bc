"""
Figures of blocks that stack was never trained on: the agent beside a policy cloned from its data.

What is made for it stays in ``benchmarks/work``: a bench that was interrupted goes on.
"""

from dataclasses import asdict
from functools import lru_cache
import json
from pathlib import Path
from typing import Dict, List, NamedTuple, Tuple

import numpy as np
import torch
from wm_ros import seeds
from wm_ros.bench.record import at_most, Figure, shown, true
from wm_ros.bench.sim_to_real.cloned import clone, CloneConfig, ClonedModel, load, save
from wm_ros.bench.sim_to_real.parts import outcomes, played
from wm_ros.bench.world_model.workshop import FOLDER, run
from wm_ros.console import progress_bar
from wm_ros.cores import cores
from wm_ros.data import read_episodes
from wm_ros.evaluation.closed_loop import ClosedLoop
from wm_ros.evaluation.run import Evaluation, Request
from wm_ros.evaluation.statistics import paired_ratio
from wm_ros.files import write_json
from wm_ros.robot.robot import load_robot
from wm_ros.tasks import get_task
from wm_ros.workers import spread
from wm_ros.world_model import load_checkpoint
from wm_ros.world_model.load import hash_of

_EPISODES, _WORLDS = 1000, 'unseen_blocks'
_MOST = 0.6             # of the clone's errors, that the agent may make
_COMMAND = 'wm_ros bench sim_to_real --only unseen'
_RUN, _CLONES = FOLDER / 'stack_agent', FOLDER / 'stack_clones'
_TRIES, _FIRST = 12, 60         # clones, and episodes that all of them are judged by
_BEST, _LAST = 3, 200           # how many of them go on to so many more
#: What clones are tuned over.
_CHOICES = {'layers': (2, 3, 4), 'learning_rate': (3e-4, 1e-3, 2e-3),
            'weight_decay': (1e-4, 1e-2, 1e-1), 'updates': (4000, 8000),
            'dropout': (0.0, 0.1), 'noise': (0.0, 0.02, 0.05)}


class Played(NamedTuple):
    """Failures [N] bool and times [N] s of episodes."""

    failed: np.ndarray
    times: np.ndarray

    def __add__(self, other):
        return Played(*(np.concatenate(parts) for parts in zip(self, other)))


def unseen() -> List[Figure]:
    """Return the errors of the agent on unseen blocks as a share of its clone's errors."""
    _collect()
    number, told = _tuned()
    lost = {name: _lost({'randomization': _WORLDS, **planner})
            for name, planner in (('agent', {}), ('prior', {'planner': 'prior'}))}
    lost['clone'] = play(_path(number), range(_EPISODES), _WORLDS).failed
    return _rows(lost, told)


def _lost(asked):
    """Return which episodes the agent fails."""
    return np.array(outcomes(played('stack', 'panda_stack', _EPISODES, asked))) == 0.0


def _rows(lost: Dict[str, np.ndarray], told: str):
    rows = [shown(f'unseen_errors/{name}', failed.mean(), 'share', _COMMAND,
                  told if name == 'clone' else '') for name, failed in lost.items()]
    for name in ('prior', 'clone'):
        ratio, low, high = paired_ratio(lost['agent'], lost[name])
        words = (f'errors of the agent by those of the {name}, {_EPISODES} paired episodes: '
                 f'95 % from {low:.3f} to {high:.3f}')
        if name == 'clone':
            rows += [at_most('unseen_error_ratio', ratio, _MOST, 'ratio', _COMMAND, words),
                     true('unseen_error_ratio_interval_below_1', high < 1.0, _COMMAND, words)]
        else:
            rows.append(shown(f'unseen_error_ratio/{name}', ratio, 'ratio', _COMMAND, words))
    return rows


def _collect():
    """Train the shipped agent again, by the same command, and keep what it learns from."""
    if _RUN.with_suffix('.json').is_file():
        return
    for file in _data().glob('episode_*.safetensors'):
        file.unlink()       # of a run that was interrupted
    run('train', '--task', 'stack', '--seed', '0', '--output', str(_RUN),
        '--keep', str(_data()))


def _data() -> Path:
    return FOLDER / 'data' / 'stack_agent'


def candidates() -> List[CloneConfig]:
    """Return what is tried: the usual, and others at random."""
    rng, found = np.random.default_rng(0), [CloneConfig()]
    while len(found) < _TRIES:
        drawn = CloneConfig(**{name: values[rng.integers(len(values))]
                               for name, values in _CHOICES.items()})
        if drawn not in found:
            found.append(drawn)
    return found


def _tuned() -> Tuple[int, str]:
    """Return the number of the best clone, and what is to be said of it."""
    lacking = [(number, config) for number, config in enumerate(candidates())
               if not _path(number).is_file()]
    with progress_bar('clones', len(lacking)) as advance:
        for done, _ in enumerate(spread(_train, lacking, cores(),
                                        torch.set_num_threads, (1,)), 1):
            advance(done)
    seen = [play(_path(number), range(seeds.TUNING, seeds.TUNING + _FIRST))
            for number in range(_TRIES)]
    best = sorted(range(_TRIES), key=lambda number: _rank(seen[number]))[:_BEST]
    both = {number: seen[number] + play(_path(number), range(
        seeds.TUNING + _FIRST, seeds.TUNING + _FIRST + _LAST)) for number in best}
    number = min(best, key=lambda number: _rank(both[number]))
    return number, _told(number, both[number])


def _rank(found):
    """Return what the best has least of: failures, then time."""
    return found.failed.sum(), found.times.mean()


def _told(number, found):
    settings = ', '.join(f'{name} {value:g}' for name, value in
                         asdict(candidates()[number]).items())
    same = hash_of(str(_RUN)) == hash_of('panda_stack')
    return ("cloned from all of the agent's episodes, with what the script would have done"
            + ('' if same else ' (of a run of the same command, whose weights differ)')
            + f'; best of {_TRIES}: {settings}; of {_FIRST + _LAST} episodes with the '
            f'blocks of stack itself, which it was chosen by, {found.failed.sum()} failed')


def _path(number) -> Path:
    return _CLONES / f'{number:02d}.safetensors'


@lru_cache(maxsize=None)
def _episodes():
    return read_episodes(_data(), 'stack', print)


def _train(order):
    number, config = order
    dynamics = load_checkpoint('', load_robot('panda'), get_task('stack'),
                               backend='eager').dynamics
    save(_path(number), clone(dynamics, _episodes(), config, seed=number), {})


def play(path: Path, numbers: range, randomization: str = '') -> Played:
    """
    Return what the clone of a file makes of the episodes ``numbers``, in the whole loop.

    It is kept beside the file.
    """
    kept = path.with_name(f'{path.stem}_{randomization or "own"}_{numbers[0]}.json')
    if not kept.is_file():
        evaluation = Evaluation(Request('stack', 1, planner='prior', randomization=randomization,
                                        jobs=cores()))
        found = []
        with progress_bar(f'clone {path.stem} plays', len(numbers)) as advance:
            for result in evaluation.share(_play, [(str(path), seed) for seed in numbers]):
                found.append(result)
                advance(len(found))
        write_json(kept, found)
    failed, times = np.array(json.loads(kept.read_text(encoding='utf-8'))).T
    return Played(failed > 0, times)


def _play(loop: ClosedLoop, item):
    """Let a clone act in the place of the prior; return whether it failed, and its time [s]."""
    path, seed = item
    agent = getattr(loop.model, 'agent', loop.model)
    loop.model = _cloned(agent, path)
    result = loop.run(seed)
    return [float(not result.success), result.time]


@lru_cache(maxsize=1)
def _cloned(agent, path):
    return ClonedModel(agent, load(Path(path), agent.dynamics))
