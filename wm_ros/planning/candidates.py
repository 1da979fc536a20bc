"""Candidates of a search: their noise, their dreams, and the best of them."""

from functools import lru_cache
from typing import Tuple

import torch
from wm_ros.planning.problem import Problem
from wm_ros.types import NoValidPlan
from wm_ros.world_model.agent.rollout import Dream


def dream_of(problem: Problem, offered, guided: int) -> Dream:
    """
    Return the dream of candidates ``offered`` [K, H, A].

    The first ``guided`` are offsets from what the prior does, the others are actions.
    """
    return problem.model.imagine(problem.state, problem.latent, offered, problem.goal, guided)


def scored(problem: Problem, dream: Dream):
    """Return the scores [K] of a dream's futures, and their shares by term, {name: [K]}."""
    shares = problem.objective.shares(dream, problem.goal, problem.settings.weights,
                                      problem.posture)
    nothing = torch.zeros(len(dream.actions), device=problem.goal.device)
    return sum(shares.values(), nothing), shares


def correlated_noise(count, horizon, width, settings, rng):
    """Return noise [K, H, A] of unit width, correlated along the horizon (AR(1))."""
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


def coloured_noise(count, horizon, width, exponent, rng):
    """
    Return noise [K, H, A] of unit width, of a power spectrum 1 / f ** ``exponent``.

    Timmer and Koenig 1995, as iCEM (Pinneri et al. 2020) uses it; 0 is white, 2 a random walk.
    """
    steps = 2 * horizon         # its end does not join its beginning, as a period would
    sizes = torch.fft.rfftfreq(steps).clamp(min=1.0 / steps) ** (-exponent / 2)
    parts = torch.randn(2, count, width, len(sizes), generator=rng) * sizes
    parts[1, ..., 0] = parts[1, ..., -1] = 0.0
    made = torch.fft.irfft(torch.complex(*parts), n=steps)
    power = sizes.square()
    spread = (power[0] + power[-1] + 4 * power[1:-1].sum()).sqrt() / steps
    return (made[..., :horizon] / spread).transpose(1, 2)


def finite_elites(scores, dream: Dream, count: int) -> Tuple[torch.Tensor, int]:
    """
    Return indices of the ``count`` best finite candidates, best first, and how many were dropped.

    Raises NoValidPlan when none is left.
    """
    good = all_finite(scores, dream)
    left = int(good.sum())
    if left == 0:
        raise no_valid_plan(len(scores))
    ranked = torch.where(good, scores, torch.full_like(scores, -torch.inf))
    return ranked.topk(min(count, left)).indices, len(scores) - left


def no_valid_plan(count: int) -> NoValidPlan:
    """Return what to raise where none of ``count`` imagined futures is finite."""
    return NoValidPlan(f'none of {count} imagined futures is finite: '
                       'the belief or the checkpoint is broken')


def all_finite(scores, dream: Dream):
    """Return which candidates [K] are finite in all that counts."""
    return (torch.isfinite(scores) & torch.isfinite(dream.actions).flatten(1).all(1)
            & torch.isfinite(dream.states).flatten(1).all(1)
            & torch.isfinite(dream.disagreement).all(1))
