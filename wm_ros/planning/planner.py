"""The planner interface, and the planners that need no search."""

from dataclasses import dataclass
from typing import NamedTuple, Optional, Protocol

import numpy as np
import torch
from wm_ros.planning.objective import Objective
from wm_ros.planning.settings import PlannerSettings
from wm_ros.types import NoValidPlan
from wm_ros.world_model.agent.model import WorldModel
from wm_ros.world_model.agent.rollout import Dream


@dataclass(frozen=True)
class Problem:
    """What one plan is made from; tensors on the model's device."""

    model: WorldModel
    objective: Objective
    state: torch.Tensor             # [X]
    latent: torch.Tensor            # [D]
    goal: torch.Tensor              # [3] m
    warm: Optional[np.ndarray]      # [H, A], the last plan shifted to now, or None
    settings: PlannerSettings
    rng: torch.Generator
    noise: 'CorrelatedNoise'        # of the executed action, for the dither


class Solution(NamedTuple):
    """What a planner found."""

    actions: np.ndarray             # [H, A]
    score: float
    disagreement: float             # [m], mean over the horizon
    iterations: int
    dropped: int
    dream: Optional[Dream]          # the candidates of the last iteration


class Planner(Protocol):
    """Any planner: a problem in, a solution out; raises NoValidPlan."""

    def __call__(self, problem: Problem) -> Solution:
        """Return the chosen action sequence."""


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


def policy_rollout(problem: Problem) -> Dream:
    """Return the dream [1, H] of the policy prior acting alone."""
    model = problem.model
    nothing = problem.goal.new_zeros(1, problem.settings.horizon, len(model.dynamics.active))
    return model.imagine(problem.state, problem.latent, nothing, problem.goal, guided=1)


def _unsearched(problem, dream, actions):
    score = problem.objective.score(dream, problem.goal, problem.settings.weights)
    if not (np.isfinite(actions).all() and all_finite(score, dream)[0]):
        raise NoValidPlan('the imagined future is not finite: the belief or the checkpoint is '
                          'broken')
    return Solution(actions.astype(np.float32), float(score[0]),
                    float(dream.disagreement.mean()), 0, 0, dream)


def all_finite(scores, dream: Dream):
    """Return which candidates [K] are finite in all that counts."""
    return (torch.isfinite(scores) & torch.isfinite(dream.actions).flatten(1).all(1)
            & torch.isfinite(dream.states).flatten(1).all(1)
            & torch.isfinite(dream.disagreement).all(1))


def prior(problem: Problem) -> Solution:
    """Return what the policy prior alone would do."""
    dream = policy_rollout(problem)
    return _unsearched(problem, dream, dream.actions[0].cpu().numpy())


def dither(problem: Problem, time: float = 0.0) -> Solution:
    """Return the policy prior with correlated noise on the action, without planning."""
    settings, device = problem.settings, problem.goal.device
    noise = problem.noise.at(time, settings.noise_std, settings.noise_correlation, settings.dt)
    active = problem.model.dynamics.active
    offsets = torch.as_tensor(noise, dtype=torch.float32, device=device) * active
    dream = problem.model.imagine(
        problem.state, problem.latent, offsets.expand(1, settings.horizon, -1), problem.goal,
        guided=1)
    return _unsearched(problem, dream, dream.actions[0].cpu().numpy())


def random(problem: Problem) -> Solution:
    """Return uniformly random actions."""
    active = problem.model.dynamics.active
    shape = (1, problem.settings.horizon, len(active))
    actions = (2 * torch.rand(shape, generator=problem.rng) - 1).to(active.device) * active
    dream = problem.model.imagine(problem.state, problem.latent, actions)
    return _unsearched(problem, dream, actions[0].cpu().numpy())
