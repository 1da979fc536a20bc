"""An actor and its critics, learned in an agent's imagination (Dreamer, Hafner et al. 2020)."""

import copy
from dataclasses import asdict, dataclass

import torch
from torch import nn
from wm_ros.world_model.agent.dynamics import Dynamics
from wm_ros.world_model.networks import mlp


@dataclass(frozen=True)
class ActorConfig:
    """Sizes, which are those of the agent's own heads; ValueError for what makes no sense."""

    inputs: int = 1
    hidden: int = 256           # of the policy
    actions: int = 5
    critics: int = 3
    critic_hidden: int = 128

    def __post_init__(self):
        if min(self.inputs, self.hidden, self.actions, self.critic_hidden) < 1 \
                or self.critics < 2:
            raise ValueError('inputs, hidden, actions, critic_hidden: expected at least 1 each; '
                             'critics: at least 2')

    def to_dict(self) -> dict:
        """Return it as plain data, for checkpoints."""
        return asdict(self)

    @classmethod
    def of(cls, dynamics: Dynamics) -> 'ActorConfig':
        """Return the sizes of the heads of ``dynamics``."""
        policy, critic = dynamics.policy_head, dynamics.value_heads[0]
        return cls(policy[0].in_features, policy[0].out_features, policy[-1].out_features,
                   len(dynamics.value_heads), critic[0].out_features)


class Actor(nn.Module):
    """What acts, and what it thinks of it; both of what the agent's own heads are given."""

    def __init__(self, config: ActorConfig):
        super().__init__()
        self.config = config
        hidden, critic = config.hidden, config.critic_hidden
        self.policy = mlp((config.inputs, hidden, hidden, config.actions))
        self.critics = nn.ModuleList(mlp((config.inputs, critic, critic, 1))
                                     for _ in range(config.critics))

    @classmethod
    def like(cls, dynamics: Dynamics) -> 'Actor':
        """Return an actor that does, and values, what the heads of ``dynamics`` do."""
        made = cls(ActorConfig.of(dynamics))
        made.policy.load_state_dict(dynamics.policy_head.state_dict())
        made.critics.load_state_dict(dynamics.value_heads.state_dict())
        return made

    def act(self, given):
        """Return actions [..., A] in [-1, 1], before the task's mask, for ``given`` [..., I]."""
        return torch.tanh(self.policy(given))

    def values(self, given):
        """Return each critic's estimate [V, ...]."""
        return torch.stack([critic(given)[..., 0] for critic in self.critics])


def acting(dynamics: Dynamics, actor: Actor) -> Dynamics:
    """
    Return ``dynamics`` whose policy prior is ``actor``; all else is shared.

    Raises ValueError where the actor was learned for heads of other sizes.
    """
    if ActorConfig.of(dynamics) != actor.config:
        raise ValueError(f'got an actor of {actor.config}, expected {ActorConfig.of(dynamics)}')
    made = copy.copy(dynamics)
    made._modules = {**dynamics._modules, 'policy_head': actor.policy}
    return made
