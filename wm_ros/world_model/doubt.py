"""
Knowing when it does not know: an ensemble that foresees what will be seen next, and how surely.

Each member is a network that gives a mean and a width (PETS, Chua et al. 2018), here of Student's
distribution with 4 degrees of freedom: contacts err seldom and far, and a Gaussian that has to
allow for them is too wide for all the rest.  Where the members' means differ, the model has seen
too little (disagreement); what is seen, measured by their mean and width, is the surprise.
"""

from typing import Mapping, NamedTuple

import torch
from torch import nn
from torch.nn import functional
from wm_ros.world_model.networks import EnsembleMLP

_LEAST, _MOST = -9.0, 2.0       # of a member's log width
_FIT = 10.0                     # weight of the regression
_HALF = 0.7407                  # of Student's distribution's unit, what half of all is within
_NARROW, _WIDE = 0.2, 5.0       # most that the spread of a number is mended by


class Guess(NamedTuple):
    """
    A first guess at the next numbers [..., K], normalised.

    ``seen`` [..., K] is 1 where it was seen just now, 0 where a latent only tells of it, and less
    surely.
    """

    numbers: torch.Tensor
    seen: torch.Tensor


class Forecast(NamedTuple):
    """
    What is expected of the next numbers [..., K], normalised.

    mean; spread, the width in all; epistemic, the standard deviation of the members' means.
    """

    mean: torch.Tensor
    spread: torch.Tensor
    epistemic: torch.Tensor

    def off(self, seen):
        """Return by how much ``seen`` [..., K] is off, in units of the spread; NaN stays NaN."""
        return (seen - self.mean) / self.spread

    def rank(self, seen):
        """Return the quantile of the forecast [..., K] that ``seen`` is; NaN stays NaN."""
        off = self.off(seen)
        part = 1.0 + off.square() / 4.0
        return 0.5 + 0.375 * off / part.sqrt() * (1.0 - off.square() / (12.0 * part))


class Doubt(nn.Module):
    """E members that foresee numbers [K] of features [F], a first Guess and an action [A]."""

    def __init__(self, features: int, actions: int, streams: Mapping[str, int],
                 members: int = 5, hidden: int = 128):
        super().__init__()
        self.width = sum(streams.values())
        self.members = EnsembleMLP(members, (features + actions + 2 * self.width, hidden, hidden,
                                             2 * self.width))
        self.register_buffer('scale', torch.ones(self.width))

    def forward(self, features, guess: Guess, action) -> Forecast:
        """Return the forecast of what is seen after ``action`` [..., A]."""
        means, logs = self._each(features, guess, action)
        mean, epistemic = means.mean(0), means.std(0, unbiased=False)
        aleatoric = (2 * logs).exp().mean(0)
        return Forecast(mean, self.scale * (aleatoric + epistemic ** 2).sqrt(), epistemic)

    @torch.no_grad()
    def calibrate(self, forecast: Forecast, seen):
        """
        Mend each number's spread so that half of ``seen`` [..., K] (NaN apart) is within it.

        ``forecast`` is this one's own of what was not trained on.  A mixture of widths is no
        Student's distribution: its middle is narrower than what is left in the tails makes it.
        """
        off = forecast.off(seen).abs().flatten(0, -2)
        half = torch.nanquantile(off, 0.5, dim=0) / _HALF
        self.scale.mul_(half.nan_to_num(1.0)).clamp_(_NARROW, _WIDE)

    def loss(self, features, guess, action, seen):
        """
        Return the loss [scalar] of members that are to foresee ``seen`` [..., K], NaN apart.

        Means learn by a plain regression, and spreads by the likelihood of what is left: in the
        likelihood a mean's gradient shrinks with the variance, so that what is seldom and hard
        would be called uncertain and never be learned (Seitzer et al. 2022).
        """
        means, logs = self._each(features, guess, action)
        there = seen.isfinite()
        # Other rows for each member at each update: noise that keeps them from growing alike.
        kept = there & (torch.rand(means.shape[:-1], device=means.device) < 0.8)[..., None]
        off = means - seen.nan_to_num()
        fit = functional.smooth_l1_loss(off, torch.zeros_like(off), reduction='none', beta=0.3)
        likely = 2.5 * torch.log1p((off.detach() / logs.exp()).square() / 4.0) + logs
        return ((_FIT * fit + likely) * kept).sum() / kept.sum().clamp(min=1)

    def _each(self, features, guess, action):
        """Return each member's means and log standard deviations [E, ..., K]."""
        given = torch.cat([features, *guess, action], -1)
        made = self.members(given.flatten(0, -2)).unflatten(1, given.shape[:-1])
        change, logs = made.chunk(2, -1)
        logs = _LEAST + (_MOST - _LEAST) * torch.sigmoid(logs)
        return guess.numbers + change, logs
