"""
A policy that reacts: state and goal to action, cloned from what an agent was trained on.

It is given the features that the agent's heads are given, as many parameters as the whole agent
has, and the loss of the agent's policy prior; it has no latent, and nothing to look ahead with.
"""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Callable, Iterable, Mapping, NamedTuple

import numpy as np
import torch
from torch import nn
from wm_ros.learning import losses
from wm_ros.learning.replay import Replay
from wm_ros.types import Episode
from wm_ros.world_model import WorldModel
from wm_ros.world_model.agent.dynamics import Dynamics
from wm_ros.world_model.agent.rollout import Rollout
from wm_ros.world_model.networks import mlp
from wm_ros.world_model.weights import check_weights, read_meta, read_weights, write_weights

_ROWS = 512             # of an update, as for the agent's prior
_WARMUP, _LEAST, _CLIP = 100, 0.05, 10.0    # of the rate and of gradients, as for the agent


@dataclass(frozen=True)
class CloneConfig:
    """What cloning is tuned by."""

    layers: int = 2             # hidden ones; their width follows from the parameters
    learning_rate: float = 1e-3
    weight_decay: float = 1e-4
    updates: int = 8000
    dropout: float = 0.0
    noise: float = 0.0          # standard deviation of what is added to features in training
    linear: float = 0.15        # errors beyond it count linearly, as for the agent; 0: all squared


class Clone(nn.Module):
    """Acts for the task of ``dynamics``; has its number of parameters, or a few more."""

    def __init__(self, dynamics: Dynamics, config: CloneConfig):
        super().__init__()
        self.config, self.features = config, dynamics.features
        self.register_buffer('active', dynamics.active.clone(), persistent=False)
        inputs, actions = self.features.intent_width, len(dynamics.active)
        width = width_of(parameters_of(dynamics), inputs, config.layers, actions)
        network = mlp((inputs, *[width] * config.layers, actions))
        self.network = nn.Sequential(*(
            part for layer in network for part in (
                [layer, nn.Dropout(config.dropout)] if isinstance(layer, nn.SiLU) else [layer])))

    def policy(self, state, latent, goal):
        """Return the action [..., A]; as ``Dynamics.policy``, but for the latent."""
        given = self.features.intent(state, goal)
        if self.training and self.config.noise:
            given = given + self.config.noise * torch.randn_like(given)
        return torch.tanh(self.network(given)) * self.active


def parameters_of(module: nn.Module) -> int:
    """Return the number of parameters."""
    return sum(part.numel() for part in module.parameters())


def width_of(parameters: int, inputs: int, layers: int, actions: int) -> int:
    """Return the least width with which an ``mlp`` of so many hidden layers has ``parameters``."""
    width = 1
    while (inputs + actions + 3 + (layers - 1) * (width + 3)) * width + actions < parameters:
        width += 1
    return width


def clone(dynamics: Dynamics, episodes: Iterable[Episode], config: CloneConfig, seed: int = 0
          ) -> Clone:
    """Return a policy that was taught the labels of ``episodes``."""
    torch.manual_seed(seed)
    rng, made, replay = np.random.default_rng(seed), Clone(dynamics, config), Replay()
    for episode in episodes:
        replay.add(episode)
    rows = replay.starts(1, labelled=True)
    data = {name: torch.as_tensor(replay.arrays[name][rows])
            for name in ('state', 'goal', 'expert', 'labelled')}
    optimiser = torch.optim.AdamW(made.parameters(), config.learning_rate,
                                  weight_decay=config.weight_decay)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda i: max(
        _LEAST, min(1.0, (i + 1) / _WARMUP, 2.0 * (1 - i / config.updates))))
    for _ in range(config.updates):
        row = torch.as_tensor(rng.integers(len(rows), size=_ROWS))
        loss = losses.policy_loss(made, data['state'][row], None, data['goal'][row],
                                  data['expert'][row], data['labelled'][row],
                                  config.linear)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(made.parameters(), _CLIP)
        optimiser.step()
        schedule.step()
    return made.eval().requires_grad_(False)


def save(path: Path, made: Clone, told: Mapping[str, Any]):
    """Write a clone, and what else is ``told`` of it."""
    write_weights(path, made, {'config': asdict(made.config), **told})


def load(path: Path, dynamics: Dynamics) -> Clone:
    """Return the clone of a file, for the task of ``dynamics``; raises CheckpointError."""
    meta = read_meta(path.with_suffix('.json'), {})
    made = Clone(dynamics, CloneConfig(**meta['config']))
    weights, _ = read_weights(path, meta)
    check_weights(path, weights, made.state_dict())
    made.load_state_dict(weights)
    return made.eval().requires_grad_(False)


class _Led(NamedTuple):
    """What a rollout needs: dynamics' steps, and a policy of any kind."""

    step: Callable
    policy: Callable


class ClonedModel(WorldModel):
    """
    ``model`` whose prior is a clone: with ``planner.type`` prior, that alone acts.

    Beliefs, and where the arm will be when the plan acts, remain the model's: so the clone is
    spared the delay.
    """

    def __init__(self, model: WorldModel, policy: Clone, backend: str = 'auto'):
        super().__init__(model.dynamics, model.robot, model.task, model.checkpoint,
                         expected_innovation=model.expected_innovation, backend=backend)
        self.agent = model
        self._rollout = Rollout(_Led(self._run.step, policy.policy))
