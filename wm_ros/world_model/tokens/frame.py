"""
Frames [B, 3, S, S] as discrete tokens: a coarse grid for the whole, fine ones where it errs.

The coarse tokens draw the whole frame.  Each fine token goes to one cell of 4 x 4 pixels,
and the cells are those that the coarse picture gets most wrong: what is rare, small and
unexpected is where the fine tokens are spent.  A cell's place is part of the code and counts
in the bits.
"""

from dataclasses import asdict, dataclass
import math
from typing import NamedTuple, Tuple

import torch
from torch import nn
from torch.nn import functional
from wm_ros.world_model.tokens.quantize import LEVELS, make_quantizer

_CELL = 4               # [px] edge of a cell


@dataclass(frozen=True)
class FrameConfig:
    """What a frame tokenizer is made of; raises ValueError for what makes no sense."""

    size: int = 64              # [px] edge of the frames
    quantizer: str = 'fsq'      # or 'vq'
    coarse: int = 64            # tokens for the whole frame
    fine: int = 16              # tokens for single cells; 0: flat
    bits: int = 11              # of each token's code
    width: int = 48             # channels, a multiple of 8

    def __post_init__(self):
        if self.size % _CELL or not 16 <= self.size <= 1024:
            raise ValueError(f'size: got {self.size}, expected a multiple of {_CELL} from 16 on')
        if not 1 <= self.coarse <= self.cells or not 0 <= self.fine <= self.cells:
            raise ValueError(f'coarse, fine: got {self.coarse}, {self.fine}, expected at least '
                             f'1 and 0, and at most {self.cells}')
        if self.quantizer not in ('fsq', 'vq') or self.bits not in LEVELS:
            raise ValueError(f'quantizer, bits: got {self.quantizer!r}, {self.bits}, expected '
                             f'fsq or vq, and one of {", ".join(map(str, LEVELS))}')
        if self.width < 8 or self.width % 8:
            raise ValueError(f'width: got {self.width}, expected a multiple of 8')

    @property
    def cells(self) -> int:
        """Return the number of cells."""
        return (self.size // _CELL) ** 2

    @property
    def grid(self) -> Tuple[int, int]:
        """Return rows and columns of the coarse tokens, as square as their number allows."""
        rows = next(n for n in range(math.isqrt(self.coarse), 0, -1) if self.coarse % n == 0)
        return rows, self.coarse // rows

    @property
    def frame_bits(self) -> float:
        """Return the bits of one frame: codes, and the set of the fine cells."""
        places = math.log2(math.comb(self.cells, self.fine))
        return self.bits * (self.coarse + self.fine) + math.ceil(places)

    @property
    def compression(self) -> float:
        """Return how many times smaller than 8 bit RGB a frame becomes."""
        return 24 * self.size ** 2 / self.frame_bits

    def to_dict(self) -> dict:
        """Return it as plain data, for checkpoints."""
        return asdict(self)


class FrameTokens(NamedTuple):
    """Indices of B frames: coarse [B, N], fine [B, k] and the fine ones' cells [B, k]."""

    coarse: torch.Tensor
    fine: torch.Tensor
    cells: torch.Tensor


class Reconstruction(NamedTuple):
    """Frames [B, 3, S, S], those of the coarse tokens alone, tokens, the quantisers' loss."""

    frames: torch.Tensor
    coarse: torch.Tensor
    tokens: FrameTokens
    loss: torch.Tensor


class FrameTokenizer(nn.Module):
    """Frames in [0, 1] to tokens and back; ``config.fine`` 0 makes it a flat one."""

    def __init__(self, config: FrameConfig):
        super().__init__()
        self.config = config
        width, side, pixels = config.width, config.size // _CELL, 3 * _CELL ** 2
        self.coarse_quantizer = make_quantizer(config.quantizer, config.bits)
        codes = self.coarse_quantizer.width
        self.look = nn.Sequential(nn.Conv2d(pixels, width, 1), _Block(width), _Block(width))
        self.shrink = _Resample((side, side), config.grid)
        self.to_coarse = nn.Conv2d(width, codes, 1)
        self.from_coarse = nn.Conv2d(codes, width, 1)
        self.grow = _Resample(config.grid, (side, side))
        self.draw = nn.Sequential(_Block(width), _Block(width), _Block(width))
        self.paint = nn.Conv2d(width, pixels, 1)
        if config.fine:
            self.fine_quantizer = make_quantizer(config.quantizer, config.bits)
            self.compare = nn.Sequential(nn.Conv2d(2 * pixels, width, 1), _Block(width))
            self.to_fine = nn.Conv2d(width, codes, 1)
            self.from_fine = nn.Conv2d(codes + 1 + width, width, 1)
            self.correct = nn.Sequential(_Block(width), _Block(width))
            self.retouch = nn.Conv2d(width, pixels, 1)

    def forward(self, frames) -> Reconstruction:
        """Return the reconstruction of ``frames`` [B, 3, S, S] with all that was used for it."""
        patches = functional.pixel_unshuffle(frames - 0.5, _CELL)
        found = self.to_coarse(self.shrink(self.look(patches))).flatten(2).transpose(1, 2)
        coarse = self.coarse_quantizer(found)
        drawn, rough = self._draw(coarse.codes)
        if not self.config.fine:
            none = coarse.indices[:, :0]
            return Reconstruction(_frames(rough), _frames(rough),
                                  FrameTokens(coarse.indices, none, none), coarse.loss)
        cells = self._worst(patches, rough)
        features = self.to_fine(self.compare(torch.cat([patches, rough.detach()], 1)))
        chosen = _pick(features, cells)
        fine = self.fine_quantizer(chosen)
        final = rough + self._correct(fine.codes, cells, drawn)
        return Reconstruction(
            _frames(final), _frames(rough), FrameTokens(coarse.indices, fine.indices, cells),
            coarse.loss + fine.loss)

    @torch.no_grad()
    def encode(self, frames) -> FrameTokens:
        """Return the tokens of ``frames`` [B, 3, S, S] in [0, 1]."""
        return self(frames).tokens

    @torch.no_grad()
    def decode(self, tokens: FrameTokens):
        """Return the frames [B, 3, S, S] in [0, 1] that ``tokens`` stand for."""
        drawn, patches = self._draw(self.coarse_quantizer.codes(tokens.coarse))
        if self.config.fine:
            codes = self.fine_quantizer.codes(tokens.fine)
            patches = patches + self._correct(codes, tokens.cells, drawn)
        return _frames(patches).clamp(0, 1)

    def _draw(self, codes):
        """Return features and patches that coarse codes [B, N, C] make."""
        grid = codes.transpose(1, 2).unflatten(2, self.config.grid)
        drawn = self.draw(self.grow(self.from_coarse(grid)))
        return drawn, self.paint(drawn)

    def _worst(self, patches, rough):
        """Return the cells [B, k] in which the coarse picture errs most, in order of place."""
        error = (patches - rough).detach().square().sum(1).flatten(1)
        return error.topk(self.config.fine).indices.sort(-1).values

    def _correct(self, codes, cells, drawn):
        """Return the correction of all patches that fine codes [B, k, C] at ``cells`` make."""
        batch, _, width = codes.shape
        marked = torch.cat([codes, torch.ones_like(codes[..., :1])], -1).transpose(1, 2)
        field = codes.new_zeros(batch, width + 1, self.config.cells)
        field = field.scatter(2, cells[:, None].expand(-1, width + 1, -1), marked)
        field = field.unflatten(2, drawn.shape[2:])
        return self.retouch(self.correct(self.from_fine(torch.cat([field, drawn], 1))))


def _frames(patches):
    return functional.pixel_shuffle(patches, _CELL) + 0.5


def _pick(features, cells):
    """Return the features [B, k, C] of ``cells`` [B, k] out of a map [B, C, h, w]."""
    flat = features.flatten(2).transpose(1, 2)
    return flat.gather(1, cells[..., None].expand(-1, -1, flat.shape[-1]))


class _Block(nn.Module):
    """Two convolutions beside a short cut."""

    def __init__(self, width):
        super().__init__()
        self.inner = nn.Sequential(
            nn.GroupNorm(8, width), nn.SiLU(), nn.Conv2d(width, width, 3, padding=1),
            nn.GroupNorm(8, width), nn.SiLU(), nn.Conv2d(width, width, 3, padding=1))

    def forward(self, x):
        """Return x [B, C, h, w], changed."""
        return x + self.inner(x)


class _Resample(nn.Module):
    """A learned change of resolution, rows and columns apart; begins as interpolation."""

    def __init__(self, old, new):
        super().__init__()
        self.rows = nn.Parameter(_interpolation(old[0], new[0]))
        self.columns = nn.Parameter(_interpolation(old[1], new[1]))

    def forward(self, x):
        """Return x [B, C, h, w] at the new resolution."""
        return torch.einsum('bchw,rh,sw->bcrs', x, self.rows, self.columns)


def _interpolation(old, new):
    """Return the matrix [new, old] that resamples a line linearly, without aliasing."""
    unit = torch.eye(old)[:, None, :, None]
    return functional.interpolate(unit, size=(new, 1), mode='bilinear', antialias=True,
                                  align_corners=False)[:, 0, :, 0].T.contiguous()
