"""
A SimNorm latent that predicts itself (TD-MPC2, Hansen et al. 2024).

Unlike in TD-MPC2, the dynamics says by how much the latent changes, so that what rests is easily
foreseen to rest; and what is seen corrects what was foreseen, number by number as much as a gate
lets through, so that what one glance does not show (velocities, what is hidden, how long it has
been) is carried along.
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from wm_ros.world_model.latent.base import at, Filtered, LatentDynamics, stacked
from wm_ros.world_model.networks import mlp, SimNorm

_KEPT = 2.5             # log odds, at first, that what was foreseen is kept
_LEAST = 1e-5           # of a simplex's number, so that what is nothing can become something


@dataclass(frozen=True)
class SimNormConfig:
    """Sizes, and how far the dynamics has to foresee in training."""

    latent: int = 192           # a multiple of 8
    hidden: int = 256
    ahead: int = 8              # steps
    decay: float = 0.9          # of the weight from step to step
    consistency: float = 20.0


class SimNormState(NamedTuple):
    """The latent [B, D]."""

    latent: torch.Tensor


class SimNormLatent(LatentDynamics):
    """Deterministic dynamics of a latent on simplices."""

    def __init__(self, embedding: int, actions: int, config: SimNormConfig = SimNormConfig()):
        super().__init__()
        self.config, self.feature_width = config, config.latent
        d, h = config.latent, config.hidden
        self.correct = mlp((embedding + d, h, 2 * d))
        self.change = mlp((d + actions, h, h, d))
        self.simplices = SimNorm()

    def initial(self, batch, device=None):
        """Return the middle of all simplices."""
        return SimNormState(torch.full((batch, self.config.latent), 1 / 8, device=device))

    def observe(self, state, action, embedding):
        """Return what is kept of the prediction, with what ``embedding`` tells."""
        expected = self.imagine(state, action)
        told, kept = self.correct(torch.cat([embedding, expected.latent], -1)).chunk(2, -1)
        kept = torch.sigmoid(kept + _KEPT)
        return SimNormState(self.simplices(kept * self._logits(expected) + told))

    def imagine(self, state, action):
        """Return the predicted latent."""
        change = self.change(torch.cat([state.latent, action], -1))
        return SimNormState(self.simplices(self._logits(state) + change))

    def features(self, state):
        """Return the latent."""
        return state.latent

    def filter(self, embeddings, actions):  # noqa: A003
        """Return the filtered sequence and how well each state foresees the following ones."""
        state, states = self.initial(embeddings.shape[1], embeddings.device), []
        for embedding, action in zip(embeddings, actions):
            state = self.observe(state, action, embedding)
            states.append(state)
        states = stacked(states)
        return Filtered(states.latent, states, {'consistency': self._foresight(states, actions)})

    @staticmethod
    def _logits(state):
        return state.latent.clamp(min=_LEAST).log()

    def _foresight(self, states, actions):
        """Return the weighted error of rolling each state ``ahead`` steps; targets are given."""
        config, target = self.config, states.latent.detach()
        steps = min(config.ahead, len(target) - 1)
        rolled = at(states, slice(0, len(target) - steps))
        total, weights = 0.0, 0.0
        for k in range(1, steps + 1):
            rolled = self.imagine(rolled, actions[k:k + len(rolled.latent)])
            error = (rolled.latent - target[k:k + len(rolled.latent)]).square().mean()
            weight = config.decay ** (k - 1)
            total, weights = total + weight * error, weights + weight
        return config.consistency * total / max(weights, 1e-9)
