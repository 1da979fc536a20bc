"""Draws from a distribution that is learned by flow matching (Lipman et al. 2023)."""

import torch
from torch import nn
from wm_ros.world_model.networks import mlp


class Flow(nn.Module):
    """Draws targets [..., N], of a size of about 1, given conditions [..., C]."""

    def __init__(self, target: int, condition: int, hidden: int = 256, steps: int = 16):
        super().__init__()
        self.width, self.steps = target, steps      # of Euler's method, from noise to a target
        self.velocity = mlp((target + condition + 8, hidden, hidden, target))

    def loss(self, targets, conditions):
        """Return the loss [scalar] of targets [..., N], conditions [..., C]."""
        start, time = torch.randn_like(targets), torch.rand_like(targets[..., :1])
        between = torch.lerp(start, targets, time)
        return (self._velocity(between, time, conditions) - (targets - start)).square().mean()

    def draw(self, conditions):
        """Return a target [..., N] for each of ``conditions`` [..., C]."""
        x = torch.randn(*conditions.shape[:-1], self.width, device=conditions.device,
                        dtype=conditions.dtype)
        for k in range(self.steps):
            time = torch.full_like(x[..., :1], k / self.steps)
            x = x + self._velocity(x, time, conditions) / self.steps
        return x

    def _velocity(self, x, time, conditions):
        turns = torch.pi * time * torch.arange(1, 5, device=x.device)
        return self.velocity(torch.cat([x, turns.sin(), turns.cos(), conditions], -1))
