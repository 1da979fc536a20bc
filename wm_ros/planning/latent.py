"""Planning with a model that is latent through and through, and knows its own rewards."""

import math
from typing import Optional

import numpy as np
import torch
from wm_ros.planning.problem import Problem
from wm_ros.planning.settings import PlannerSettings
from wm_ros.world_model.tdmpc2 import LatentModel


class Returns:
    """Scores dreams by the rewards that they carry, and the value of their end."""

    def __init__(self, discount: float):
        self._discount = discount

    def shares(self, dream, goal=None, weights=None, posture=None):
        """
        Return both parts of the discounted return, {name: [K]}; nothing else counts.

        Gradients lead through it where the dream has them.
        """
        horizon = dream.rewards.shape[1]
        scale = self._discount ** torch.arange(horizon, device=dream.rewards.device)
        return {'reward': (dream.rewards * scale).sum(1),
                'value': dream.values * self._discount ** horizon}


def latent_problem(model: LatentModel, latent: torch.Tensor, settings: PlannerSettings,
                   rng: torch.Generator, warm: Optional[np.ndarray] = None,
                   deadline: float = math.inf) -> Problem:
    """
    Return the problem of acting from ``latent`` [D], for any planner but ``dither``.

    ``warm`` [H, A] is the last plan, moved to now; ``deadline`` [s] of ``time.perf_counter``.
    Of ``settings`` the objective's weights do not count, and neither does ``dt``.
    """
    nothing = latent.new_zeros(0)
    return Problem(model, Returns(model.dynamics.sizes.discount), nothing, latent, nothing, warm,
                   settings, rng, None, deadline=deadline)
