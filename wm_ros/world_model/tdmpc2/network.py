"""The networks of a latent model: next latent, reward, values, policy (TD-MPC2's section 3)."""

from dataclasses import dataclass

import torch
from torch import nn
from wm_ros.world_model.networks import SimNorm
from wm_ros.world_model.two_hot import TwoHot

_SIMPLEX = 8        # numbers of a latent that sum to 1
MOST_BINS, MOST_LIMIT = 1024, 80.0
#: What stands between layers.  Mish is TD-MPC2's; SiLU trains several times faster on a CPU.
ACTIVATIONS = {'mish': nn.Mish, 'silu': nn.SiLU}


@dataclass(frozen=True)
class Sizes:
    """Sizes of the networks, TD-MPC2's own by default; raises ValueError for senseless ones."""

    actions: int
    latent: int = 512           # a multiple of 16, as is hidden
    hidden: int = 512
    values: int = 5             # value heads
    averaged: int = 2           # of them, drawn anew for each dream
    bins: int = 101             # that rewards and values are shared by; 1: plain numbers
    limit: float = 10.0         # of the bins, in symlog
    discount: float = 0.99
    activation: str = 'mish'    # or silu

    def __post_init__(self):
        for name, low, high in (('actions', 1, 256), ('latent', 16, 8192), ('hidden', 16, 8192),
                                ('values', 1, 64), ('averaged', 1, self.values),
                                ('bins', 1, MOST_BINS)):
            value = getattr(self, name)
            if type(value) is not int or not low <= value <= high:
                raise ValueError(f'{name}: got {value!r}, expected an integer from {low} to '
                                 f'{high}')
        for name in ('latent', 'hidden'):
            if getattr(self, name) % 16:
                raise ValueError(f'{name}: got {getattr(self, name)}, expected a multiple of 16')
        for name, high in (('limit', MOST_LIMIT), ('discount', 1.0)):
            if not 0.0 < getattr(self, name) <= high:
                raise ValueError(f'{name}: got {getattr(self, name)!r}, expected above 0 and at '
                                 f'most {high:g}')
        if self.activation not in ACTIVATIONS:
            raise ValueError(f'activation: got {self.activation!r}, expected one of '
                             f'{", ".join(ACTIVATIONS)}')


class Network(nn.Module):
    """
    z' = d(z, a), reward R(z, a), values Q(z, a) and policy p(z).

    ``latent`` is [..., D], ``action`` [..., A] in [-1, 1].  Each network is Linear, LayerNorm,
    activation twice, then Linear; the next latent is normalised onto simplices.
    """

    def __init__(self, sizes: Sizes):
        super().__init__()
        self.sizes = sizes
        latent, both = sizes.latent, sizes.latent + sizes.actions
        self.transition = to_latent(both, sizes)
        self.reward_head = _mlp(both, sizes, sizes.bins)
        self.value_heads = nn.ModuleList(
            _mlp(both, sizes, sizes.bins) for _ in range(sizes.values))
        # Means and, for learning, widths.
        self.policy_head = _mlp(latent, sizes, 2 * sizes.actions)
        self.two_hot = TwoHot(sizes.bins, sizes.limit) if sizes.bins > 1 else None
        self.register_buffer('active', torch.ones(sizes.actions), persistent=False)

    def next(self, latent, action):  # noqa: A003 (TD-MPC2's name for it)
        """Return the latent [..., D] after ``action``."""
        return self.transition(torch.cat([latent, action], -1))

    def reward(self, latent, action):
        """Return the reward [...] of ``action``."""
        return self.number(self.reward_head(torch.cat([latent, action], -1)))

    def value(self, latent, action, heads):
        """Return the mean value [...] of the value heads of these indices."""
        both = torch.cat([latent, action], -1)
        return sum(self.number(self.value_heads[head](both)) for head in heads) / len(heads)

    def policy(self, latent):
        """Return the policy's mean action [..., A]."""
        return torch.tanh(self.policy_head(latent)[..., :self.sizes.actions])

    def number(self, output):
        """Return what a head's output [..., bins] says [...]."""
        return output[..., 0] if self.two_hot is None else self.two_hot.decode(output)


def to_latent(inputs: int, sizes: Sizes) -> nn.Sequential:
    """Return a network from ``inputs`` numbers to a latent on simplices."""
    return nn.Sequential(_mlp(inputs, sizes, sizes.latent), nn.LayerNorm(sizes.latent),
                         SimNorm(_SIMPLEX))


def _mlp(inputs, sizes, outputs):
    hidden, activation = sizes.hidden, ACTIVATIONS[sizes.activation]
    return nn.Sequential(
        nn.Linear(inputs, hidden), nn.LayerNorm(hidden), activation(),
        nn.Linear(hidden, hidden), nn.LayerNorm(hidden), activation(), nn.Linear(hidden, outputs))
