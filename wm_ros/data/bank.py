"""Windows out of recorded episodes: small columns from memory, streams straight from the files."""

from typing import Callable, Dict, Sequence

import numpy as np
from wm_ros.data.answered import answered
from wm_ros.data.episodes import Folders, good_files, read_rows
from wm_ros.types import WmRosError

_SMALL = 64 * 1024      # [bytes] per episode up to which a stream is kept in memory


class Bank:
    """
    Windows of ``length`` observations of the episodes in a folder, or several.

    ``columns`` are names of streams, or ``states`` [X], ``actions`` [A], ``answered`` [A] (those
    that led from row to row, where the arm is late), ``expert`` [A] (what the script would have
    done, NaN where none was asked), ``rewards`` [], ``goal`` [7], ``success`` [] (of the episode)
    and ``ended`` [] (by success, here).  Row t of actions and rewards is what was done, and
    gained, after observation t; after the last one it is 0.  Damaged files are named through
    ``complain`` and left out; raises WmRosError where nothing is left, and where rows differ in
    shape.  ``shapes`` are those of rows by column.
    """

    def __init__(self, folders: Folders, task: str, complain: Callable[[str], None],
                 columns: Sequence[str]):
        self.columns, self.shapes = tuple(columns), {}
        own = ('states', 'actions', 'answered', 'expert', 'rewards', 'goal', 'success', 'ended')
        streams = tuple(name for name in columns if name not in own)
        self._paths, self._kept, lengths = [], [], []
        for path, episode in good_files(folders, task, complain, streams):
            kept = _columns(episode)
            kept.update({name: stream for name, stream in episode.streams.items()
                         if stream.nbytes <= _SMALL})
            self._check(path, {**kept, **episode.streams})
            self._paths.append(path)
            self._kept.append({name: kept[name] for name in columns if name in kept})
            lengths.append(len(episode.states))
        self._lengths = np.array(lengths)

    def _check(self, path, found):
        """Refuse columns whose rows are of another shape than in the episodes before."""
        for name in self.columns:
            shape = found[name].shape[1:]
            if self.shapes.setdefault(name, shape) != shape:
                raise WmRosError(f'{path}: {name} has rows of {shape}, in other episodes of '
                                 f'{self.shapes[name]}: train on recordings of one kind')

    @property
    def episodes(self) -> int:
        """Number of episodes."""
        return len(self._paths)

    @property
    def rows(self) -> int:
        """Number of observations."""
        return int(self._lengths.sum())

    def column(self, name: str) -> np.ndarray:
        """Return all rows [rows, ...] of a column, read now; mind the size of frames."""
        return np.concatenate([self._window(i, name, 0, length)
                               for i, length in enumerate(self._lengths)])

    def episode(self, index: int) -> Dict[str, np.ndarray]:
        """Return all rows [rows, ...] of each column of one episode."""
        return {name: self._window(index, name, 0, self._lengths[index]) for name in self.columns}

    def sample(self, rng: np.random.Generator, count: int, length: int = 1
               ) -> Dict[str, np.ndarray]:
        """
        Return ``count`` windows [count, length, ...] of each column, each start equally likely.

        Raises WmRosError where no episode is that long.
        """
        starts = np.maximum(self._lengths - length + 1, 0)
        ends = np.cumsum(starts)
        if count < 1:
            raise WmRosError(f'windows: got {count}, expected at least 1')
        if not ends[-1]:
            raise WmRosError(f'windows of {length} observations: the longest episode has '
                             f'{self._lengths.max()}')
        return self._gather(ends, rng.integers(ends[-1], size=count), length)

    def every(self, count: int) -> Dict[str, np.ndarray]:
        """Return ``count`` single rows [count, 1, ...], spread evenly over all of them."""
        if count < 1:
            raise WmRosError(f'rows: got {count}, expected at least 1')
        ends = np.cumsum(self._lengths)
        return self._gather(ends, np.linspace(0, ends[-1] - 1, count).astype(int), 1)

    def _gather(self, ends, places, length):
        episodes = np.searchsorted(ends, places, side='right')
        firsts = places - np.append(0, ends)[episodes]
        return {name: np.stack([self._window(i, name, first, first + length)
                                for i, first in zip(episodes, firsts)])
                for name in self.columns}

    def _window(self, episode, name, first, last):
        kept = self._kept[episode].get(name)
        if kept is not None:
            return kept[first:last]
        return read_rows(self._paths[episode], name, int(first), int(last))


def _columns(episode) -> Dict[str, np.ndarray]:
    """Return what is no stream, a row for each observation."""
    rows, actions = len(episode.states), episode.actions
    expert = np.full_like(actions, np.nan) if episode.expert is None else episode.expert
    return {
        'states': episode.states, 'goal': np.tile(episode.goal, (rows, 1)),
        'actions': np.concatenate([actions, np.zeros_like(actions[:1])]),
        'answered': np.concatenate([answered(episode)[0], np.zeros_like(actions[:1])]),
        'expert': np.concatenate([expert, np.zeros_like(expert[:1])]),
        'rewards': np.append(episode.rewards, 0.0).astype(np.float32),
        'success': np.full(rows, episode.success, np.float32),
        'ended': np.append(np.zeros(rows - 1), episode.success).astype(np.float32)}
