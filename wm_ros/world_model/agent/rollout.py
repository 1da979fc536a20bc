"""Dreams: the loop over the steps of some dynamics, in Python or compiled with them."""

from typing import List, NamedTuple

import torch
from torch import nn


class Dream(NamedTuple):
    """K imagined futures of H steps, rolled from one belief; tensors on the model's device."""

    actions: torch.Tensor       # [K, H, A]
    states: torch.Tensor        # [K, H + 1, X] explicit states, the start first
    latents: torch.Tensor       # [K, H + 1, D]
    disagreement: torch.Tensor  # [K, H] ensemble spread [m]


class Rollout(nn.Module):
    """
    Rolls K futures from one state.

    ``dynamics`` has ``step`` and ``policy``, as ``Dynamics`` and its traces do.
    """

    def __init__(self, dynamics):
        super().__init__()
        self.dynamics = dynamics

    def forward(self, state, latent, actions, goal, guided: int):
        """
        Return the four tensors of an Dream.

        ``state`` [X], ``latent`` [D], ``actions`` [K, H, A], ``goal`` [3].  The first
        ``guided`` futures follow the policy prior, with their actions added to its own.
        What leaves [-1, 1] is clipped.
        """
        count, horizon = actions.size(0), actions.size(1)
        x, z = state.expand(count, -1), latent.expand(count, -1)
        goals = goal.expand(guided, -1)
        states, latents = [x], [z]
        taken: List[torch.Tensor] = []
        doubts: List[torch.Tensor] = []
        for t in range(horizon):
            action = actions[:, t]
            if guided > 0:
                prior = self.dynamics.policy(x[:guided], z[:guided], goals)
                action = torch.cat([action[:guided] + prior, action[guided:]])
            action = action.clamp(-1.0, 1.0)
            x, z, doubt = self.dynamics.step(x, z, action)
            states.append(x)
            latents.append(z)
            taken.append(action)
            doubts.append(doubt)
        return (torch.stack(taken, 1), torch.stack(states, 1), torch.stack(latents, 1),
                torch.stack(doubts, 1))
