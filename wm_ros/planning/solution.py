"""From the best candidates of a search to what a plan is made of, and back to the next one."""

from typing import Dict, Optional

import numpy as np
import torch
from wm_ros.planning.problem import Problem, Solution
from wm_ros.world_model.agent.rollout import Dream


def solution_of(dream: Dream, shares: Dict[str, torch.Tensor], chosen, weights, iterations: int,
                dropped: int, offsets=None) -> Solution:
    """
    Return the mean of the rows ``chosen`` [E] of ``dream``, by ``weights`` [E] that sum to 1.

    ``shares`` [K] are those of the scores, by term; ``offsets`` [H, A] what was added to the
    policy prior's actions, None where it was not followed.
    """
    shares = {name: float((weights * part[chosen]).sum()) for name, part in shares.items()}
    return Solution(
        _array((weights[:, None, None] * dream.actions[chosen]).sum(0)), sum(shares.values()),
        float((weights * dream.disagreement[chosen].mean(1)).sum()), iterations, dropped, dream,
        shares, None if offsets is None else _array(offsets))


def warm_start(problem: Problem) -> Optional[torch.Tensor]:
    """Return ``problem.warm`` as a tensor [H, A] on the model's device, None for none."""
    if problem.warm is None:
        return None
    return torch.as_tensor(problem.warm, dtype=torch.float32, device=problem.goal.device)


def _array(tensor) -> np.ndarray:
    return tensor.cpu().numpy().astype(np.float32)
