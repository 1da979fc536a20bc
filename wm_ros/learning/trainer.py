"""Gradient steps on a replay memory: world model, heads and policy prior together."""

import copy
from dataclasses import asdict, dataclass
from typing import Optional

import numpy as np
import torch
from wm_ros.learning import losses
from wm_ros.learning.replay import Replay
from wm_ros.types import WmRosError
from wm_ros.world_model.agent.dynamics import Dynamics


@dataclass(frozen=True)
class TrainerConfig:
    """What an update is made of."""

    batch: int = 64             # sequences
    length: int = 6             # their steps
    rows: int = 512             # transitions per ensemble member, and for the policy
    learning_rate: float = 1e-3
    target_rate: float = 0.01   # of the value target's moving average
    clip: float = 10.0
    refresh: int = 250          # updates between filterings of the whole memory
    context_batch: int = 24     # sequences per ensemble member, where there is a context,
    context_length: int = 16    # and their steps
    telling: float = 0.1        # of the loss, that is of numbers which are read from the context
    fit: bool = True            # the lag and the output scales anew, whenever more was recorded
    linear: float = 0.0         # errors of the policy beyond which count linearly; 0: all squared
    tool: bool = True           # whether the ensemble is to know where the lag errs

    def to_dict(self) -> dict:
        """Return it as plain data, for checkpoints."""
        return asdict(self)


class Trainer:
    """Holds optimiser and target network; ``update`` makes one gradient step."""

    def __init__(self, dynamics: Dynamics, config: TrainerConfig, seed: int, updates: int,
                 device: str = 'cpu'):
        self.dynamics, self.config, self.device = dynamics.to(device), config, device
        self.target = copy.deepcopy(dynamics)
        self.rng = np.random.default_rng(seed)
        self.optimiser = torch.optim.AdamW(
            dynamics.parameters(), config.learning_rate, weight_decay=1e-4)
        self.schedule = torch.optim.lr_scheduler.LambdaLR(
            self.optimiser, lambda i: max(0.05, min(1.0, (i + 1) / 100, 2.0 * (1 - i / updates))))

    def prepare(self, replay: Replay, lag: Optional[torch.Tensor] = None):
        """Bring the replay's arrays to the device, fit the lag on them if it is not given."""
        self.replay = replay
        self.data = {k: torch.as_tensor(v, device=self.device)
                     for k, v in replay.arrays.items()}
        self.sequences = replay.starts(self.config.length)
        self.long_sequences = replay.starts(self.config.context_length)
        self.rows = replay.starts(1)
        self.labelled = replay.starts(1, labelled=True)
        if not len(self.sequences):
            raise WmRosError(f'no episode has {self.config.length} steps: nothing to train on')
        if self.config.fit:
            seen = self._transitions(replay)
            if lag is None:
                losses.fit_lag(self.dynamics, *seen)
            else:
                self.dynamics.lag.copy_(lag)
            losses.fit_scale(self.dynamics, *seen)
            self._fit_teller()
        self._updates = 0

    def _fit_teller(self):
        for name, column in zip(self.dynamics.config.tells, self.data['told'].T):
            if not torch.isfinite(column).any():
                raise WmRosError(f'to be told: got no episode in which {name} was drawn')
        if self.dynamics.config.tells:
            self.dynamics.teller.fit(self.data['told'])

    def _transitions(self, replay):
        """Return states, actions, and the states that they led to, of random rows."""
        rows = torch.as_tensor(self.rng.choice(replay.starts(1), 20000))
        states, actions = (torch.as_tensor(replay.arrays[name], device=self.device)
                           for name in ('state', 'action'))
        return states[rows], actions[rows], states[rows + 1]

    def _refresh(self):
        """Filter all episodes again, so that latents are those of the running graph."""
        self.predicted = losses.filter_replay(
            self.dynamics, self.data['state'], self.data['action'], self.data['felt'],
            self.replay)

    def update(self) -> dict:
        """Make one step; return the losses as numbers."""
        config, dynamics, data = self.config, self.dynamics, self.data
        if self._updates % config.refresh == 0:
            self._refresh()
        self._updates += 1
        starts = torch.as_tensor(self.rng.choice(self.sequences, config.batch))
        index = starts + torch.arange(config.length + 1)[:, None]
        states, actions = data['state'][index], data['action'][index[:-1]]
        goals, rewards = data['goal'][starts], data['reward'][index[:-1]]
        latents, predicted = losses.filter_latents(
            dynamics, states, actions, self.predicted[starts])
        parts = {
            'consistency': losses.consistency_loss(latents, predicted),
            'value': losses.value_loss(dynamics, self.target, states, latents, goals, rewards),
            'reward': self._reward_loss(states, predicted, goals, rewards),
            **self._context_losses(),
            'policy': self._policy_loss(),
        }
        loss = sum(parts.values())
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(dynamics.parameters(), config.clip)
        self.optimiser.step()
        self.schedule.step()
        self._follow_target()
        return {name: float(value.detach()) for name, value in parts.items()}

    def _reward_loss(self, states, predicted, goals, rewards):
        goals = goals.expand(len(rewards), *goals.shape)
        guess = self.dynamics.reward(states[1:], predicted, goals)
        return (guess - rewards).square().mean()

    def _context_losses(self):
        """Return the losses of what the context is for, and of the ensemble without one."""
        config, data, dynamics = self.config, self.data, self.dynamics
        members = dynamics.config.members
        if dynamics.config.context:
            rows, latent = self._in_context(members)
            state = data['state'][rows]
        else:
            rows = torch.as_tensor(self.rng.choice(self.rows, (members, config.rows)))
            state, latent = self._encode(rows)
        found = {'ensemble': losses.ensemble_loss(
            dynamics, state, data['action'][rows], data['state'][rows + 1], latent, config.tool)}
        if dynamics.config.tells:
            found['told'] = config.telling * dynamics.teller.loss(
                latent[..., dynamics.config.latent:], data['told'][rows])
        return found

    def _in_context(self, members):
        """Return rows [E, B L] of sequences, and latents whose contexts have gradients."""
        config, states, felt = self.config, self.data['state'], self.data['felt']
        starts = torch.as_tensor(self.rng.choice(
            self.long_sequences, members * config.context_batch))
        rows = starts + torch.arange(config.context_length + 1)[:, None]
        _, latents = self._encode(rows[:-1])
        latents = losses.identify(self.dynamics, states[rows], felt[rows], latents)
        # [L, E B, ...] -> [E, L B, ...]: each member has sequences of its own.
        rows, latents = (
            values.unflatten(1, (members, -1)).transpose(0, 1).flatten(1, 2)
            for values in (rows[:-1], latents))
        return rows, latents

    def _policy_loss(self):
        if not len(self.labelled):
            return torch.zeros(())
        rows = torch.as_tensor(self.rng.choice(self.labelled, self.config.rows))
        state, latent = self._encode(rows)
        return losses.policy_loss(
            self.dynamics, state, latent, self.data['goal'][rows], self.data['expert'][rows],
            self.data['labelled'][rows], self.config.linear)

    def _encode(self, rows):
        """Return states [..., X] and their latents [..., D], without gradient."""
        state = self.data['state'][rows]
        with torch.no_grad():
            latent = self.dynamics.encode(state, self.predicted[rows])
        return state, latent

    def _follow_target(self):
        with torch.no_grad():
            for ours, theirs in zip(self.target.parameters(), self.dynamics.parameters()):
                ours.lerp_(theirs, self.config.target_rate)
