"""
MPPI around the policy prior (Williams et al. 2017; with prior candidates as TD-MPC2).

Planning far from the data exploits the model's errors, so candidates are the prior's own
rollouts with correlated noise, and as many as are left over follow the last plan, with noise;
what the ensemble disagrees on costs.  Rows that are not finite are dropped and counted.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Optional

import numpy as np
import torch
from wm_ros.planning.planner import all_finite, Problem, Solution
from wm_ros.types import NoValidPlan

_NARROWEST = 0.05       # share of full action, so that later iterations still explore


@dataclass
class _Sampling:
    """Where candidates come from: a mean [H, A] or None, and the noise's width."""

    mean: Optional[torch.Tensor]
    width: object               # float, or tensor [H, A]
    guided: int                 # candidates that follow the prior; the others the mean


def mppi(problem: Problem) -> Solution:
    """Return the weighted mean of the best candidates of the last iteration."""
    settings = problem.settings
    warm = None if problem.warm is None else torch.as_tensor(
        problem.warm, dtype=torch.float32, device=problem.goal.device)
    guided = settings.num_samples if warm is None else settings.num_policy_samples
    sampling, dropped = _Sampling(warm, settings.noise_std, guided), 0
    for _ in range(settings.iterations):
        dream = _roll(problem, sampling)
        scores = problem.objective.score(dream, problem.goal, settings.weights)
        elites, lost = finite_elites(scores, dream, settings)
        dropped += lost
        weights = torch.softmax((scores[elites] - scores[elites[0]]) / settings.temperature, 0)
        chosen, share = dream.actions[elites], weights[:, None, None]
        mean = (share * chosen).sum(0)
        spread = (share * (chosen - mean).square()).sum(0).sqrt()
        sampling = _Sampling(mean, spread.clamp(_NARROWEST, max(
            _NARROWEST, settings.noise_std)), 0)
    doubt = float((weights * dream.disagreement[elites].mean(1)).sum())
    return Solution(mean.cpu().numpy().astype(np.float32),
                    float((weights * scores[elites]).sum()), doubt, settings.iterations,
                    dropped, dream)


def _roll(problem, sampling):
    """Return the dream of all candidates; the first rows follow the prior."""
    settings, active = problem.settings, problem.model.dynamics.active
    count, guided = settings.num_samples, sampling.guided
    noise = correlated_noise(count, settings.horizon, len(active), settings, problem.rng)
    actions = noise.to(problem.goal.device) * active * sampling.width
    if guided:
        actions[0] = 0.0        # the prior itself is always a candidate
    if guided < count:
        actions[-1] = 0.0       # and so is the mean
        actions[guided:] += sampling.mean
    return problem.model.imagine(problem.state, problem.latent, actions, problem.goal, guided)


def correlated_noise(count, horizon, width, settings, rng):
    """Return noise [K, H, A] of unit width, correlated along the horizon."""
    white = torch.randn(count, horizon, width, generator=rng)
    return _correlation(horizon, settings.noise_correlation) @ white


@lru_cache(maxsize=8)
def _correlation(horizon, keep):
    """Return the matrix [H, H] that makes AR(1) noise of unit width from white noise."""
    steps = torch.arange(horizon, dtype=torch.float64)
    apart = steps[:, None] - steps
    matrix = torch.where(apart < 0, 0.0, keep ** apart.clamp(min=0))
    matrix[:, 1:] *= (1.0 - keep * keep) ** 0.5
    return matrix.float()


def finite_elites(scores, dream, settings):
    """
    Return indices of the best finite candidates and how many were dropped.

    Raises NoValidPlan when none is left.
    """
    good = all_finite(scores, dream)
    count = int(good.sum())
    if count == 0:
        raise NoValidPlan(f'none of {len(scores)} imagined futures is finite: '
                          'the belief or the checkpoint is broken')
    ranked = torch.where(good, scores, torch.full_like(scores, -torch.inf))
    return ranked.topk(min(settings.num_elites, count)).indices, len(scores) - count
