"""
A world model of what the sensors give: senses, a latent dynamics, and heads that read it.

Unlike the agent's model, which knows what an end effector and a pose are, this one knows only
numbers; what they mean is the heads' business.  Sequences are [T, B, ...]; row t's action is
the one before it.
"""

from dataclasses import asdict, dataclass, field
from typing import Mapping, NamedTuple

import torch
from torch import nn
from wm_ros.world_model.doubt import Doubt, Forecast, Guess
from wm_ros.world_model.latent import (
    Branching, BranchingConfig, LatentDynamics, Rssm, RssmConfig, SimNormConfig, SimNormLatent,
    TokenTransformer, TransformerConfig)
from wm_ros.world_model.networks import EnsembleMLP, mlp
from wm_ros.world_model.senses import Senses
from wm_ros.world_model.two_hot import TwoHot

#: Kinds of latent dynamics; the last two draw how the future goes from a flow.
KINDS = ('rssm', 'simnorm', 'transformer', 'flow-rssm', 'flow-simnorm')


@dataclass(frozen=True)
class SequenceConfig:
    """What a model of sequences is made of; raises ValueError for what makes no sense."""

    streams: Mapping[str, int] = field(default_factory=dict)    # width of each
    actions: int = 5
    goal: int = 0               # numbers of the goal that heads are given; 0: free of any task
    kind: str = 'rssm'
    size: int = 192             # of the latent, or the transformer's width
    hidden: int = 256
    layers: int = 3             # of the transformer
    memory: int = 8             # steps that the transformer looks back on
    ahead: int = 8              # steps that SimNorm foresees in training
    values: int = 5             # heads of the value ensemble
    doubters: int = 5           # members of the ensemble that knows when it does not know

    def __post_init__(self):
        if not isinstance(self.streams, Mapping):
            raise ValueError(f'streams: got {self.streams!r}, expected widths by name')
        if self.kind not in KINDS:
            raise ValueError(f'kind: got {self.kind!r}, expected one of {", ".join(KINDS)}')
        if self.size % 16 or not 16 <= self.size <= 4096:
            raise ValueError(f'size: got {self.size}, expected a multiple of 16 from 16 to 4096')
        if min(self.hidden, self.layers, self.memory, self.ahead, self.values, self.doubters,
               self.actions) < 1 or self.goal < 0:
            raise ValueError('hidden, layers, memory, ahead, values, doubters, actions: expected '
                             'at least 1 each; goal: at least 0')

    def to_dict(self) -> dict:
        """Return it as plain data, for checkpoints."""
        return {**asdict(self), 'streams': dict(self.streams)}


class Outlook(NamedTuple):
    """
    What heads say of features [..., F].

    reward [...], carry_on and success [...] as probabilities, values [V, ...] discounted sums
    of rewards, action [..., A] the prior's.
    """

    reward: torch.Tensor
    carry_on: torch.Tensor
    success: torch.Tensor
    values: torch.Tensor
    action: torch.Tensor


class SequenceModel(nn.Module):
    """Filters sequences of numbers [K], dreams on, and says what would be seen."""

    def __init__(self, config: SequenceConfig):
        super().__init__()
        self.config = config
        self.senses = Senses(config.streams, config.size, config.hidden)
        self.dynamics = make_dynamics(config, self.senses.width)
        width = self.dynamics.feature_width
        self.read = mlp((width, config.hidden, self.senses.width))
        self.doubt = Doubt(width, config.actions, config.streams, config.doubters,
                           config.hidden // 2 or 1)
        self.number = TwoHot()
        bins, given = len(self.number.middles), width + config.goal
        self.reward = mlp((given, config.hidden, bins))
        self.flags = mlp((given, config.hidden, 2))
        self.value = EnsembleMLP(config.values, (given, config.hidden, bins))
        self.prior = mlp((given, config.hidden, config.actions))

    def embed(self, numbers):
        """Return what the dynamics is shown of ``numbers`` [..., K]."""
        if isinstance(self.dynamics, TokenTransformer):
            return self.senses.normalised(numbers)
        return self.senses(numbers)

    def filter(self, numbers, actions):  # noqa: A003
        """Return features, states and losses of ``numbers`` [T, B, K]; see LatentDynamics."""
        return self.dynamics.filter(self.embed(numbers), actions)

    def follow(self, numbers, actions):
        """Return the state [B, ...] after all of ``numbers`` [T, B, K]."""
        state = self.dynamics.initial(numbers.shape[1], numbers.device)
        for embedding, action in zip(self.embed(numbers), actions):
            state = self.dynamics.observe(state, action, embedding)
        return state

    def seen(self, features):
        """Return the numbers [..., K] that are expected to be seen."""
        return self.senses.restored(self.read(features))

    def forecast(self, features, action, numbers=None) -> Forecast:
        """
        Return what is expected to be seen after ``action`` [..., A], and how surely.

        ``numbers`` [..., K] are what was seen with ``features`` [..., F], NaN for what was not;
        None in a dream, where nothing is.
        """
        return self.doubt(features, self.guess(features, numbers), action)

    def foresee(self, numbers, actions):
        """
        Return the Forecast of all rows but the first, and what was seen there, normalised.

        ``numbers`` [T, B, K] and the ``actions`` [T, B, A] before them.
        """
        found = self.filter(numbers, actions)
        return (self.forecast(found.features[:-1], actions[1:], numbers[:-1]),
                self.senses.normalised(numbers[1:]))

    def guess(self, features, numbers=None) -> Guess:
        """Return ``numbers`` [..., K], normalised, where they are there, else as read."""
        read = self.read(features)
        if numbers is None:
            return Guess(read, torch.zeros_like(read))
        # What was seen is exact; what a latent keeps of it is not.
        seen = self.senses.normalised(numbers)
        there = seen.isfinite()
        return Guess(torch.where(there, seen, read), there.to(read.dtype))

    def outlook(self, features, goal=None) -> Outlook:
        """Return what the heads say of ``features`` [..., F], for ``goal`` [..., G]."""
        given = self.given(features, goal)
        carry_on, success = torch.sigmoid(self.flags(given)).unbind(-1)
        values = self.value(given.flatten(0, -2)).unflatten(1, given.shape[:-1])
        return Outlook(self.number.decode(self.reward(given)), carry_on, success,
                       self.number.decode(values), torch.tanh(self.prior(given)))

    def given(self, features, goal=None):
        """Return what heads are given [..., F + G]."""
        if not self.config.goal:
            return features
        return torch.cat([features, goal.expand(*features.shape[:-1], -1)], -1)


def make_dynamics(config: SequenceConfig, numbers: int) -> LatentDynamics:
    """Return the dynamics that ``config`` names, for ``numbers`` K seen at a time."""
    base, size, hidden, actions = config.kind.split('-')[-1], config.size, config.hidden, \
        config.actions
    if base == 'transformer':
        return TokenTransformer(numbers, actions, TransformerConfig(
            width=size, layers=config.layers, heads=size // 16, memory=config.memory))
    branching = BranchingConfig(hidden=hidden)
    told = actions + (branching.code if config.kind.startswith('flow') else 0)
    made = (SimNormLatent(size, told, SimNormConfig(size, hidden, config.ahead))
            if base == 'simnorm' else
            Rssm(size, told, RssmConfig(size, groups=size // 16, classes=16, hidden=hidden)))
    return Branching(made, branching) if told > actions else made
