"""
A recurrent state space model with discrete latents (DreamerV3, Hafner et al. 2023).

A GRU carries what is certain, groups of one-hot variables what is not.  The prior guesses
them from the GRU alone, the posterior knows what is seen.
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import nn
from torch.nn import functional
from wm_ros.world_model.latent.base import Filtered, LatentDynamics, stacked
from wm_ros.world_model.networks import mlp


@dataclass(frozen=True)
class RssmConfig:
    """Sizes, and the weights of DreamerV3's losses."""

    recurrent: int = 192
    groups: int = 12
    classes: int = 12
    hidden: int = 192
    uniform: float = 0.01       # share of the uniform distribution in each variable's
    free: float = 1.0           # nats that are not worth reducing
    dynamics: float = 0.5       # weight of the prior's loss
    representation: float = 0.1     # and of the posterior's


class RssmState(NamedTuple):
    """What is certain [B, R], the drawn variables [B, G * C], and their logits."""

    recurrent: torch.Tensor
    drawn: torch.Tensor
    logits: torch.Tensor


class Rssm(LatentDynamics):
    """RSSM over embeddings [E] and actions [A]; symlog and two-hot are the heads' business."""

    def __init__(self, embedding: int, actions: int, config: RssmConfig = RssmConfig()):
        super().__init__()
        self.config = config
        width = config.groups * config.classes
        self.feature_width = config.recurrent + width
        self.enter = nn.Sequential(nn.Linear(width + actions, config.hidden),
                                   nn.LayerNorm(config.hidden), nn.SiLU())
        self.cell = nn.GRUCell(config.hidden, config.recurrent)
        self.prior = mlp((config.recurrent, config.hidden, width))
        self.posterior = mlp((config.recurrent + embedding, config.hidden, width))

    def initial(self, batch, device=None):
        """Return a state that knows nothing."""
        config = self.config
        width = config.groups * config.classes
        zeros = torch.zeros(batch, width, device=device)
        return RssmState(torch.zeros(batch, config.recurrent, device=device), zeros, zeros)

    def observe(self, state, action, embedding):
        """Return the posterior state."""
        recurrent = self._carry(state, action)
        return self._draw(recurrent, self.posterior(torch.cat([recurrent, embedding], -1)))

    def imagine(self, state, action):
        """Return the prior state; in evaluation mode its variables are drawn as well."""
        recurrent = self._carry(state, action)
        return self._draw(recurrent, self.prior(recurrent))

    def features(self, state):
        """Return [B, R + G * C]."""
        return torch.cat([state.recurrent, state.drawn], -1)

    def filter(self, embeddings, actions):  # noqa: A003
        """Return the posterior sequence and the balanced divergence of prior and posterior."""
        state = self.initial(embeddings.shape[1], embeddings.device)
        states, guesses = [], []
        for t in range(len(embeddings)):
            recurrent = self._carry(state, actions[t])
            guesses.append(self.prior(recurrent))
            state = self._draw(
                recurrent, self.posterior(torch.cat([recurrent, embeddings[t]], -1)))
            states.append(state)
        states = stacked(states)
        prior, posterior = torch.stack(guesses), states.logits
        config = self.config
        forward = self._divergence(posterior.detach(), prior)
        backward = self._divergence(posterior, prior.detach())
        losses = {
            'dynamics': config.dynamics * forward.clamp(min=config.free).mean(),
            'representation': config.representation * backward.clamp(min=config.free).mean()}
        return Filtered(self.features(states), states, losses)

    def _carry(self, state, action):
        return self.cell(self.enter(torch.cat([state.drawn, action], -1)), state.recurrent)

    def _draw(self, recurrent, logits):
        """Return the state with variables drawn, gradients straight through."""
        shares = self._shares(logits)
        index = torch.distributions.Categorical(shares, validate_args=False).sample()
        drawn = functional.one_hot(index, self.config.classes).to(shares.dtype)
        drawn = drawn + shares - shares.detach()
        return RssmState(recurrent, drawn.flatten(-2), logits)

    def _shares(self, logits):
        """Return the distributions [..., G, C], a little uniform so that none is certain."""
        config = self.config
        shares = torch.softmax(logits.unflatten(-1, (config.groups, config.classes)), -1)
        return (1 - config.uniform) * shares + config.uniform / config.classes

    def _divergence(self, first, second):
        """Return KL(first || second) [...] in nats, summed over the groups."""
        p, q = self._shares(first), self._shares(second)
        return (p * (p.log() - q.log())).sum((-2, -1))
