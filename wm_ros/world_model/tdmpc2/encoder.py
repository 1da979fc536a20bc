"""From what an environment shows, and what it asks for, to a latent."""

import torch
from torch import nn
from wm_ros.world_model.tdmpc2.network import Sizes, to_latent

_FAR = 10.0         # standard deviations beyond which an input is clipped
_STEADY = 1e-2      # least standard deviation; what hardly ever changes must not become noise


class Encoder(nn.Module):
    """
    Latents [..., D] of observations and goals.

    ``seen`` [..., O + G] is the observation and what of the goal is achieved, ``goal``
    [..., G] what is desired; G is 0 where an environment has no goals.  The network is given
    observation, goal, and how far the goal is from what is achieved, all normalised: a goal in the
    latent costs nothing to exchange, as latents are made anew for each batch.
    """

    def __init__(self, observations: int, goals: int, sizes: Sizes):
        super().__init__()
        self.observations, self.goals = observations, goals
        self.layers = to_latent(observations + 2 * goals, sizes)
        for name, width in (('seen', observations), ('goal', goals)):
            self.register_buffer(f'{name}_mean', torch.zeros(width))
            self.register_buffer(f'{name}_scale', torch.ones(width))

    def forward(self, seen, goal):
        """Return the latents."""
        observation, achieved = seen.split([self.observations, self.goals], -1)
        parts = ((observation - self.seen_mean) / self.seen_scale,
                 (goal - self.goal_mean) / self.goal_scale, (goal - achieved) / self.goal_scale)
        return self.layers(torch.cat(parts, -1).clamp(-_FAR, _FAR))

    @torch.no_grad()
    def normalise(self, seen, goal):
        """Take means and scales from rows ``seen`` [N, O + G] and ``goal`` [N, G]."""
        observation, achieved = seen.split([self.observations, self.goals], -1)
        for name, rows in (('seen', observation), ('goal', torch.cat([achieved, goal]))):
            if not rows.numel():
                continue
            getattr(self, f'{name}_mean').copy_(rows.mean(0))
            getattr(self, f'{name}_scale').copy_(rows.std(0, correction=0).clamp(min=_STEADY))
