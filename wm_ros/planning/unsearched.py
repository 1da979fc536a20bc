"""Planners that need no search: what the policy prior does, with noise or without, and chance."""

import numpy as np
import torch
from wm_ros.planning.candidates import dream_of, finite_elites, scored
from wm_ros.planning.problem import Problem, Solution
from wm_ros.planning.solution import solution_of


class CorrelatedNoise:
    """Noise [A] that keeps a share of itself from step to step (AR(1)), by real time."""

    def __init__(self, width: int, seed: int):
        self._rng = np.random.default_rng(seed)
        self._value = np.zeros(width)
        self._time = None

    def at(self, time: float, std: float, correlation: float, dt: float) -> np.ndarray:
        """Return the noise at ``time`` [s]; a jump of the clock starts it anew."""
        elapsed = None if self._time is None else time - self._time
        if elapsed is None or not 0.0 <= elapsed < 1.0:
            keep = 0.0
        else:
            keep = correlation ** (elapsed / dt)
        self._time = time
        fresh = self._rng.normal(size=self._value.shape)
        self._value = keep * self._value + np.sqrt(1.0 - keep * keep) * fresh
        return std * self._value


def prior(problem: Problem) -> Solution:
    """Return what the policy prior alone would do."""
    return _only(problem, problem.prior)


def dither(problem: Problem) -> Solution:
    """Return the policy prior with correlated noise on the action, without planning."""
    settings = problem.settings
    noise = problem.noise.at(problem.act_at, settings.noise_std, settings.noise_correlation,
                             settings.dt)
    return _followed(problem, torch.as_tensor(noise, dtype=torch.float32))


def random(problem: Problem) -> Solution:
    """Return uniformly random actions."""
    active = problem.model.dynamics.active
    shape = (1, problem.settings.horizon, len(active))
    actions = (2 * torch.rand(shape, generator=problem.rng) - 1).to(active.device) * active
    return _only(problem, problem.model.imagine(problem.state, problem.latent, actions))


def _followed(problem, offset):
    """Return the plan that follows the prior with ``offset`` [A] at every step."""
    active = problem.model.dynamics.active
    offsets = (offset.to(active.device) * active).expand(1, problem.settings.horizon, -1)
    return _only(problem, dream_of(problem, offsets, guided=1))


def _only(problem, dream):
    scores, shares = scored(problem, dream)
    best, _ = finite_elites(scores, dream, 1)
    return solution_of(dream, shares, best, torch.ones_like(scores), 0, 0)
