"""Gradient steps of a latent agent: model and values, then the policy, then target values."""

import copy
import math
from typing import Dict

import numpy as np
import torch
from torch import nn
from wm_ros.learning.latent.losses import Batch, model_losses, policy_loss
from wm_ros.learning.latent.replay import Replay
from wm_ros.learning.latent.settings import EnvSettings
from wm_ros.learning.latent.widening import widen
from wm_ros.world_model.tdmpc2 import LatentAgent

_CLIP = 20.0            # of the gradient's norm, as TD-MPC2 has it
_FOLLOW = 0.01          # rate at which the spread of values is followed
_ROOM = 2.0             # for returns, of what they can be by now, where bins are widened


class Trainer:
    """
    Updates ``agent`` from ``replay``.

    Every number that update i draws follows from the seed and i.
    """

    def __init__(self, agent: LatentAgent, replay: Replay, settings: EnvSettings, seed: int):
        self.agent, self.replay, self.settings, self.seed = agent, replay, settings, seed
        self.targets = copy.deepcopy(agent.network.value_heads).requires_grad_(False)
        self._policy = [*agent.network.policy_head.parameters()]
        mine = {id(part) for part in self._policy}
        self._model = [part for part in agent.parameters() if id(part) not in mine]
        self.optimiser = torch.optim.Adam(
            [{'params': self._model}, {'params': self._policy}], settings.learning_rate,
            fused=True)
        self.updates, self.spread = 0, 1.0

    #: What its numbers are called in a saved state.
    called = 'trainer'

    def numbers(self) -> dict:
        """Return what a saved state knows of it, by attribute, as plain data."""
        return {'updates': self.updates, 'spread': self.spread}

    def update(self) -> Dict[str, float]:
        """Do one gradient step; return its losses, as tensors that nobody has waited for."""
        batch = self._batch()
        limits = self._limits()
        losses, seen = model_losses(self.agent, self.targets, batch, self.settings.weights, limits)
        self.optimiser.zero_grad(set_to_none=True)
        losses['loss'].backward()
        losses['policy'], values = policy_loss(
            self.agent, seen, self.settings.weights, self.spread)
        for part, slope in zip(self._policy, torch.autograd.grad(losses['policy'], self._policy)):
            part.grad = slope
        for parts in (self._model, self._policy):
            nn.utils.clip_grad_norm_(parts, _CLIP)
        self.optimiser.step()
        self._follow(values)
        self.updates += 1
        return {**{name: float(value.detach()) for name, value in losses.items()},
                'policy_value': float(values.mean())}

    def make_room(self):
        """Widen the bins to twice of what they need, where returns can be beyond them by now."""
        discount = self.agent.config.discount
        if bins_limit(self.replay, discount) > self.agent.config.limit:
            widen(self.agent, self.targets, self.optimiser,
                  bins_limit(self.replay, discount, _ROOM))

    def _batch(self) -> Batch:
        settings = self.settings
        rng = np.random.default_rng((self.seed, self.updates))
        torch.manual_seed(int(rng.integers(2 ** 62)))
        windows = self.replay.sample(rng, settings.batch, settings.horizon)
        device = next(self.agent.parameters()).device
        return Batch(*(torch.from_numpy(np.ascontiguousarray(part, np.float32)).to(device)
                       for part in windows))

    def _limits(self):
        """Return the least and the greatest return that there can be."""
        rest = 1.0 - self.agent.config.discount
        return self.replay.lowest / rest, self.replay.highest / rest

    @torch.no_grad()
    def _follow(self, values):
        for theirs, ours in zip(self.targets.parameters(),
                                self.agent.network.value_heads.parameters()):
            theirs.lerp_(ours, self.settings.follow)
        low, high = torch.quantile(values, torch.tensor([0.05, 0.95], device=values.device))
        self.spread += _FOLLOW * (max(1.0, float(high - low)) - self.spread)


def bins_limit(replay: Replay, discount: float, room: float = 1.0) -> float:
    """Return how far bins reach, in symlog: ``room`` times as far as returns can so far."""
    highest = max(1.0, replay.highest, -replay.lowest)
    return math.log1p(room * highest / (1.0 - discount))
