"""
Quantisers: continuous features [..., C] -> codes [..., C] and their indices [...].

Both hand gradients straight through.  ``FiniteScalar`` is FSQ (Mentzer et al. 2023),
``VectorCodebook`` is VQ-VAE's with moving averages (van den Oord et al. 2017, appendix A.1),
whose dead codes are revived as in Jukebox (Dhariwal et al. 2020).
"""

import math
from typing import NamedTuple, Sequence

import torch
from torch import nn
from wm_ros.world_model import collective

#: FSQ levels for a given number of bits (table 1 of the paper, and more).
LEVELS = {8: (8, 6, 5), 9: (8, 8, 8), 10: (8, 5, 5, 5), 11: (8, 8, 8, 4), 12: (8, 8, 8, 8)}


class Quantized(NamedTuple):
    """Codes [..., C], indices [...] int64, and what their use adds to the loss [scalar]."""

    codes: torch.Tensor
    indices: torch.Tensor
    loss: torch.Tensor


class FiniteScalar(nn.Module):
    """FSQ: each of the C channels is squashed and rounded to its number of levels."""

    def __init__(self, levels: Sequence[int]):
        super().__init__()
        if not levels or any(type(n) is not int or n < 2 for n in levels):
            raise ValueError(f'levels: got {levels!r}, expected integers of at least 2')
        self.size = math.prod(levels)
        self.width = len(levels)
        steps = [math.prod(levels[:i]) for i in range(len(levels))]
        self.register_buffer('levels', torch.tensor(levels), persistent=False)
        self.register_buffer('steps', torch.tensor(steps), persistent=False)

    def forward(self, features) -> Quantized:
        """Return the nearest codes, in [-1, 1]; channels of ``features`` are one per level."""
        # An even number of levels has no middle one: shift by half, as the paper does.
        half = (self.levels - 1) * (1 + 1e-3) / 2
        offset = (self.levels % 2 == 0) * 0.5
        shift = torch.atanh(offset / half)
        bounded = torch.tanh(features + shift) * half - offset
        rounded = bounded + (bounded.round() - bounded).detach()
        digits = rounded.detach().round().long() + self.levels // 2
        return Quantized(self._scaled(rounded), (digits * self.steps).sum(-1),
                         features.new_zeros(()))

    def codes(self, indices):
        """Return the codes [..., C] of ``indices`` [...]."""
        digits = indices[..., None] // self.steps % self.levels
        return self._scaled((digits - self.levels // 2).to(torch.get_default_dtype()))

    def _scaled(self, digits):
        return digits / (self.levels // 2)


class VectorCodebook(nn.Module):
    """
    VQ with a codebook [size, C] that follows its members by a moving average.

    A code that is used less than ``least`` times the average code is put on a feature of the
    batch.
    """

    def __init__(self, size: int, width: int, decay: float = 0.99, commitment: float = 0.25,
                 least: float = 0.1):
        super().__init__()
        if size < 2 or width < 1:
            raise ValueError(f'codebook: got {size} x {width}, expected at least 2 x 1')
        self.size, self.width = size, width
        self.decay, self.commitment, self.least = decay, commitment, least
        self.register_buffer('book', torch.randn(size, width) / math.sqrt(width))
        self.register_buffer('count', torch.ones(size))
        self.register_buffer('total', self.book.clone())
        self.register_buffer('started', torch.tensor(False))

    def forward(self, features) -> Quantized:
        """Return the nearest codes; in training mode the codebook follows."""
        features = features.float()     # a codebook is not followed in half precision
        flat = features.detach().reshape(-1, self.width)
        if self.training and not self.started:
            self._revive(torch.ones(self.size, dtype=torch.bool, device=flat.device), flat)
            self.started.fill_(True)
        indices = torch.cdist(flat[None], self.book[None])[0].argmin(-1)
        codes = self.book[indices].view_as(features)
        if self.training:
            self._follow(flat, indices)
        loss = self.commitment * (features - codes).square().mean()
        return Quantized(features + (codes - features).detach(),
                         indices.view(features.shape[:-1]), loss)

    def codes(self, indices):
        """Return the codes [..., C] of ``indices`` [...]."""
        return self.book[indices]

    @torch.no_grad()
    def _follow(self, flat, indices):
        members = torch.zeros_like(self.count).index_add_(
            0, indices, torch.ones_like(indices, dtype=flat.dtype))
        sums = torch.zeros_like(self.book).index_add_(0, indices, flat)
        collective.add_up(members, sums)    # each process has a share of the batch
        self.count.lerp_(members, 1 - self.decay)
        self.total.lerp_(sums, 1 - self.decay)
        self.book.copy_(self.total / self.count.clamp(min=1e-5)[:, None])
        self._revive(self.count < self.least * collective.count() * len(flat) / self.size, flat)

    @torch.no_grad()
    def _revive(self, dead, flat):
        number = int(dead.sum())
        if number:
            rows = torch.randint(len(flat), (number,), device=flat.device)
            usual = collective.count() * len(flat) / self.size
            self.book[dead], self.total[dead] = flat[rows], usual * flat[rows]
            self.count[dead] = usual
            collective.take_first(self.book, self.total)    # one codebook, not one for each


def make_quantizer(kind: str, bits: int, commitment: float = 0.25) -> nn.Module:
    """Return an 'fsq' or 'vq' quantiser of about 2 ** ``bits`` codes; FSQ needs no commitment."""
    if bits not in LEVELS:
        raise ValueError(f'bits: got {bits!r}, expected one of {", ".join(map(str, LEVELS))}')
    if kind == 'fsq':
        return FiniteScalar(LEVELS[bits])
    if kind == 'vq':
        return VectorCodebook(2 ** bits, 16, commitment=commitment)
    raise ValueError(f'quantiser: got {kind!r}, expected fsq or vq')
