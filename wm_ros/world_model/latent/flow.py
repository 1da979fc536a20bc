"""
Stochastic futures by flow matching (Lipman et al. 2023), on top of any latent dynamics.

A flow carries noise to the next latent, given the one before and the action.  What may
happen in several ways is drawn in several ways; a deterministic dynamics can only foresee
their mean.
"""

from dataclasses import dataclass

import torch
from torch import nn
from wm_ros.world_model.latent.base import at, Filtered, LatentDynamics
from wm_ros.world_model.networks import mlp


@dataclass(frozen=True)
class FlowConfig:
    """Sizes, steps of the integration, and the loss's weight."""

    hidden: int = 256
    steps: int = 6              # of Euler's method, from noise to a latent
    weight: float = 1.0


class Flow(nn.Module):
    """Draws targets [B, N] given conditions [B, C]."""

    def __init__(self, target: int, condition: int, config: FlowConfig = FlowConfig()):
        super().__init__()
        self.config, self.width = config, target
        self.register_buffer('mean', torch.zeros(target))
        self.register_buffer('scale', torch.ones(target))
        self.velocity = mlp((target + condition + 8, config.hidden, config.hidden, target))

    @torch.no_grad()
    def fit_scale(self, targets):
        """Learn mean and width of ``targets`` [..., N], which the flow sees normalised."""
        flat = targets.flatten(0, -2)
        self.mean.copy_(flat.mean(0))
        self.scale.copy_(flat.std(0).clamp(min=1e-3))

    def loss(self, targets, conditions):
        """Return the flow matching loss [scalar] of targets [..., N], conditions [..., C]."""
        end = (targets - self.mean) / self.scale
        start = torch.randn_like(end)
        time = torch.rand_like(end[..., :1])
        between = torch.lerp(start, end, time)
        return (self._velocity(between, time, conditions) - (end - start)).square().mean()

    def draw(self, conditions, steps: int = 0):
        """Return a target [..., N] for each of ``conditions`` [..., C]."""
        steps = steps or self.config.steps
        x = torch.randn(*conditions.shape[:-1], self.width, device=conditions.device,
                        dtype=conditions.dtype)
        for k in range(steps):
            time = torch.full_like(x[..., :1], k / steps)
            x = x + self._velocity(x, time, conditions) / steps
        return x * self.scale + self.mean

    def _velocity(self, x, time, conditions):
        turns = torch.pi * time * torch.arange(1, 5, device=x.device)
        return self.velocity(torch.cat([x, turns.sin(), turns.cos(), conditions], -1))


class FlowDynamics(LatentDynamics):
    """
    ``base`` with its way of imagining replaced by draws from a flow.

    The base provides ``lead(state, action)``, which returns a condition [B, C] and what is
    carried over; ``target(states)``, the vector that is drawn; and ``land(carried, target)``,
    the state that it makes.
    """

    def __init__(self, base: LatentDynamics, config: FlowConfig = FlowConfig()):
        super().__init__()
        self.base, self.config = base, config
        self.feature_width = base.feature_width
        self.flow = Flow(base.target_width, base.condition_width, config)

    def initial(self, batch, device=None):
        """Return the base's."""
        return self.base.initial(batch, device)

    def observe(self, state, action, embedding):
        """Return the base's."""
        return self.base.observe(state, action, embedding)

    def imagine(self, state, action):
        """Return a drawn next state."""
        condition, carried = self.base.lead(state, action)
        return self.base.land(carried, self.flow.draw(condition))

    def features(self, state):
        """Return the base's."""
        return self.base.features(state)

    def filter(self, embeddings, actions):  # noqa: A003
        """Return what the base does, with the flow's loss beside its own."""
        found = self.base.filter(embeddings, actions)
        before = at(found.states, slice(0, -1))
        # The latents are what the base's losses make them; the flow learns to draw them.
        before = type(before)(*(part.detach() for part in before))
        condition, _ = self.base.lead(before, actions[1:])
        targets = self.base.target(at(found.states, slice(1, None))).detach()
        loss = self.config.weight * self.flow.loss(targets, condition)
        return Filtered(found.features, found.states, {**found.losses, 'flow': loss})
