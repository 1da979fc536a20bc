"""
Clones of what an agent of stack learned from: made, tuned, and played; all of it is kept.

The agent is trained here, by the command that a user has, so that what it collects is there.
"""

from dataclasses import asdict
from functools import lru_cache, partial
from pathlib import Path
import shutil
from typing import List, NamedTuple, Tuple

import numpy as np
import torch
from wm_ros import seeds
from wm_ros.bench.sim_to_real.cloned import clone, CloneConfig, ClonedModel, load, save
from wm_ros.bench.sim_to_real.parts import digest, remembered
from wm_ros.bench.world_model.workshop import FOLDER, run
from wm_ros.console import counted, progress_bar
from wm_ros.cores import cores
from wm_ros.data import read_episodes
from wm_ros.evaluation.closed_loop import ClosedLoop
from wm_ros.evaluation.run import Evaluation, Request
from wm_ros.robot.robot import load_robot
from wm_ros.tasks import get_task
from wm_ros.workers import spread
from wm_ros.world_model import load_checkpoint
from wm_ros.world_model.load import hash_of

TRIES, _FIRST = 12, 60          # clones, and episodes that all of them are judged by
_BEST, _LAST = 3, 200           # how many of them go on to so many more
#: What clones are tuned over.
_CHOICES = {'layers': (2, 3, 4), 'learning_rate': (3e-4, 1e-3, 2e-3),
            'weight_decay': (1e-4, 1e-2, 1e-1), 'updates': (4000, 8000),
            'dropout': (0.0, 0.1), 'noise': (0.0, 0.02, 0.05), 'linear': (0.0, 0.15)}


class Source(NamedTuple):
    """An agent, and what it learned from; ``amounts`` are those of its recipe, KEY=VALUE."""

    name: str
    amounts: Tuple[str, ...] = ()

    @property
    def checkpoint(self) -> str:
        """Return the agent's."""
        return str(FOLDER / self.name)

    @property
    def episodes(self) -> Path:
        """Return the folder of what it collected."""
        return FOLDER / 'data' / self.name

    @property
    def count(self) -> int:
        """Return how many episodes it collected."""
        return len([*self.episodes.glob('episode_*.safetensors')])

    def path(self, number: int) -> Path:
        """Return the file of a clone."""
        return FOLDER / f'{self.name}_clones' / f'{number:02d}.safetensors'

    def collect(self):
        """Train the agent, if it is not there, and keep what it learns from."""
        if Path(f'{self.checkpoint}.json').is_file():
            return
        for old in self.episodes, self.path(0).parent:      # of another run, or a part of one
            shutil.rmtree(old, ignore_errors=True)
        amounts = [word for amount in self.amounts for word in ('--set', amount)]
        run('train', '--task', 'stack', '--seed', '0', *amounts, '--output', self.checkpoint,
            '--keep', str(self.episodes))


class Played(NamedTuple):
    """Failures [N] bool and times [N] s of episodes."""

    failed: np.ndarray
    times: np.ndarray

    def __add__(self, other):
        return Played(*(np.concatenate(parts) for parts in zip(self, other)))


def candidates() -> List[CloneConfig]:
    """Return what is tried: the usual, and others at random."""
    rng, found = np.random.default_rng(0), [CloneConfig()]
    while len(found) < TRIES:
        drawn = CloneConfig(**{name: values[rng.integers(len(values))]
                               for name, values in _CHOICES.items()})
        if drawn not in found:
            found.append(drawn)
    return found


def make(source: Source, numbers: range):
    """Clone the candidates of these numbers, if they are not there."""
    lacking = [number for number in numbers if not source.path(number).is_file()]
    with progress_bar(f'clones of {source.name}', len(lacking)) as advance:
        for done, _ in enumerate(spread(partial(_make, source), lacking, cores(),
                                        torch.set_num_threads, (1,)), 1):
            advance(done)


def tuned(source: Source) -> Tuple[int, str]:
    """Return the number of the best clone on the blocks of stack itself, and what it is."""
    make(source, range(TRIES))
    seen = [play(source, number, range(seeds.TUNING, seeds.TUNING + _FIRST))
            for number in range(TRIES)]
    best = sorted(range(TRIES), key=lambda number: rank(seen[number]))[:_BEST]
    both = {number: seen[number] + play(source, number, range(
        seeds.TUNING + _FIRST, seeds.TUNING + _FIRST + _LAST)) for number in best}
    number = min(best, key=lambda number: rank(both[number]))
    settings = ', '.join(f'{name} {value:g}'
                         for name, value in asdict(candidates()[number]).items())
    return number, (f'best of {TRIES}: {settings}; of {_FIRST + _LAST} episodes with the blocks '
                    f'of stack itself, which it was chosen by, {both[number].failed.sum()} failed')


def rank(found: Played) -> Tuple[int, float]:
    """Return what the best has least of: failures, then time."""
    return found.failed.sum(), found.times.mean()


def play(source: Source, number: int, episodes: range, randomization: str = '') -> Played:
    """
    Return what a clone makes of ``episodes`` in the whole loop, in the place of the agent's prior.

    It is kept beside the clone.
    """
    path = source.path(number)

    def play_now():
        evaluation = Evaluation(Request('stack', 1, planner='prior', checkpoint=source.checkpoint,
                                        randomization=randomization, jobs=cores()))
        items = [(str(path), seed) for seed in episodes]
        return counted(f'clone {path.stem} plays', evaluation.share(_play, items), len(items))

    file = path.with_name(f'{path.stem}_{randomization or "own"}_{episodes[0]}.json')
    failed, times = np.array(remembered(
        file, digest(hash_of(str(path.with_suffix(''))), len(episodes)), play_now)).T
    return Played(failed > 0, times)


@lru_cache(maxsize=1)
def _episodes(folder):
    return read_episodes(folder, 'stack', print)


def _make(source, number):
    dynamics = load_checkpoint(source.checkpoint, load_robot('panda'), get_task('stack'),
                               backend='eager').dynamics
    made = clone(dynamics, _episodes(source.episodes), candidates()[number], seed=number)
    save(source.path(number), made, {})


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
