"""What a trajectory is worth to the objective, with slopes and bounded curvature."""

from typing import NamedTuple

import numpy as np
import torch
from wm_ros.planning.problem import Problem
from wm_ros.world_model.agent.rollout import Dream


class Worth(NamedTuple):
    """
    Slopes of the score by states [H, X], latents [H, D], actions [H, A] and disagreement [H].

    ``curvature`` [C, C] is that of the score by ``Judge.curved``, without what curves upwards.
    """

    by_states: np.ndarray
    by_latents: np.ndarray
    by_actions: np.ndarray
    by_spread: np.ndarray
    curvature: np.ndarray


class Judge:
    """
    Scores trajectories as the other planners' dreams are scored.

    ``curved``: places of end effector and subject, and actions, are what the objective curves in;
    indices into (states, actions) [X + A] of a step, C = H * len(curved).
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

    def __call__(self, states, latents, actions, spread) -> Worth:
        """Return what steps of states [H, X], latents [H, D], actions, disagreement are worth."""
        device = self._problem.goal.device
        parts = [torch.as_tensor(part, dtype=torch.float32, device=device)
                 for part in (states, latents, actions, spread)]
        count = len(self.curved) * len(states)
        with torch.enable_grad():
            # A copy for each curved number: slopes of slopes of all of them at once.
            wide = [part.expand(count, *part.shape).clone().requires_grad_(True)
                    for part in parts]
            score = self._score(*wide)
            slopes = torch.autograd.grad(score.sum(), wide, create_graph=True,
                                         materialize_grads=True)
            curvature = self._curvature(slopes, wide)
        return Worth(*(
            part[0].detach().nan_to_num().cpu().numpy().astype(float) for part in slopes),
            curvature)

    def _score(self, states, latents, actions, spread):
        first = [part.expand(len(states), *part.shape) for part in self._first]
        dream = Dream(actions, torch.cat([first[0], states], 1),
                      torch.cat([first[1], latents], 1), spread)
        problem = self._problem
        return sum(problem.objective.shares(
            dream, problem.goal, self._weights, problem.posture).values())

    def _curvature(self, slopes, wide):
        steps = torch.cat([slopes[0], slopes[2]], -1)[..., self.curved].flatten(1)
        if not steps.requires_grad:
            return np.zeros((steps.shape[1],) * 2)
        bends = torch.autograd.grad(steps.diagonal().sum(), (wide[0], wide[2]),
                                    materialize_grads=True)
        found = torch.cat(bends, -1)[..., self.curved].flatten(1).nan_to_num()
        values, axes = np.linalg.eigh(0.5 * (found + found.T).cpu().numpy().astype(float))
        return (axes * np.minimum(values, 0.0)) @ axes.T
