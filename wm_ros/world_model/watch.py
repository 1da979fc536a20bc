"""
Latents as pictures: frames are drawn by flow matching (Lipman et al. 2023), in few steps.

A frame is worked on as patches of 4 x 4 pixels; the features that it is drawn from make a
coarse map, by a network that is deep enough to turn poses into places, and scale and shift
every block (FiLM).
"""

from dataclasses import asdict, dataclass

import torch
from torch import nn
from torch.nn import functional
from wm_ros.world_model.networks import mlp
from wm_ros.world_model.tokens.parts import Block

_CELL = 4               # [px] edge of a patch
_MAP, _DEPTH = 8, 32    # rows and columns of the coarse map, and its channels
_TOLD = 0.01            # weight of how wrong it says that it is
_LOGS = -12.0, 2.0      # natural logarithms of squared errors


@dataclass(frozen=True)
class WatchConfig:
    """What a frame decoder is made of; raises ValueError for what makes no sense."""

    features: int = 0           # numbers that a frame is drawn from
    size: int = 64              # [px] edge of the frames
    channels: int = 3           # more than colours: depth, masks
    width: int = 96
    blocks: int = 6
    steps: int = 4              # of the integration

    def __post_init__(self):
        if self.size % (_CELL * _MAP) or not 32 <= self.size <= 1024:
            raise ValueError(f'size: got {self.size}, expected a multiple of {_CELL * _MAP} '
                             'up to 1024')
        if min(self.features, self.channels, self.blocks, self.steps, self.width) < 1:
            raise ValueError('features, channels, width, blocks, steps: expected at least 1 each')

    def to_dict(self) -> dict:
        """Return it as plain data, for checkpoints."""
        return asdict(self)


class FrameDecoder(nn.Module):
    """Features [B, F] to frames [B, C, S, S] in [0, 1]."""

    def __init__(self, config: WatchConfig):
        super().__init__()
        self.config = config
        width, pixels = config.width, config.channels * _CELL ** 2
        side = config.size // _CELL
        self.coarse = mlp((config.features, 256, 256, _DEPTH * _MAP * _MAP))
        self.place = nn.Parameter(0.1 * torch.randn(width, side, side))
        self.context = nn.Sequential(nn.Linear(config.features + 8, width), nn.SiLU(),
                                     nn.Linear(width, width), nn.SiLU())
        self.enter = nn.Conv2d(pixels, width, 1)
        self.spread = nn.Conv2d(_DEPTH, width, 1)
        self.blocks = nn.ModuleList(Block(width, width) for _ in range(config.blocks))
        self.paint = nn.Conv2d(width, pixels, 1)
        self.wrong = nn.Conv2d(width, 1, 1)

    def loss(self, frames, features):
        """
        Return the loss [scalar] of frames [B, C, S, S], features [B, F].

        It is that of flow matching, and of one in four frames how well it is expected, and how
        wrong that is expected to be, place by place.
        """
        end = functional.pixel_unshuffle(2 * frames - 1, _CELL)
        start = torch.randn_like(end)
        time = torch.rand(len(end), 1, device=end.device)
        between = torch.lerp(start, end, time[..., None, None])
        drawn = (self._end(between, time, features) - end).square().mean()
        mean, log = self._expected(features[::4])
        off = (mean - end[::4]).square()
        # Squared errors are likely as an exponential distribution's: its mean is what is told.
        told = (off.detach().mean(1, keepdim=True) * (-log).exp() + log).mean()
        return drawn + off.mean() + _TOLD * told

    def forward(self, features, steps: int = 0, start=None):
        """
        Return drawn frames; more ``steps`` than configured make them sharper.

        ``start`` [1 or B, 48, S/4, S/4] is the noise that they grow out of, drawn if None; the
        same for all frames of a film keeps what is uncertain from flickering.
        """
        steps = steps or self.config.steps
        side = self.config.size // _CELL
        if start is None:
            start = torch.randn(len(features), self.enter.in_channels, side, side,
                                device=features.device)
        x = start.expand(len(features), -1, -1, -1)
        for k in range(steps):
            time = torch.full((len(features), 1), k / steps, device=features.device)
            # The velocity that leads from here to where it is expected to end.
            x = x + (self._end(x, time, features) - x) / (steps - k)
        return (functional.pixel_shuffle(x, _CELL) / 2 + 0.5).clamp(0, 1)

    def off(self, features, frames):
        """Return how wrong what is expected is [B, cells]: 1 is as wrong as it was told to be."""
        mean, log = self._expected(features)
        end = functional.pixel_unshuffle(2 * frames - 1, _CELL)
        return ((mean - end).square().mean(1, keepdim=True) * (-log).exp()).flatten(1)

    def _expected(self, features):
        """Return the frames that are expected, and the logarithm of their squared error."""
        side = self.config.size // _CELL
        nothing = features.new_zeros(len(features), self.enter.in_channels, side, side)
        y = self._worked(nothing, features.new_zeros(len(features), 1), features)
        return self.paint(y), self.wrong(y).clamp(*_LOGS)

    def _end(self, x, time, features):
        """Return the frame that is expected behind ``x`` at ``time`` [B, 1]."""
        return self.paint(self._worked(x, time, features))

    def _worked(self, x, time, features):
        turns = torch.pi * time * torch.arange(1, 5, device=x.device)
        context = self.context(torch.cat([features, turns.sin(), turns.cos()], -1))
        coarse = functional.interpolate(
            self.coarse(features).view(-1, _DEPTH, _MAP, _MAP), size=x.shape[2:],
            mode='bilinear', align_corners=False)
        y = self.enter(x) + self.place + self.spread(coarse)
        for block in self.blocks:
            y = block(y, context)
        return y
