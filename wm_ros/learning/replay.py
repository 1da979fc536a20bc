"""Replay memory: all episodes in flat arrays, sampled as transitions or sequences."""

from typing import Sequence

import numpy as np
from wm_ros.data.answered import answered
from wm_ros.types import Episode


class Replay:
    """
    Rows of all episodes one after another; the last row of each has no action.

    ``starts(length)`` gives the rows whose ``length`` following rows are of the same episode.
    ``tells`` are names of numbers that were drawn, N of them.
    """

    def __init__(self, tells: Sequence[str] = ()):
        self._tells = tuple(tells)
        self._episodes = []
        self._arrays = None

    def add(self, episode: Episode):
        """Remember ``episode``."""
        self._episodes.append(episode)
        self._arrays = None

    @property
    def episodes(self):
        """All episodes, oldest first."""
        return tuple(self._episodes)

    @property
    def steps(self) -> int:
        """Environment steps remembered."""
        return sum(len(episode.actions) for episode in self._episodes)

    @property
    def arrays(self):
        """
        Flat arrays: state, felt, action, expert, labelled, reward, goal, left, told.

        told [R, N] is what was drawn, NaN where it was not.
        """
        if self._arrays is None:
            self._arrays = self._flatten()
        return self._arrays

    def _flatten(self):
        columns = {name: [] for name in
                   ('state', 'felt', 'action', 'expert', 'labelled', 'reward', 'goal', 'left',
                    'told')}
        for e in self._episodes:
            steps = len(e.actions)
            idle = np.zeros((1, e.actions.shape[1]), np.float32)
            actions, expert = answered(e)
            expert = actions if expert is None else expert
            columns['state'].append(e.states)
            columns['felt'].append(e.streams.get('wrench', np.zeros((steps + 1, 6))))
            columns['action'].append(np.concatenate([actions, idle]))
            columns['expert'].append(np.concatenate([expert, idle]))
            labelled = np.full(steps + 1, e.expert is not None, np.float32)
            labelled[-1] = 0.0
            columns['labelled'].append(labelled)
            columns['reward'].append(np.append(e.rewards, 0.0))
            columns['goal'].append(np.tile(e.goal[:3], (steps + 1, 1)))
            columns['left'].append(np.arange(steps, -1, -1))
            told = [e.randomisation.get(name, np.nan) for name in self._tells]
            columns['told'].append(np.tile(told, (steps + 1, 1)))
        return {name: np.concatenate(parts).astype(np.int64 if name == 'left' else np.float32)
                for name, parts in columns.items()}

    def starts(self, length: int, labelled: bool = False):
        """Return rows that have ``length`` steps after them in their episode."""
        arrays = self.arrays
        mask = arrays['left'] >= length
        if labelled:
            mask &= arrays['labelled'] > 0
        return np.flatnonzero(mask)
