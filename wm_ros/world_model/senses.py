"""
Several sensor streams as one embedding, whichever of them are there.

What is seen at a moment is one vector [K]: the numbers of each stream, one stream after the
other.  A stream that is missing is NaN, in training and on the robot alike.
"""

from typing import Mapping

import torch
from torch import nn
from wm_ros.world_model.networks import mlp

#: Least width of a number, in its own unit (m, rad, m/s, N).  The height of a block that lies on a
#: table varies by its jitter alone; at unit width, that would be most of what there is to foresee.
_LEAST = 0.05


class Senses(nn.Module):
    """Streams by name and width -> embeddings [E]; what is missing has an embedding as well."""

    def __init__(self, streams: Mapping[str, int], embedding: int, hidden: int):
        super().__init__()
        self.streams, self.width = dict(streams), sum(streams.values())
        if not self.streams or min(self.streams.values()) < 1:
            raise ValueError(f'streams: got {self.streams}, expected at least one, and at least '
                             'one number in each')
        self.register_buffer('mean', torch.zeros(self.width))
        self.register_buffer('scale', torch.ones(self.width))
        self.enter = nn.ModuleDict({name: mlp((width, hidden, embedding))
                                    for name, width in self.streams.items()})
        self.missing = nn.ParameterDict({name: nn.Parameter(0.1 * torch.randn(embedding))
                                         for name in self.streams})

    @torch.no_grad()
    def fit_scale(self, numbers):
        """Learn mean and width of ``numbers`` [..., K]; what is missing does not count."""
        flat = numbers.flatten(0, -2)
        there = flat.isfinite()
        count = there.sum(0).clamp(min=1)
        mean = flat.nan_to_num().sum(0) / count
        width = (((flat - mean).nan_to_num() ** 2).sum(0) / count).sqrt()
        self.mean.copy_(mean)
        self.scale.copy_(width.clamp(min=_LEAST))

    def normalised(self, numbers):
        """Return numbers [..., K] about 0 and of unit width; NaN stays NaN."""
        return (numbers - self.mean) / self.scale

    def restored(self, normalised):
        """Return the numbers that ``normalised`` ones [..., K] stand for."""
        return normalised * self.scale + self.mean

    def parts(self, numbers):
        """Return {stream: its numbers [..., N]} of numbers [..., K]."""
        return dict(zip(self.streams, numbers.split(list(self.streams.values()), -1)))

    def forward(self, numbers):
        """Return embeddings [..., E] of numbers [..., K]; a stream with any NaN is missing."""
        total = 0.0
        for name, part in self.parts(self.normalised(numbers)).items():
            there = part.isfinite().all(-1, keepdim=True)
            # Masked before the network: NaN times 0 is NaN, in gradients too.
            made = self.enter[name](torch.where(there, part, torch.zeros_like(part)))
            total = total + torch.where(there, made, self.missing[name])
        return total

    def dropped(self, numbers, share):
        """Return numbers [T, B, K] whose streams are each missing at ``share`` of all moments."""
        parts = []
        for part in numbers.split(list(self.streams.values()), -1):
            gone = torch.rand(*part.shape[:-1], 1, device=part.device) < share
            parts.append(part.masked_fill(gone, float('nan')))
        return torch.cat(parts, -1)
