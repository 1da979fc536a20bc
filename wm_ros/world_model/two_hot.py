"""Numbers of any size as distributions over bins (DreamerV3, Hafner et al. 2023)."""

import torch
from torch import nn


def symlog(x):
    """Return sign(x) ln(1 + |x|)."""
    return x.sign() * x.abs().log1p()


def symexp(x):
    """Return what ``symlog`` makes x of."""
    return x.sign() * x.abs().expm1()


class TwoHot(nn.Module):
    """Logits [..., bins] <-> numbers [...], by bins that are even in symlog."""

    def __init__(self, bins: int = 41, limit: float = 6.0):
        super().__init__()
        if bins < 2 or not limit > 0.0:
            raise ValueError(f'bins, limit: got {bins}, {limit}, expected at least 2, above 0')
        self.register_buffer('middles', torch.linspace(-limit, limit, bins), persistent=False)

    def loss(self, logits, numbers):
        """Return the cross entropy [...] of ``numbers`` [...], shared by their two bins."""
        return -(self.encode(numbers) * torch.log_softmax(logits, -1)).sum(-1)

    def encode(self, numbers):
        """Return weights [..., bins] whose mean is ``numbers`` [...]; beyond the ends, the end."""
        count = len(self.middles)
        low, high = self.middles[0], self.middles[-1]
        place = (symlog(numbers).clamp(low, high) - low) / (high - low) * (count - 1)
        below = place.floor().clamp(max=count - 2)
        share = (place - below)[..., None]
        index = below.long()[..., None]
        made = torch.zeros(*numbers.shape, count, dtype=share.dtype, device=numbers.device)
        return made.scatter(-1, index, 1 - share).scatter(-1, index + 1, share)

    def decode(self, logits):
        """Return the expected numbers [...]."""
        return symexp((torch.softmax(logits, -1) * self.middles).sum(-1))
