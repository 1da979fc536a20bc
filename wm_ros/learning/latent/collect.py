"""Episodes out of environments that are played in turn, by a policy that explores."""

from typing import Callable, List, Optional

import numpy as np
import torch
from wm_ros.learning.latent.environment import Environment
from wm_ros.learning.latent.replay import Played, Replay
from wm_ros.world_model.tdmpc2 import LatentAgent

_HELD = 4.0             # steps that a random action is held, on average


class Wander:
    """
    Noise on a policy's actions, and now and then a random action that is held for a while.

    A share ``wander`` of all steps is random: what is done once leads nowhere, what is held
    gets somewhere.
    """

    def __init__(self, rng: np.random.Generator, actions: int, noise: float, wander: float):
        self._rng, self._noise, self._wander = rng, noise, wander
        self._held, self._left = np.zeros(actions), 0

    def __call__(self, action: Optional[np.ndarray]) -> np.ndarray:
        """Return what to do instead of ``action`` [A]; None: anything."""
        rng = self._rng
        if self._left == 0 and (action is None or rng.random() < self._begins()):
            self._left = int(rng.geometric(1.0 / _HELD))
            self._held = rng.uniform(-1.0, 1.0, len(self._held))
        if self._left:
            self._left -= 1
            return self._held
        return np.clip(action + self._noise * rng.normal(size=len(action)), -1.0, 1.0)

    def _begins(self):
        """Return how often one begins, so that a share of all steps is random."""
        share = min(self._wander, 0.99)
        return share / (share + _HELD * (1.0 - share))


class Collector:
    """Plays ``environments`` in turn and remembers their episodes in ``replay``."""

    def __init__(self, environments: List[Environment], replay: Replay,
                 rng: np.random.Generator, next_seed: Callable[[], int], noise: float,
                 wander: float):
        self._environments, self._replay, self._next_seed = environments, replay, next_seed
        self._wanders = [Wander(rng, environment.widths.actions, noise, wander)
                         for environment in environments]
        self._records = [None] * len(environments)
        self.successes: List[bool] = []

    def round(self, agent: Optional[LatentAgent]) -> int:  # noqa: A003
        """Do one step in each environment, random ones without ``agent``; return how many."""
        for i, record in enumerate(self._records):
            if record is None:
                self._records[i] = _Record(self._environments[i].reset(self._next_seed()))
        wanted = [None] * len(self._records) if agent is None else self._policy(agent)
        for i, (record, action) in enumerate(zip(self._records, wanted)):
            action = self._wanders[i](action).astype(np.float32)
            step = self._environments[i].step(action)
            record.add(action, step)
            if step.terminated or step.truncated:
                self._end(i, step)
        return len(self._records)

    @property
    def tells(self) -> bool:
        """Whether any environment has ever said whether an episode succeeds."""
        return any(environment.tells for environment in self._environments)

    def cut(self):
        """Remember what was played of episodes that have not ended, and begin new ones."""
        for i, record in enumerate(self._records):
            if record is not None and record.actions:
                self._replay.add(record.played(False, None))
            self._records[i] = None

    def _policy(self, agent):
        seen, goals = (np.stack([record.now(name) for record in self._records])
                       for name in ('seen', 'goal'))
        device = next(agent.parameters()).device
        return agent.act(torch.from_numpy(seen).to(device),
                         torch.from_numpy(goals).to(device)).cpu().numpy()

    def _end(self, i, step):
        self._replay.add(self._records[i].played(step.terminated, step.success))
        self.successes.append(bool(step.success))
        self._records[i] = None


class _Record:
    """What has been played of an episode."""

    def __init__(self, moment):
        self.moments, self.actions, self.rewards = [moment], [], []

    def now(self, name):
        return getattr(self.moments[-1], name)

    def add(self, action, step):
        self.moments.append(step.moment)
        self.actions.append(action)
        self.rewards.append(step.reward)

    def played(self, terminated, success) -> Played:
        seen, goals = (np.stack(part) for part in zip(*self.moments))
        return Played(seen, goals, np.stack(self.actions),
                      np.array(self.rewards, np.float32), terminated, success)
