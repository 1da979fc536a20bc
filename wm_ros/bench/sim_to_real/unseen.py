"""
Figures of blocks that stack was never trained on: the agent beside policies cloned from its data.

What is made for it stays in ``benchmarks/work``: a bench that was interrupted goes on.
"""

from dataclasses import asdict
from functools import lru_cache
import os
from pathlib import Path
from typing import Dict, List, NamedTuple, Sequence, Tuple

import numpy as np
import torch
from wm_ros import seeds
from wm_ros.bench.record import at_most, Figure, shown, true
from wm_ros.bench.sim_to_real.cloned import clone, CloneConfig, ClonedModel, load, save
from wm_ros.bench.sim_to_real.parts import outcomes, played
from wm_ros.bench.world_model.workshop import FOLDER, run
from wm_ros.console import progress_bar
from wm_ros.data import read_episodes
from wm_ros.evaluation.loops import make_loop
from wm_ros.evaluation.run import parameters, Request
from wm_ros.evaluation.statistics import paired_ratio
from wm_ros.robot.robot import load_robot
from wm_ros.tasks import get_task
from wm_ros.workers import spread
from wm_ros.world_model import load_checkpoint
from wm_ros.world_model.load import hash_of

_EPISODES, _WORLDS = 1000, 'unseen_blocks'
_MOST = 0.6             # of the clone's errors, that the agent may make
_COMMAND = 'wm_ros bench sim_to_real --only unseen'
_RUN, _CLONES = FOLDER / 'stack_agent', FOLDER / 'stack_clones'
_TRIES, _FIRST = 12, 100        # clones of each data, and episodes that all of them are judged by
_BEST, _LAST = 3, 400           # how many of them go on to so many more
#: What clones are tuned over.
_CHOICES = {'layers': (2, 3, 4), 'learning_rate': (3e-4, 1e-3, 2e-3),
            'weight_decay': (1e-4, 1e-2, 1e-1), 'updates': (4000, 8000, 16000),
            'dropout': (0.0, 0.1), 'noise': (0.0, 0.02, 0.05)}
#: What clones are made from, and how it is told.
_DATA = {'script': "the script's disturbed demonstrations, which the agent began with",
         'all': "all of the agent's episodes, with what the script would have done"}


class Played(NamedTuple):
    """Failures [N] bool and times [N] s of episodes."""

    failed: np.ndarray
    times: np.ndarray

    def __add__(self, other):
        return Played(*(np.concatenate(parts) for parts in zip(self, other)))


def unseen() -> List[Figure]:
    """Return the errors of the agent on unseen blocks as a share of its clones' errors."""
    _collect()
    chosen = {data: _tuned(data) for data in _DATA}
    lost = {name: _lost({'randomization': _WORLDS, **planner})
            for name, planner in (('agent', {}), ('prior', {'planner': 'prior'}))}
    paths = [_path(data, number) for data, (number, _) in chosen.items()]
    lost.update(zip((f'clone_{data}' for data in chosen),
                    (found.failed for found in play(paths, range(_EPISODES), _WORLDS))))
    return _rows(lost, {f'clone_{data}': told for data, (_, told) in chosen.items()})


def _lost(asked):
    """Return which episodes the agent fails."""
    return np.array(outcomes(played('stack', 'panda_stack', _EPISODES, asked))) == 0.0


def _rows(lost: Dict[str, np.ndarray], told: Dict[str, str]):
    agent, rows = lost['agent'], []
    for name, theirs in lost.items():
        rows.append(shown(f'unseen_errors/{name}', theirs.mean(), 'share', _COMMAND,
                          told.get(name, '')))
        if name == 'agent':
            continue
        ratio, low, high = paired_ratio(agent, theirs)
        words = (f'errors of the agent by those of {name}, {_EPISODES} paired episodes: '
                 f'95 % from {low:.3f} to {high:.3f}')
        if name == 'clone_all':
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


def candidates(data: str) -> List[CloneConfig]:
    """Return what is tried for clones of ``data``: the usual, and others at random."""
    rng, found = np.random.default_rng(sorted(_DATA).index(data)), [CloneConfig()]
    while len(found) < _TRIES:
        drawn = CloneConfig(**{name: values[rng.integers(len(values))]
                               for name, values in _CHOICES.items()})
        if drawn not in found:
            found.append(drawn)
    return found


def _tuned(data) -> Tuple[int, str]:
    """Return the number of the best clone of ``data``, and what is to be said of it."""
    lacking = [(data, number, config) for number, config in enumerate(candidates(data))
               if not _path(data, number).is_file()]
    with progress_bar(f'clones of {data}', len(lacking)) as advance:
        for done, _ in enumerate(spread(_train, lacking, os.cpu_count() or 1,
                                        torch.set_num_threads, (1,)), 1):
            advance(done)
    seen = play([_path(data, number) for number in range(_TRIES)],
                range(seeds.TUNING, seeds.TUNING + _FIRST))
    best = sorted(range(_TRIES), key=lambda number: _rank(seen[number]))[:_BEST]
    more = play([_path(data, number) for number in best],
                range(seeds.TUNING + _FIRST, seeds.TUNING + _FIRST + _LAST))
    both = {number: seen[number] + again for number, again in zip(best, more)}
    number = min(best, key=lambda number: _rank(both[number]))
    return number, _told(data, number, both[number])


def _rank(found):
    """Return what the best has least of: failures, then time."""
    return found.failed.sum(), found.times.mean()


def _told(data, number, found):
    settings = ', '.join(f'{name} {value:g}' for name, value in
                         asdict(candidates(data)[number]).items())
    same = hash_of(str(_RUN)) == hash_of('panda_stack')
    return (f'cloned from {_DATA[data]}'
            + ('' if same else ' (of a run of the same command, whose weights differ)')
            + f'; best of {_TRIES}: {settings}; of {_FIRST + _LAST} episodes with the '
            f'blocks of stack itself, which it was chosen by, {found.failed.sum()} failed')


def _path(data, number) -> Path:
    return _CLONES / f'{data}_{number:02d}.safetensors'


@lru_cache(maxsize=None)
def _episodes(data):
    episodes = read_episodes(_data(), 'stack', print)
    return [episode for episode in episodes if data == 'all' or episode.source == 'noisy']


def _train(order):
    data, number, config = order
    dynamics = load_checkpoint('', load_robot('panda'), get_task('stack'),
                               backend='eager').dynamics
    save(_path(data, number), clone(dynamics, _episodes(data), config, seed=number),
         {'data': data})


def play(paths: Sequence[Path], numbers: range, randomization: str = '') -> List[Played]:
    """Return what the clone of each file makes of the episodes ``numbers``, in the whole loop."""
    items, found = [(path, seed) for path in paths for seed in numbers], []
    with progress_bar('clones play', len(items)) as advance:
        for result in spread(_play, items, os.cpu_count() or 1, _prepare, (randomization,), True):
            found.append(result)
            advance(len(found))
    failed, times = np.array(found).T.reshape(2, len(paths), len(numbers))
    return [Played(*each) for each in zip(failed > 0, times)]


_loop = _agent = None       # of a process that shares the work


def _prepare(randomization):
    global _loop, _agent
    request = Request('stack', 1, planner='prior', randomization=randomization)
    _loop = make_loop('stack', parameters(request))
    _agent = _loop.model


@lru_cache(maxsize=2)
def _model(path):
    return ClonedModel(_agent, load(path, _agent.dynamics))


def _play(item):
    path, seed = item
    _loop.model = _model(path)
    result = _loop.run(seed)
    return not result.success, result.time
