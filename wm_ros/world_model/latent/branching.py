"""
Futures that branch, on top of any latent dynamics.

One code says how a future goes, from its first step to its last (as in SV2P, Babaeizadeh et al.
2018).  In training it is read from what did happen; in a dream it is drawn, by a flow that
knows the belief.  So a dream keeps to the way that it has taken; draws at every step wander
from one way to another, and a deterministic dynamics foresees the mean of them all.
"""

from dataclasses import dataclass
from typing import NamedTuple, Optional

import torch
from torch import nn
from wm_ros.world_model.latent.base import Filtered, LatentDynamics
from wm_ros.world_model.latent.flow import Flow
from wm_ros.world_model.networks import mlp

_DRAWN = 4      # times that the flow is taught each code, with other noise


@dataclass(frozen=True)
class BranchingConfig:
    """Sizes, and how exact a code is."""

    code: int = 3               # numbers of a code
    hidden: int = 192           # of the flow, and of what reads codes
    noise: float = 0.3          # of a code, whose numbers lie within [-1, 1]
    weight: float = 3.0         # of the flow's loss, which teaches beliefs as well


class BranchingState(NamedTuple):
    """The base's state, and the code [B, U] of how it goes on, None until it is imagined."""

    base: tuple
    code: Optional[torch.Tensor] = None


class Hindsight(nn.Module):
    """Features [T, B, F] to the code [T, B, U] of what comes after each of them."""

    def __init__(self, width: int, config: BranchingConfig):
        super().__init__()
        half = max(1, config.hidden // 2)
        self.back = nn.GRU(width, half)
        self.code = mlp((half + width, half, config.code))

    def forward(self, features):
        """Return the codes; the last one of a sequence knows nothing."""
        later, _ = self.back(features.flip(0))
        later = torch.cat([later.flip(0)[1:], torch.zeros_like(later[:1])])
        return torch.tanh(self.code(torch.cat([features, later], -1)))


class Branching(LatentDynamics):
    """
    ``base``, told by a code how things go on; each dream draws one.

    ``base`` takes actions [B, A + U]: behind the action, the code; zeros where it observes,
    since what is seen says by itself how things went.
    """

    def __init__(self, base: LatentDynamics, config: BranchingConfig = BranchingConfig()):
        super().__init__()
        self.base, self.config = base, config
        self.feature_width = base.feature_width
        self.hindsight = Hindsight(base.feature_width, config)
        self.flow = Flow(config.code, base.feature_width, config.hidden)

    def initial(self, batch, device=None):
        """Return the base's."""
        return BranchingState(self.base.initial(batch, device))

    def observe(self, state, action, embedding):
        """Return the base's."""
        return BranchingState(self.base.observe(state.base, self._told(action), embedding))

    def imagine(self, state, action):
        """Return the next state on the way that the code says, which is drawn where it lacks."""
        code = state.code
        if code is None:
            code = self.flow.draw(self.base.features(state.base))
        return BranchingState(self.base.imagine(state.base, self._told(action, code)), code)

    def features(self, state):
        """Return the base's."""
        return self.base.features(state.base)

    def filter(self, embeddings, actions):  # noqa: A003
        """Return what the base does, its states with codes of what did come, in hindsight."""
        found = self.base.filter(embeddings, self._told(actions))
        code = self.hindsight(found.features.detach())
        codes = code + self.config.noise * torch.randn(_DRAWN, *code.shape, device=code.device)
        # Beliefs are taught as well: what the odds depend on may show in nothing else.
        loss = self.flow.loss(codes[:, :-1].detach(),
                              found.features[:-1].expand(_DRAWN, -1, -1, -1))
        return Filtered(found.features, BranchingState(found.states, codes[0]),
                        {**found.losses, 'flow': self.config.weight * loss})

    def _told(self, actions, code=None):
        """Return ``actions`` [..., A] with ``code`` [..., U] behind them, zeros if None."""
        if code is None:
            code = actions.new_zeros(*actions.shape[:-1], self.config.code)
        return torch.cat([actions, code], -1)
