"""What a trajectory is worth to the objective, with slopes and bounded curvature."""

from typing import NamedTuple

import numpy as np
import torch
from wm_ros.planning.nlp.linear import Linear
from wm_ros.planning.problem import Problem
from wm_ros.world_model.agent.rollout import Dream


class Worth(NamedTuple):
    """The score of a trajectory, and its slope by all W unknowns that this is linear in."""

    score: float
    slope: np.ndarray


class Judge:
    """
    Scores trajectories as the other planners' dreams are scored.

    ``curved``: places of end effector and objects, and actions, are what the objective curves in;
    indices into (states, actions) [X + A] of a step, C = H * len(curved) altogether.
    """

    def __init__(self, problem: Problem):
        self._problem, layout = problem, problem.model.layout
        places = [layout.ee] + [layout.object_position(i) for i in range(layout.objects)]
        active = torch.nonzero(problem.model.dynamics.active)[:, 0].tolist()
        self.curved = np.concatenate([np.r_[part] for part in places]
                                     + [np.array(active) + layout.width])
        self._first = problem.state[None], problem.latent[None]
        # These are constraints here.
        self._weights = {**problem.settings.weights, 'keep_out': 0.0, 'joint_limits': 0.0}

    def __call__(self, linear: Linear) -> Worth:
        """Return what a trajectory is worth."""
        with torch.enable_grad():
            parts = self._copies(linear, 1)
            score = self._score(*parts).sum()
            slopes = torch.autograd.grad(score, parts, materialize_grads=True)
        pairs = zip(slopes, (linear.states, linear.latents, linear.actions, linear.spread))
        return Worth(float(score.detach()), sum(
            np.tensordot(by[0].nan_to_num().cpu().numpy().astype(float), part.slopes,
                         by.dim() - 1) for by, part in pairs))

    def curvature(self, linear: Linear) -> np.ndarray:
        """Return that of the score [C, C] by ``curved``, without what curves upwards."""
        count = len(self.curved) * len(linear.spread.values)
        with torch.enable_grad():
            # A copy for each curved number: slopes of slopes of all of them at once.
            parts = self._copies(linear, count)
            by = torch.autograd.grad(self._score(*parts).sum(), parts, create_graph=True,
                                     materialize_grads=True)
            steps = torch.cat([by[0], by[2]], -1)[..., self.curved].flatten(1)
            if not steps.requires_grad:
                return np.zeros((count, count))
            bends = torch.autograd.grad(steps.diagonal().sum(), (parts[0], parts[2]),
                                        materialize_grads=True)
        found = torch.cat(bends, -1)[..., self.curved].flatten(1).nan_to_num()
        values, axes = np.linalg.eigh(0.5 * (found + found.T).cpu().numpy().astype(float))
        return (axes * np.minimum(values, 0.0)) @ axes.T

    def _copies(self, linear, count):
        return [torch.as_tensor(part.values, dtype=torch.float32, device=self._first[0].device)
                .expand(count, *part.values.shape).clone().requires_grad_(True)
                for part in (linear.states, linear.latents, linear.actions, linear.spread)]

    def _score(self, states, latents, actions, spread):
        first = [part.expand(len(states), *part.shape) for part in self._first]
        dream = Dream(actions, torch.cat([first[0], states], 1),
                      torch.cat([first[1], latents], 1), spread)
        problem = self._problem
        return sum(problem.objective.shares(
            dream, problem.goal, self._weights, problem.posture).values())
