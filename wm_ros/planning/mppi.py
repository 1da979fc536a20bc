"""
MPPI around the policy prior (Williams et al. 2017; with prior candidates as TD-MPC2).

Planning far from the data exploits the model's errors, so candidates are offsets from what the
prior does in each future, with correlated noise; some begin anew at the prior, the others go on
from the last plan's offsets.  What the ensemble disagrees on costs.  Rows that are not finite
are dropped and counted.
"""

from dataclasses import dataclass
import math
from typing import Optional

import torch
from wm_ros.planning.candidates import correlated_noise, dream_of, finite_elites, scored
from wm_ros.planning.problem import Clock, Problem, Solution
from wm_ros.planning.solution import solution_of, warm_start
from wm_ros.types import ACTION_NAMES

_GRIPPER = ACTION_NAMES.index('gripper')
_NARROWEST = 0.05       # share of full action, so that later iterations still explore


@dataclass
class _Sampling:
    """Where candidates come from: a mean [H, A] or None, and the noise's width."""

    mean: Optional[torch.Tensor]
    width: object               # float, or tensor [H, A]
    fresh: int                  # candidates around the prior; the others are around the mean


def mppi(problem: Problem) -> Solution:
    """Return the weighted mean of the best candidates of the last iteration."""
    settings, clock = problem.settings, Clock(problem.deadline)
    warm = warm_start(problem)
    sampling = _Sampling(warm, settings.noise_std,
                         settings.num_samples if warm is None else settings.num_policy_samples)
    iterations = dropped = 0
    while iterations < settings.iterations and clock.another():
        offered = _offered(problem, sampling)
        dream = dream_of(problem, offered,
                         len(offered) if settings.around_prior else sampling.fresh)
        scores, shares = scored(problem, dream)
        elites, lost = finite_elites(scores, dream, settings.num_elites)
        weights = torch.softmax((scores[elites] - scores[elites[0]]) / settings.temperature, 0)
        best = offered if settings.around_prior else dream.actions
        mean, spread = _moments(best[elites], weights)
        sampling = _Sampling(mean, spread.clamp(_NARROWEST, max(
            _NARROWEST, settings.noise_std)), 0)
        iterations, dropped = iterations + 1, dropped + lost
    return solution_of(dream, shares, elites, weights, iterations, dropped,
                       mean if settings.around_prior else None)


def _offered(problem, sampling):
    """Return all candidates; the first rows are around the prior."""
    settings, active = problem.settings, problem.model.dynamics.active
    count, fresh = settings.num_samples, sampling.fresh
    noise = correlated_noise(count, settings.horizon, len(active), settings, problem.rng)
    offered = noise.to(problem.goal.device) * active * sampling.width
    if fresh:
        offered[0] = 0.0        # the prior itself is always a candidate
    if fresh < count:
        offered[-1] = 0.0       # and so is the mean
        offered[fresh:] += sampling.mean
    decided = min(settings.num_grip_samples, count - 2)
    if decided > 0 and settings.around_prior and active[_GRIPPER]:
        offered[1:1 + decided] = _decided(decided, offered)
    return offered


def _decided(count, like):
    """
    Return ``count`` offsets [*, H, A] that let the gripper open or close, and then the prior.

    To grasp and to let go are decisions: noise of any use elsewhere hardly ever makes one.
    """
    horizon, offered = like.shape[1], like.new_zeros(count, *like.shape[1:])
    for i, offsets in enumerate(offered):
        lasts = math.ceil(horizon * (i // 2 + 1) / ((count + 1) // 2))
        offsets[:lasts, _GRIPPER] = 2.0 if i % 2 == 0 else -2.0     # whatever the prior wants
    return offered


def _moments(chosen, weights):
    """Return mean and standard deviation [H, A] of ``chosen`` [E, H, A] by ``weights`` [E]."""
    share = weights[:, None, None]
    mean = (share * chosen).sum(0)
    return mean, (share * (chosen - mean).square()).sum(0).sqrt()
