"""Gymnasium environments as flat numbers; what does not fit is refused in one line."""

from contextlib import contextmanager
from importlib import import_module, metadata
import os
import sys
from typing import Any, Iterator, Mapping, NamedTuple, Optional

import numpy as np
from wm_ros.types import WmRosError

_GOAL_KEYS = ('observation', 'achieved_goal', 'desired_goal')
_SUCCESS = 'is_success', 'success'      # names that environments have for it in their info
_LONGEST = 1000         # steps of an episode where an environment sets no limit


class Widths(NamedTuple):
    """How many numbers an environment shows, asks for (0: no goals) and takes."""

    observations: int
    goals: int
    actions: int


class Moment(NamedTuple):
    """What is there to act upon."""

    seen: np.ndarray        # [O + G] float32: the observation, and what of the goal is achieved
    goal: np.ndarray        # [G] float32: what is desired


class Step(NamedTuple):
    """What came of an action."""

    moment: Moment
    reward: float
    terminated: bool
    truncated: bool
    success: Optional[bool]     # None where it does not say


class Environment:
    """
    One environment of a registered ``name``, such as ``PandaPush-v3`` or ``module:ID``.

    ``arguments`` are those of ``gymnasium.make``, which takes the environment's own as well.

    Observations are a Box of one dimension, or a Dict of observation, achieved_goal and
    desired_goal; actions a bounded Box, here in [-1, 1].  Raises WmRosError for others.
    """

    def __init__(self, name: str, arguments: Optional[Mapping[str, Any]] = None):
        self.name, self.arguments = name, dict(arguments or {})
        with _quiet():
            self._env = _made(name, self.arguments)
        self._goals = _has_goals(name, self._env.observation_space)
        self.widths = _widths(name, self._env, self._goals)
        space = self._env.action_space
        self._middle = (space.high + space.low) / 2
        self._half, self._shape = (space.high - space.low) / 2, space.shape
        self._steps = 0
        spec = self._env.spec
        self.longest = _LONGEST if spec is None else spec.max_episode_steps or _LONGEST
        #: Whether it has ever said of an episode whether it succeeds.
        self.tells = False

    def reset(self, seed: int) -> Moment:
        """Begin the episode of ``seed``."""
        self._steps = 0
        with self._complaints('reset'):
            return self._moment(self._env.reset(seed=seed)[0])

    def step(self, action: np.ndarray) -> Step:
        """Do ``action`` [A] in [-1, 1]."""
        action = np.clip(action, -1.0, 1.0).reshape(self._shape)
        with self._complaints('step'):
            observation, reward, terminated, truncated, info = self._env.step(
                (self._middle + self._half * action).astype(self._env.action_space.dtype))
        self._steps += 1
        if not np.isfinite(reward):
            raise WmRosError(f'--env {self.name}: got a reward of {reward}, expected a number')
        success = next((bool(info[name]) for name in _SUCCESS if name in info), None)
        self.tells |= success is not None
        return Step(self._moment(observation), float(reward), bool(terminated),
                    bool(truncated) or self._steps >= self.longest, success)

    def compute_reward(self, achieved: np.ndarray, desired: np.ndarray):
        """Return what the environment would have given for goals [N, G], or for one [G]."""
        return self._env.get_wrapper_attr('compute_reward')(achieved, desired, {})

    @property
    def relabels(self) -> bool:
        """Whether it says what rewards other goals would have brought."""
        try:
            return self._goals and callable(self._env.get_wrapper_attr('compute_reward'))
        except AttributeError:
            return False

    def close(self):
        """End it."""
        self._env.close()

    @contextmanager
    def _complaints(self, doing):
        try:
            yield
        except Exception as error:      # of whatever kind, as arguments that do not suit have it
            raise WmRosError(f'--env {self.name}: {doing} fails ({_short(error)})') from error

    def _moment(self, observation):
        if not self._goals:
            return Moment(np.asarray(observation, np.float32), np.zeros(0, np.float32))
        seen, achieved, desired = (
            np.asarray(observation[key], np.float32) for key in _GOAL_KEYS)
        return Moment(np.concatenate([seen, achieved]), desired)


@contextmanager
def _quiet():
    """Keep from standard output what engines print from C while they start."""
    sys.stdout.flush()
    kept, nothing = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nothing, 1)
        yield
    finally:
        sys.stdout.flush()
        os.dup2(kept, 1)
        os.close(kept)
        os.close(nothing)


def _made(name, arguments):
    """Return what Gymnasium makes of ``name``; packages that register environments are tried."""
    try:
        import gymnasium
    except ImportError as error:
        raise WmRosError('--env needs Gymnasium: pip install gymnasium') from error
    torn = ''
    for module in ('', *_registrars()):
        try:
            if module:
                import_module(module)
        except Exception as error:      # of whatever kind: it is not the one that was asked for
            torn = f'; {module} cannot be imported ({_short(error)})'
            continue
        try:
            return gymnasium.make(name, **arguments)
        except gymnasium.error.UnregisteredEnv as error:
            found = error
        except Exception as error:      # what environments run into while they begin
            given = f' with {", ".join(arguments)}' if arguments else ''
            raise WmRosError(f'--env {name}: cannot be made{given} ({_short(error)})') from error
    raise WmRosError(f'--env {name}: no registered environment ({_short(found)}); where its '
                     f'package is not found by itself, write --env PACKAGE:{name}{torn}')


def _short(error):
    text = ' '.join(str(error).split()).rstrip('.')[:160]
    return f'{type(error).__name__}: {text}'


def _registrars() -> Iterator[str]:
    """Yield packages that are installed and need Gymnasium: they may register environments."""
    for found in metadata.distributions():
        needs = (text.replace('-', '_').lower() for text in found.requires or ())
        if not any(text.startswith('gymnasium') and 'extra' not in text for text in needs):
            continue
        listed = (found.read_text('top_level.txt') or '').split()
        yield from (name for name in listed or [found.metadata['Name'].replace('-', '_')]
                    if name != 'wm_ros' and name.isidentifier())


def _has_goals(name, space):
    """Return whether observations are goal-conditioned; WmRosError for neither kind."""
    from gymnasium import spaces
    parts = {'': space}
    if isinstance(space, spaces.Dict):
        if set(space) != set(_GOAL_KEYS):
            raise WmRosError(f'--env {name}: got observations of {", ".join(space)}, expected a '
                             f'Box, or a Dict of {", ".join(_GOAL_KEYS)}')
        parts = dict(space.items())
    for key, part in parts.items():
        what = f'--env {name}: got {key or "observations"} of {type(part).__name__}'
        if not isinstance(part, spaces.Box):
            raise WmRosError(f'{what}, expected a Box of numbers')
        if len(part.shape) != 1:
            raise WmRosError(f'{what} {list(part.shape)}, expected a Box of one dimension: '
                             'images are not learned from here')
    if parts.keys() != {''} and parts['achieved_goal'].shape != parts['desired_goal'].shape:
        raise WmRosError(f'--env {name}: got goals of {list(parts["desired_goal"].shape)} '
                         f'and {list(parts["achieved_goal"].shape)}, expected the same shape')
    return parts.keys() != {''}


def _widths(name, env, goals) -> Widths:
    from gymnasium import spaces
    actions, seen = env.action_space, env.observation_space
    if not isinstance(actions, spaces.Box):
        raise WmRosError(f'--env {name}: got actions of {type(actions).__name__}, expected '
                         'continuous ones (Box)')
    if not (np.isfinite(actions.low).all() and np.isfinite(actions.high).all()):
        raise WmRosError(f'--env {name}: got actions without bounds, expected a bounded Box')
    if not goals:
        return Widths(seen.shape[0], 0, int(np.prod(actions.shape)))
    return Widths(seen['observation'].shape[0], seen['desired_goal'].shape[0],
                  int(np.prod(actions.shape)))
