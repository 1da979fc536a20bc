"""
The fine tokens: a fovea on what matters most, glimpses where the picture so far is most wrong.

What matters is taught by boxes of objects; what is rare in colour counts as well, taught or not.
"""

from typing import Dict, NamedTuple

import torch
from torch import nn
from torch.nn import functional
from wm_ros.world_model.tokens.config import CELL, EACH, FrameConfig
from wm_ros.world_model.tokens.glimpse import Glimpses, Windows
from wm_ros.world_model.tokens.parts import Block

_FOVEA, _GLIMPSE = 768, 256     # widths of their networks
_MATTERS = 10.0                 # by how much more an error counts where an object is
_SELDOM = -4.0                  # log odds, at first, that one is


class Detailed(NamedTuple):
    """Frames about 0, tokens' indices by level, log odds of objects [B, S, S], the loss."""

    frames: torch.Tensor
    indices: Dict[str, torch.Tensor]
    heed: torch.Tensor
    loss: torch.Tensor


class Details(nn.Module):
    """Windows of frames about 0 [B, 3, S, S] as tokens, and painted over a rough picture."""

    def __init__(self, config: FrameConfig, palette: int):
        super().__init__()
        self.config, self.windows = config, Windows(config.size)
        self.heed = nn.Sequential(Block(config.width), Block(config.width),
                                  nn.Conv2d(config.width, CELL ** 2, 1))
        nn.init.constant_(self.heed[-1].bias, _SELDOM)
        self.quantizers, self.glimpses = nn.ModuleDict(), nn.ModuleDict()
        for level, each, width in (('fovea', config.fovea, _FOVEA), ('fine', EACH, _GLIMPSE)):
            if getattr(config, level):
                self.quantizers[level] = config.quantizer_of(level)
                self.glimpses[level] = Glimpses(
                    self.windows, each, self.quantizers[level].width, palette, width)

    def forward(self, seen, frames, rough, rarity, palette) -> Detailed:
        """
        Return frames with all details.

        ``seen`` [B, W, S/4, S/4] are features of the frames, ``rarity`` [B, S, S] or a number is
        how rare what they show is, ``palette`` what ``Paint.palette`` returns.
        """
        heed = functional.pixel_shuffle(self.heed(seen), CELL)[:, 0]
        matters = rarity * (1.0 + _MATTERS * torch.sigmoid(heed.detach().float()))
        places = self._places((frames - rough).detach().square().sum(1) * matters)
        made, indices, loss = rough, {'places': places}, 0.0
        for level, at in self.config.by_level(places).items():
            found = self.quantizers[level](self.glimpses[level].features(
                frames, rough.detach(), at))
            made = self.glimpses[level].paint(made, found.codes, at, palette)
            indices[level], loss = found.indices, loss + found.loss
        return Detailed(made, indices, heed, loss)

    def draw(self, rough, tokens, palette):
        """Return ``rough`` [B, 3, S, S] about 0 with the details that FrameTokens tell."""
        for level, at in self.config.by_level(tokens.places).items():
            codes = self.quantizers[level].codes(getattr(tokens, level))
            rough = self.glimpses[level].paint(rough, codes, at, palette)
        return rough

    def _places(self, error):
        """Return [B, windows]: the fovea's place, and those of glimpses in order."""
        first = int(bool(self.config.fovea))
        places = self.windows.worst(error, self.config.windows)
        return torch.cat([places[:, :first], places[:, first:].sort(-1).values], 1)
