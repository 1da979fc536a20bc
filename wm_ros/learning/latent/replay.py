"""Replay memory of whole episodes, sampled as windows with goals in hindsight (HER)."""

from typing import List, NamedTuple, Optional

import numpy as np
from wm_ros.learning.latent.environment import Widths
from wm_ros.learning.latent.goals import GoalReward

_POOL = 8           # windows to choose from, for each that gets another goal
_TRIVIAL = 0.1      # share of those whose goal is achieved from the start, where there are others


class Played(NamedTuple):
    """One episode of T steps, or the part of one that was played."""

    seen: np.ndarray        # [T + 1, O + G]
    goals: np.ndarray       # [T + 1, G]
    actions: np.ndarray     # [T, A]
    rewards: np.ndarray     # [T]
    terminated: bool
    success: Optional[bool]


class Windows(NamedTuple):
    """B windows of H steps, time first; float32 arrays."""

    seen: np.ndarray        # [H + 1, B, O + G]
    goal: np.ndarray        # [B, G]
    actions: np.ndarray     # [H, B, A]
    rewards: np.ndarray     # [H, B]
    ended: np.ndarray       # [H, B] 1: nothing follows the step
    over: np.ndarray        # [H, B] 1: all was over before the step
    known: np.ndarray       # [H, B] 1: the step was played, or is known
    bound: np.ndarray       # [H, B] return that was reached from there; -inf: none


class Replay:
    """
    The last ``capacity`` moments of episodes, in flat arrays; the last of each has no action.

    A share ``hindsight`` of the windows that are sampled gets a goal that was achieved later in
    the episode (Andrychowicz et al. 2017, 'future'), and the rewards that the environment would
    have given for it.  Most of these goals are ones that were not achieved from the start: what
    lies still teaches little (Manela and Biess 2019).  Where the environment ends an episode with
    success, so do these.
    """

    def __init__(self, widths: Widths, capacity: int, discount: float,
                 goal_reward: Optional[GoalReward] = None, hindsight: float = 0.8):
        self._widths, self._discount = widths, discount
        self._goal_reward = goal_reward
        self._hindsight = hindsight if goal_reward is not None else 0.0
        rows = {'seen': (widths.observations + widths.goals,), 'goal': (widths.goals,),
                'action': (widths.actions,), 'reward': (), 'left': (), 'return': ()}
        self.arrays = {name: np.zeros((capacity, *shape), np.float32)
                       for name, shape in rows.items()}
        # Rows of the episode that follow; -1: no row of an episode, or no more.
        self.arrays['left'] = np.full(capacity, -1, np.int32)
        self.arrays['terminated'] = np.zeros(capacity, bool)
        self.capacity, self.filled, self._next = capacity, 0, 0
        self.ends_with_success = False
        self.lowest = self.highest = 0.0        # rewards so far

    def add(self, episode: Played):
        """Remember ``episode``; the oldest ones make room."""
        count = len(episode.seen)
        start = self._room(count)
        rows = slice(start, start + count)
        zero = np.zeros(1, np.float32)
        self.arrays['seen'][rows], self.arrays['goal'][rows] = episode.seen, episode.goals
        self.arrays['action'][rows] = np.concatenate(
            [episode.actions, np.zeros((1, self._widths.actions), np.float32)])
        self.arrays['reward'][rows] = np.concatenate([episode.rewards, zero])
        self.arrays['left'][rows] = np.arange(count - 1, -1, -1)
        self.arrays['terminated'][rows] = episode.terminated
        self.arrays['return'][rows] = self._returns(episode)
        self._next, self.filled = start + count, max(self.filled, start + count)
        self.ends_with_success |= bool(episode.terminated and episode.success)
        self._widen(episode.rewards)

    #: What its numbers are called in a saved state.
    called = 'replay'

    def numbers(self) -> dict:
        """Return what a saved state knows of it beside its arrays, by attribute."""
        return {'filled': self.filled, '_next': self._next, 'lowest': self.lowest,
                'highest': self.highest, 'ends_with_success': self.ends_with_success}

    def _widen(self, rewards):
        self.lowest = min(self.lowest, float(rewards.min()))
        self.highest = max(self.highest, float(rewards.max()))

    def _room(self, count):
        """Return where ``count`` rows in a row may be written; what is cut into is forgotten."""
        start = self._next if self._next + count <= self.capacity else 0
        end, left = start + count, self.arrays['left']
        if end < self.capacity and left[end - 1] == left[end] + 1:
            left[end:end + left[end] + 1] = -1
        return start

    def _returns(self, episode):
        """Return the discounted return from each moment; -inf where the end is not known."""
        made = np.full(len(episode.seen), -np.inf, np.float32)
        if episode.terminated:
            made[-1] = 0.0
            for t in range(len(episode.rewards) - 1, -1, -1):
                made[t] = episode.rewards[t] + self._discount * made[t + 1]
        return made

    def sample(self, rng: np.random.Generator, batch: int, horizon: int) -> Windows:
        """Return ``batch`` windows of ``horizon`` steps, those in hindsight first."""
        again = int(round(self._hindsight * batch))
        parts: List[Windows] = []
        if again:
            parts.append(self._in_hindsight(rng, again, horizon))
        if batch > again:
            parts.append(self._as_played(rng, batch - again, horizon))
        if len(parts) == 1:
            return parts[0]
        return Windows(*(np.concatenate(pair, int(pair[0].ndim > 1 and name != 'goal'))
                         for name, pair in zip(Windows._fields, zip(*parts))))

    def _starts(self, rng, count):
        """Return rows [N] that have an action, evenly drawn."""
        left, found = self.arrays['left'], np.zeros(0, np.int64)
        while len(found) < count:
            drawn = rng.integers(self.filled, size=2 * count)
            found = np.concatenate([found, drawn[left[drawn] > 0]])
        return found[:count]

    def _as_played(self, rng, count, horizon):
        """Return windows with the goals and rewards that they had."""
        starts = self._starts(rng, count)
        made, inside, rows = self._window(rng, starts, horizon)
        arrays = self.arrays
        terminated = arrays['terminated'][starts]
        over = ~inside & terminated
        return made._replace(
            goal=arrays['goal'][starts], rewards=np.where(inside, arrays['reward'][rows[:-1]], 0),
            ended=_floats(over | (terminated & (arrays['left'][rows[1:]] == 0))),
            over=_floats(over), known=_floats(inside | over),
            bound=np.where(inside, arrays['return'][rows[:-1]], -np.inf))

    def _window(self, rng, starts, horizon):
        """Return windows without goals, which of their steps were played [H, B], and rows."""
        left = self.arrays['left'][starts]
        steps = np.arange(horizon + 1)[:, None]
        rows = starts + np.minimum(steps, left)
        inside = steps[:-1] < left
        wild = rng.uniform(-1.0, 1.0, (*inside.shape, self._widths.actions))
        # What is done when all is over does not count: whatever it is.
        actions = np.where(inside[..., None], self.arrays['action'][rows[:-1]], wild)
        none = np.zeros(inside.shape, np.float32)
        made = Windows(self.arrays['seen'][rows], none, actions.astype(np.float32), none, none,
                       none, _floats(inside), none)
        return made, inside, rows

    def _in_hindsight(self, rng, count, horizon):
        """Return windows whose goals are what was achieved later."""
        starts, goals, ahead = self._other_goals(rng, count)
        made, inside, rows = self._window(rng, starts, horizon)
        best = self._goal_reward.best(goals)
        rewards = self._goal_reward.rewards(self._achieved(rows), np.broadcast_to(
            goals, (*rows.shape, goals.shape[-1])))
        self._widen(rewards)
        achieved = rewards >= best
        ends = self.ends_with_success
        bound = np.full(inside.shape, -np.inf, np.float32)
        if ends and self._goal_reward.vectorised:
            bound = self._bounds(starts, goals, ahead, best, horizon)
        return made._replace(
            goal=goals, rewards=np.where(inside, rewards[1:], 0).astype(np.float32),
            ended=_floats(achieved[1:] & ends), over=_floats(achieved[:-1] & ends), bound=bound)

    def _other_goals(self, rng, count):
        """Return starts [B], goals [B, G] and how many steps ahead [B] they were achieved."""
        starts = self._starts(rng, _POOL * count)
        ahead = rng.integers(1, self.arrays['left'][starts] + 1)
        goals = self._achieved(starts + ahead)
        trivial = self._goal_reward.rewards(self._achieved(starts), goals) >= \
            self._goal_reward.best(goals)
        telling = np.flatnonzero(~trivial)[:count - int(_TRIVIAL * count)]
        kept = np.concatenate([telling, np.flatnonzero(trivial)])[:count]
        if len(kept) < count:       # hardly any is trivial
            kept = np.concatenate([kept, np.flatnonzero(~trivial)[len(telling):]])[:count]
        return starts[kept], goals[kept], ahead[kept]

    def _bounds(self, starts, goals, ahead, best, horizon):
        """Return the returns [H, B] until goals were achieved, -inf where they were not."""
        length = max(horizon, int(ahead.max()))
        steps = np.arange(1, length + 1)[:, None]
        inside = steps <= ahead
        columns = np.nonzero(inside)[1]
        rewards = np.zeros(inside.shape, np.float32)
        rewards[inside] = self._goal_reward.rewards(
            self._achieved((starts + steps)[inside]), goals[columns])
        achieved = inside & (rewards >= best)
        made = np.full((length + 1, len(starts)), -np.inf, np.float32)
        for t in range(length - 1, -1, -1):
            made[t] = np.where(inside[t], rewards[t] + self._discount * np.where(
                achieved[t], 0.0, made[t + 1]), -np.inf)
        return made[:horizon]

    def _achieved(self, rows):
        return self.arrays['seen'][rows, self._widths.observations:]

    def recent(self, rng, count: int):
        """Return ``count`` rows of ``seen`` and ``goal``, evenly drawn, to normalise by."""
        rows = self._starts(rng, count)
        return self.arrays['seen'][rows], self.arrays['goal'][rows]


def _floats(mask):
    return mask.astype(np.float32)
