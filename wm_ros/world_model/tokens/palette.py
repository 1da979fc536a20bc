"""The colours of a frame as tokens of their own: what cameras see has few, of any kind."""

import torch
from torch import nn
from torch.nn import functional
from wm_ros.world_model.tokens.quantize import FiniteScalar, VectorCodebook

#: Levels of red, green and blue for a given number of bits.
_LEVELS = {8: (8, 8, 4), 9: (8, 8, 8), 10: (16, 8, 8), 11: (16, 16, 8), 12: (16, 16, 16)}
_WIDTH = 4.0            # by which colours about 0 are stretched to unit variance
_BEND = 3.0             # and those that a tanh squashes
_NEAR = 0.02            # squared distance of colours that are told apart
_SMALL = 0.01           # share of a frame that counts as small


class Palette(nn.Module):
    """
    K colours of each frame, and which of them each pixel is like.

    A colour is the mean of the pixels that the network has it look at, and one token; what is
    where is then coded as which colour is where, the same for a scene in any light.
    """

    def __init__(self, width: int, colours: int, cell: int, kind: str, bits: int,
                 commitment: float):
        super().__init__()
        self._cell, self._bent = cell, kind == 'fsq'
        self.look = nn.Conv2d(width, colours * cell ** 2, 1)
        self.quantizer = (FiniteScalar(_LEVELS[bits]) if self._bent
                          else VectorCodebook(2 ** bits, 3, commitment=commitment))

    def forward(self, seen, frames):
        """Return the Quantized colours of frames [B, 3, S, S] about 0, ``seen`` [B, W, s, s]."""
        where = functional.pixel_shuffle(self.look(seen), self._cell).flatten(2)
        found = torch.softmax(where.float(), -1) @ frames.flatten(2).transpose(1, 2)
        return self.quantizer(found * (_BEND if self._bent else _WIDTH))

    def colours(self, codes):
        """Return the colours [B, K, 3] about 0 that ``codes`` [B, K, 3] stand for."""
        if self._bent:
            return torch.atanh(codes.clamp(-0.97, 0.97)) / _BEND
        return codes / _WIDTH

    @staticmethod
    def rarity(likeness):
        """Return how rare the colour of each pixel is [B, S, S]: what is small is not lost."""
        area = likeness.mean((2, 3), keepdim=True)
        return (likeness / (area + _SMALL)).sum(1).sqrt()

    @staticmethod
    def likeness(frames, colours):
        """Return how much each pixel is like each colour [B, K, S, S]; it sums up to 1."""
        closeness = 2 * colours @ frames.flatten(2) - colours.square().sum(-1, keepdim=True)
        return torch.softmax(closeness / _NEAR, 1).unflatten(2, frames.shape[2:])
