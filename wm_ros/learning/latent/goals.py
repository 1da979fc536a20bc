"""What rewards other goals would have brought, asked of the environment itself."""

import numpy as np
from wm_ros.learning.latent.environment import Environment
from wm_ros.types import WmRosError

_CLOSE = 1e-6


class GoalReward:
    """
    ``compute_reward`` of an environment for many goals at once.

    Environments whose own takes one pair at a time are asked one by one (``vectorised`` False).
    Raises WmRosError where it cannot be asked without what only a step tells.
    """

    def __init__(self, environment: Environment):
        self._ask, self._name = environment.compute_reward, environment.name
        goals = np.zeros((2, environment.widths.goals), np.float32)
        try:
            self.vectorised = np.shape(self._ask(goals, goals)) == (2,)
        except Exception:   # noqa: B902 (whatever an environment raises that takes one at a time)
            self.vectorised = False
        self.rewards(goals, goals)

    def rewards(self, achieved: np.ndarray, desired: np.ndarray) -> np.ndarray:
        """Return the rewards [...] of having achieved [..., G] where [..., G] was desired."""
        rows, goals = (part.reshape(-1, part.shape[-1]) for part in (achieved, desired))
        try:
            made = (self._ask(rows, goals) if self.vectorised
                    else [self._ask(*pair) for pair in zip(rows, goals)])
        except Exception as error:  # noqa: B902
            raise WmRosError(f'--env {self._name}: its compute_reward cannot be asked '
                             f'({" ".join(repr(error).split())[:120]}); --set hindsight=0 does '
                             'without') from error
        return np.asarray(made, np.float32).reshape(achieved.shape[:-1])

    def best(self, desired: np.ndarray) -> np.ndarray:
        """Return the least reward [...] that says that ``desired`` [..., G] is achieved."""
        return self.rewards(desired, desired) - _CLOSE
