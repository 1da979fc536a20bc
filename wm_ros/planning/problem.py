"""The planner interface: a problem in, a solution out."""

from dataclasses import dataclass
from functools import cached_property
import math
import time
from typing import Any, Dict, Mapping, NamedTuple, Optional, Protocol, Tuple

import numpy as np
import torch
from wm_ros.planning.arm import Arm
from wm_ros.planning.detour import Detour
from wm_ros.planning.keep_out import Boxes
from wm_ros.planning.posture import Posture
from wm_ros.planning.settings import PlannerSettings
from wm_ros.world_model.agent.rollout import Dream


class Clock:
    """
    Says when a search has to end, so that what it has so far is there in time.

    ``deadline`` [s] of ``time.perf_counter``, infinite for none.
    """

    def __init__(self, deadline: float = math.inf):
        self._deadline, self._last, self._longest = deadline, None, 0.0

    def another(self) -> bool:
        """Return whether one more iteration fits; the first always does."""
        now = time.perf_counter()
        if self._last is not None:
            self._longest = max(self._longest, now - self._last)
            if now + self._longest > self._deadline:
                return False
        self._last = now
        return True


class Imagining(Protocol):
    """What searches ask of a model; ``nlp`` asks for the agent's own."""

    dynamics: Any           # whose ``active`` [A] says which components of actions count

    def imagine(self, state, latent, actions, goal=None, guided: int = 0) -> Dream:
        """Return the dream of actions [K, H, A]; in the first ``guided`` added to the prior's."""

    def imagine_with_gradients(self, state, latent, actions, goal, guided: int = 0) -> Dream:
        """Do as ``imagine``, with gradients back to the actions."""


class Scoring(Protocol):
    """What planners ask of an objective."""

    def shares(self, dream: Dream, goal, weights: Mapping[str, float],
               posture: Optional[Posture] = None) -> Dict[str, torch.Tensor]:
        """Return each term's part of the score, {name: [K]}."""


class Noise(Protocol):
    """Noise in real time."""

    def at(self, time: float, std: float, correlation: float, dt: float) -> np.ndarray:
        """Return the noise [A] at ``time`` [s]."""


class Start(NamedTuple):
    """The arm, its joints where a plan begins [N] rad, rad/s, and what it keeps out of."""

    arm: Arm
    q: np.ndarray
    dq: np.ndarray
    boxes: Boxes
    detour: Optional[Detour] = None


@dataclass(frozen=True)
class Problem:
    """What one plan is made from; tensors on the model's device."""

    model: Imagining
    objective: Scoring
    state: torch.Tensor             # [X]
    latent: torch.Tensor            # [D]
    goal: torch.Tensor              # [3] m
    warm: Optional[np.ndarray]      # [H, A], the last plan's actions, or offsets, moved to now
    settings: PlannerSettings
    rng: torch.Generator
    noise: Noise                    # of the executed action, for the dither
    act_at: float = 0.0             # [s] at which the first action begins
    deadline: float = math.inf      # [s] of time.perf_counter
    start: Optional[Start] = None   # of the joints; planners that need none do without

    @cached_property
    def prior(self) -> Dream:
        """Return the one future of following the policy prior; dreamed once."""
        active = self.model.dynamics.active
        nothing = active.new_zeros(1, self.settings.horizon, len(active))
        return self.model.imagine(self.state, self.latent, nothing, self.goal, 1)

    @cached_property
    def posture(self) -> Optional[Posture]:
        """Return the arm's posture along the prior's future, None where no term is about it."""
        start, settings = self.start, self.settings
        if start is None or not (settings.weights.get('joint_limits') or settings.keep_out):
            return None
        return Posture.along(start.arm, start.q, start.dq, self.prior.states[0], start.boxes,
                             start.detour)


class Solution(NamedTuple):
    """What a planner found."""

    actions: np.ndarray             # [H, A]
    score: float
    disagreement: float             # [m], mean over the horizon
    iterations: int
    dropped: int
    dream: Optional[Dream]          # the candidates of the last iteration
    shares: Dict[str, float]        # of the score, by term of the objective
    offsets: Optional[np.ndarray] = None    # [H, A] from the policy prior, where it was followed
    path: Optional[Tuple[np.ndarray, np.ndarray]] = None    # [H, N] joints and rates, if planned


class Planner(Protocol):
    """Any planner: a problem in, a solution out; raises NoValidPlan."""

    def __call__(self, problem: Problem) -> Solution:
        """Return the chosen action sequence."""
