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
from wm_ros.world_model.latent import at, TokenTransformer
from wm_ros.world_model.sequence import SequenceConfig, SequenceModel

_FIT_ROWS = 20_000          # observations that the scales are learned from
_DREAMED = 0.25             # share of rows that the ensemble foresees as in a dream, unseen


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
    held_out: int = 256         # windows that it is validated on


class SequenceJob(Job):
    """Losses of filtering, of what is read from filtered and dreamed states, of the heads."""

    def __init__(self, config: SequenceConfig, training: SequenceTraining, train: Bank,
                 held_out: Bank, seed: int = 0, device: str = 'cpu'):
        torch.manual_seed(seed)
        self.config, self.training, self.device = config, training, device
        self.module = SequenceModel(config).to(device)
        self._train = train
        self._fit(np.random.default_rng(seed))
        self._held_out = self._batch(held_out.sample(
            np.random.default_rng(0), training.held_out, training.window))

    def losses(self, rng):
        """Return the losses of a batch of windows."""
        training = self.training
        return self._losses(self.module, self._batch({
            name: parallel.share(column) for name, column in
            self._train.sample(rng, training.batch, training.window).items()}), rng)

    def validate(self, module):
        """Return the losses on held-out windows."""
        torch.manual_seed(0)
        losses = self._losses(module, self._held_out, np.random.default_rng(0))
        return {'score': float(losses['loss']),
                **{name: float(value) for name, value in losses.items()}}

    def meta(self):
        """Return kind and configuration."""
        return {'kind': 'sequence_model', 'config': self.config.to_dict()}

    def _fit(self, rng):
        """Learn the scales of what is seen."""
        window = self.training.window
        numbers = self._batch(self._train.sample(rng, max(1, _FIT_ROWS // window), window))[
            'numbers']
        self.module.senses.fit_scale(numbers)
        if isinstance(self.module.dynamics, TokenTransformer):
            self.module.dynamics.fit_range(self.module.senses.normalised(numbers))

    def _batch(self, columns) -> Dict[str, torch.Tensor]:
        return window_batch(columns, self.config.streams, self.device)

    def _losses(self, module, batch, rng):
        training, numbers = self.training, batch['numbers']
        shown = (module.senses.dropped(numbers, training.missing) if training.missing
                 else numbers)
        found = module.filter(shown, batch['actions'])
        losses = dict(found.losses)
        losses['read'] = training.read * self._reading(module, found.features, numbers)
        if training.dream and found.states:
            losses['dream'] = training.read * self._dreaming(module, found.states, batch, rng)
        if training.doubt:
            losses['doubt'] = training.doubt * self._doubting(module, found.features, shown, batch)
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
    def _doubting(module, features, shown, batch):
        """Return the loss of foreseeing the next row; the features are not its business."""
        with torch.no_grad():
            features, shown = features[:-1].detach(), shown[:-1].clone()
            shown[torch.rand(shown.shape[:-1], device=shown.device) < _DREAMED] = float('nan')
            guess = module.guess(features, shown)
        return module.doubt.loss(features, guess, batch['actions'][1:],
                                 module.senses.normalised(batch['numbers'][1:]))

    def _dreaming(self, module, states, batch, rng):
        """Return the error of what is read in two dreams: an early one, and a late one."""
        rows, total = len(batch['numbers']), 0.0
        for earliest, latest in ((0, rows // 4), (rows // 4, 2 * rows // 3)):
            first = int(rng.integers(earliest, max(latest, earliest + 1)))
            came = slice(first + 1, min(first + 1 + self.training.dream, rows))
            features = module.dynamics.dream(at(states, first), batch['actions'][came])
            total = total + self._reading(module, features, batch['numbers'][came])
        return total / 2


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
    found = [values[-1] * (1.0 - batch['ended'][-1])]
    for t in range(len(values) - 2, -1, -1):
        found.append(batch['rewards'][t + 1] + discount * found[-1])
    return torch.stack(found[::-1])
