"""An encoder and the networks of a latent model: all that acting in an environment needs."""

from dataclasses import asdict, dataclass

import torch
from torch import nn
from wm_ros.world_model.tdmpc2.encoder import Encoder
from wm_ros.world_model.tdmpc2.network import Network, Sizes


@dataclass(frozen=True)
class AgentConfig:
    """Widths of an environment, and sizes; raises ValueError for senseless ones."""

    observations: int
    goals: int                  # 0: none
    actions: int
    latent: int = 128
    hidden: int = 256
    values: int = 2
    bins: int = 65
    limit: float = 3.5
    discount: float = 0.95
    activation: str = 'silu'

    def __post_init__(self):
        for name, low in (('observations', 0), ('goals', 0)):
            value = getattr(self, name)
            if type(value) is not int or not low <= value <= 4096:
                raise ValueError(f'{name}: got {value!r}, expected an integer from {low} to 4096')
        if not self.observations + self.goals:
            raise ValueError('observations, goals: got none, expected at least one number')
        self.sizes      # complains now

    @property
    def sizes(self) -> Sizes:
        """Sizes of the networks; dreams ask all value heads."""
        return Sizes(self.actions, self.latent, self.hidden, self.values, self.values, self.bins,
                     self.limit, self.discount, self.activation)

    def to_dict(self) -> dict:
        """Return it as plain data, for checkpoints."""
        return asdict(self)


class LatentAgent(nn.Module):
    """Encoder and networks."""

    def __init__(self, config: AgentConfig):
        super().__init__()
        self.config = config
        self.encoder = Encoder(config.observations, config.goals, config.sizes)
        self.network = Network(config.sizes)

    @torch.no_grad()
    def act(self, seen, goal):
        """Return the policy's actions [..., A] for ``seen`` [..., O + G], ``goal`` [..., G]."""
        return self.network.policy(self.encoder(seen, goal))
