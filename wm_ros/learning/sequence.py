"""Training of models of sequences on recordings: filter, foresee, and the heads."""

from dataclasses import dataclass
from typing import Dict

import numpy as np
import torch
from torch.nn import functional
from wm_ros.data import Bank
from wm_ros.data.windows import window_batch
from wm_ros.learning import parallel
from wm_ros.learning.loop import Job
from wm_ros.learning.losses import lambda_returns
from wm_ros.world_model.latent import at, TokenTransformer
from wm_ros.world_model.sequence import SequenceConfig, SequenceModel
from wm_ros.world_model.state import reached_before

_FIT_ROWS = 20_000          # observations that the scales are learned from
_DREAMED = 0.25             # share of dreams in what the ensemble learns from


@dataclass(frozen=True)
class SequenceTraining:
    """What is the sequence model's own in its training."""

    inputs: str = 'states'      # names of streams, joined by +
    batch: int = 32             # windows
    window: int = 24            # observations
    dream: int = 16             # most steps dreamed from two moments of each window, 0: none
    read: float = 20.0          # weight of what is seen, filtered and dreamed
    doubt: float = 1.0          # weight of the ensemble that knows when it does not know
    heads: float = 0.0          # weight of reward, flags, values and prior
    discount: float = 0.97
    missing: float = 0.0        # share of moments at which each stream is missing
    reached: float = 0.0        # share of windows told what the setpoint did, not what was asked
    held_out: int = 256         # windows that it is validated on

    def __post_init__(self):
        if self.window < 3:
            raise ValueError(f'window: got {self.window}, expected at least 3')


class SequenceJob(Job):
    """Losses of filtering, of what is read from filtered and dreamed states, of the heads."""

    def __init__(self, config: SequenceConfig, training: SequenceTraining, train: Bank,
                 held_out: Bank, speed: np.ndarray, seed: int = 0, device: str = 'cpu'):
        torch.manual_seed(seed)
        self.config, self.training, self.device = config, training, device
        self._speed = speed         # [4] of full actions
        self.module = SequenceModel(config).to(device)
        self._train = train
        self._fit(np.random.default_rng(seed))
        rng = np.random.default_rng(0)
        self._held_out = self._batch(
            held_out.sample(rng, training.held_out, training.window), rng)

    def losses(self, rng):
        """Return the losses of a batch of windows."""
        training = self.training
        return self._losses(self.module, self._batch({
            name: parallel.share(column) for name, column in
            self._train.sample(rng, training.batch, training.window).items()}, rng), rng)

    def validate(self, module):
        """Calibrate its doubt on held-out windows; return the losses there."""
        torch.manual_seed(0)
        if self.training.doubt:
            module.doubt.calibrate(*module.foresee(self._held_out['numbers'],
                                                   self._held_out['actions']))
        losses = self._losses(module, self._held_out, np.random.default_rng(0))
        return {'score': float(losses['loss']),
                **{name: float(value) for name, value in losses.items()}}

    def meta(self):
        """Return kind and configuration."""
        return {'kind': 'sequence_model', 'config': self.config.to_dict()}

    def _fit(self, rng):
        """Learn the scales of what is seen."""
        window = self.training.window
        numbers = self._batch(self._train.sample(rng, max(1, _FIT_ROWS // window), window),
                              rng)['numbers']
        self.module.senses.fit_scale(numbers)
        if isinstance(self.module.dynamics, TokenTransformer):
            self.module.dynamics.fit_range(self.module.senses.normalised(numbers))

    def _batch(self, columns, rng) -> Dict[str, torch.Tensor]:
        batch = window_batch(columns, self.config.streams, self.device)
        if self.training.reached:
            # A sentinel beside the graph is not told what was asked for: it sees what was done.
            done = torch.as_tensor(reached_before(columns['states'], self._speed,
                                                  self.config.actions), device=self.device)
            chosen = np.flatnonzero(rng.random(len(done)) < self.training.reached)
            batch['actions'][:, chosen] = done.transpose(0, 1)[:, chosen]
        return batch

    def _losses(self, module, batch, rng):
        training, numbers = self.training, batch['numbers']
        shown = (module.senses.dropped(numbers, training.missing) if training.missing
                 else numbers)
        found = module.filter(shown, batch['actions'])
        losses = dict(found.losses)
        losses['read'] = training.read * self._reading(module, found.features, numbers)
        dreams = self._dreams(module, found.states, batch, rng)
        if dreams:
            losses['dream'] = training.read * sum(
                self._reading(module, features, batch['numbers'][came])
                for features, came in dreams) / len(dreams)
        if training.doubt:
            losses['doubt'] = training.doubt * self._doubting(
                module, found.features, shown, dreams, batch)
        if training.heads:
            losses.update(head_losses(module, found.features, batch, training))
        return {'loss': sum(losses.values()), **losses}

    def _reading(self, module, features, numbers):
        wanted = module.senses.normalised(numbers)
        there = wanted.isfinite()
        error = functional.smooth_l1_loss(module.read(features), wanted.nan_to_num(),
                                          reduction='none')
        return (error * there).sum() / there.sum().clamp(min=1)

    @staticmethod
    def _doubting(module, features, shown, dreams, batch):
        """Return the loss of foreseeing the next row; the features are not its business."""
        wanted = module.senses.normalised(batch['numbers'])

        def loss(features, actions, wanted, seen=None):
            features = features.detach()
            with torch.no_grad():
                guess = module.guess(features, seen)
            return module.doubt.loss(features, guess, actions, wanted)

        found = loss(features[:-1], batch['actions'][1:], wanted[1:], shown[:-1])
        dreamed = [loss(part[:-1:2], batch['actions'][came][1::2], wanted[came][1::2])
                   for part, came in dreams if len(part) > 1]
        return ((1 - _DREAMED) * found + _DREAMED * sum(dreamed) / len(dreamed) if dreamed
                else found)

    def _dreams(self, module, states, batch, rng):
        """Return features of two dreams, an early one and a late one, and their rows."""
        rows, found = len(batch['numbers']), []
        if not (self.training.dream and states):
            return found
        for earliest, latest in ((0, rows // 4), (rows // 4, 2 * rows // 3)):
            first = int(rng.integers(earliest, max(latest, earliest + 1)))
            came = slice(first + 1, min(first + 1 + self.training.dream, rows))
            found.append((module.dynamics.dream(at(states, first), batch['actions'][came]), came))
        return found


def head_losses(model: SequenceModel, features, batch, training) -> Dict[str, torch.Tensor]:
    """
    Return the losses of reward, flags, values and prior along windows [T, B, ...].

    Values are taught discounted sums of rewards to the window's end, and the mean of their own
    estimates there; the prior, what was done where the episode ended well.
    """
    weight = training.heads
    given = model.given(features, batch['goal'][None, :, :model.config.goal])
    flags = torch.stack([1.0 - batch['ended'], batch['success']], -1)
    succeeded = batch['success'][:-1]
    error = (torch.tanh(model.prior(given[:-1])) - batch['chosen'][:-1]).square().mean(-1)
    logits = model.value(given.flatten(0, 1)).unflatten(1, given.shape[:2])
    with torch.no_grad():
        returns = _returns(batch, model.number.decode(logits).mean(0), training.discount)
    return {
        'reward': weight * model.number.loss(model.reward(given), batch['rewards'])[1:].mean(),
        'flags': weight * functional.binary_cross_entropy_with_logits(model.flags(given), flags),
        'value': weight * model.number.loss(logits, returns.expand(logits.shape[:-1])).mean(),
        'prior': weight * (error * succeeded).sum() / succeeded.sum().clamp(min=1)}


def _returns(batch, values, discount):
    """Return discounted sums of rewards [T, B] up to the end, where ``values`` [T, B] go on."""
    last = values[-1:] * (1.0 - batch['ended'][-1])
    found = lambda_returns(batch['rewards'][1:], torch.cat([values[:-1], last]), discount, 1.0)
    return torch.cat([found, last])
