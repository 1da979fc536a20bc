"""
Frames [B, 3, S, S] as discrete tokens: globals, a coarse grid, fine ones where both err.

The global tokens say what holds for the whole frame (light, colours, where the camera
stands), the coarse grid what is where; together they draw the frame, with a palette.  Each
fine token goes to one cell of 4 x 4 pixels, and the cells are those that this picture gets
most wrong: what is rare, small and unexpected is where the fine tokens are spent.  A cell's
place is part of the code and counts in the bits.
"""

from dataclasses import asdict, dataclass
import math
from typing import NamedTuple, Tuple

import torch
from torch import nn
from torch.nn import functional
from wm_ros.world_model.networks import mlp
from wm_ros.world_model.tokens.paint import Paint
from wm_ros.world_model.tokens.parts import Block, Pool, Resample, ToCodes
from wm_ros.world_model.tokens.quantize import LEVELS, make_quantizer

_CELL = 4               # [px] edge of a cell
_CLOSELY = 192          # width of the networks that look at single cells


@dataclass(frozen=True)
class FrameConfig:
    """What a frame tokenizer is made of; raises ValueError for what makes no sense."""

    size: int = 64              # [px] edge of the frames
    quantizer: str = 'mixed'    # 'fsq', 'vq', or mixed: vq for the fine tokens
    whole: int = 16             # global tokens; 0: none
    coarse: int = 42            # tokens of a grid over the frame
    fine: int = 20              # tokens for single cells; 0: none
    bits: int = 11              # of each token's code
    width: int = 48             # channels, a multiple of 8

    def __post_init__(self):
        if self.size % (2 * _CELL) or not 16 <= self.size <= 1024:
            raise ValueError(f'size: got {self.size}, expected a multiple of {2 * _CELL} from '
                             '16 on')
        if (not 0 <= self.whole <= 1024 or not 1 <= self.coarse <= self.cells
                or not 0 <= self.fine <= self.cells):
            raise ValueError(f'whole, coarse, fine: got {self.whole}, {self.coarse}, '
                             f'{self.fine}, expected at least 0, 1 and 0, and at most 1024, '
                             f'{self.cells} and {self.cells}')
        if self.quantizer not in ('fsq', 'vq', 'mixed') or self.bits not in LEVELS:
            raise ValueError(f'quantizer, bits: got {self.quantizer!r}, {self.bits}, expected '
                             f'fsq, vq or mixed, and one of {", ".join(map(str, LEVELS))}')
        if self.width < 8 or self.width % 8:
            raise ValueError(f'width: got {self.width}, expected a multiple of 8')

    @property
    def cells(self) -> int:
        """Return the number of cells."""
        return (self.size // _CELL) ** 2

    @property
    def tokens(self) -> int:
        """Return the number of tokens of a frame."""
        return self.whole + self.coarse + self.fine

    @property
    def grid(self) -> Tuple[int, int]:
        """Return rows and columns of the coarse tokens, as square as their number allows."""
        rows = next(n for n in range(math.isqrt(self.coarse), 0, -1) if self.coarse % n == 0)
        return rows, self.coarse // rows

    def quantizer_of(self, level: str) -> nn.Module:
        """
        Return a new quantiser for 'whole', 'coarse' or 'fine' tokens.

        FSQ needs no care and uses its codes evenly; but single cells, which are small pictures
        of their own, are told apart better by a codebook's many directions.
        """
        kind = self.quantizer
        if kind == 'mixed':
            kind = 'vq' if level == 'fine' else 'fsq'
        return make_quantizer(kind, self.bits)

    @property
    def frame_bits(self) -> float:
        """Return the bits of one frame: codes, and the set of the fine cells."""
        places = math.log2(math.comb(self.cells, self.fine))
        return self.bits * (self.whole + self.coarse + self.fine) + math.ceil(places)

    @property
    def compression(self) -> float:
        """Return how many times smaller than 8 bit RGB a frame becomes."""
        return 24 * self.size ** 2 / self.frame_bits

    def to_dict(self) -> dict:
        """Return it as plain data, for checkpoints."""
        return asdict(self)


class FrameTokens(NamedTuple):
    """Indices of B frames: whole [B, G], coarse [B, N], fine [B, k], and cells [B, k]."""

    whole: torch.Tensor
    coarse: torch.Tensor
    fine: torch.Tensor
    cells: torch.Tensor


class Reconstruction(NamedTuple):
    """Frames [B, 3, S, S], those without the fine tokens, tokens, the quantisers' loss."""

    frames: torch.Tensor
    coarse: torch.Tensor
    tokens: FrameTokens
    loss: torch.Tensor


class FrameTokenizer(nn.Module):
    """Frames in [0, 1] to tokens and back; without global and fine tokens it is a flat one."""

    def __init__(self, config: FrameConfig):
        super().__init__()
        self.config = config
        side = config.size // _CELL
        width, pixels = config.width, 3 * _CELL ** 2
        self.coarse_quantizer = config.quantizer_of('coarse')
        codes = self.coarse_quantizer.width
        self.look = nn.Sequential(
            nn.Conv2d(pixels, width, 1), Block(width), Block(width),
            nn.Conv2d(width, 2 * width, 2, stride=2), Block(2 * width), Block(2 * width))
        self.shrink = Resample((side // 2, side // 2), config.grid)
        self.to_coarse = ToCodes(2 * width, codes)
        self._make_whole(width, codes)
        context = 2 * width if config.whole else 0
        self.from_coarse = nn.Conv2d(codes, 2 * width, 1)
        self.grow = Resample(config.grid, (side // 2, side // 2))
        self.place = nn.Parameter(0.1 * torch.randn(2 * width, side // 2, side // 2))
        self.draw_low = nn.ModuleList(Block(2 * width, context) for _ in range(3))
        self.enlarge = nn.Conv2d(2 * width, 4 * width, 1)
        self.draw_high = nn.ModuleList(Block(width, context) for _ in range(3))
        self.paint = Paint(width, context or 2 * width, _CELL)
        self._make_fine(width, pixels)

    def _make_whole(self, width, codes):
        config = self.config
        if config.whole:
            self.whole_quantizer = config.quantizer_of('whole')
            self.pool = Pool(2 * width, config.whole)
            self.to_whole = ToCodes(2 * width, codes, config.whole)
            self.from_whole = nn.Sequential(
                nn.Linear(config.whole * codes, 4 * width), nn.SiLU(),
                nn.Linear(4 * width, 2 * width), nn.SiLU())

    def _make_fine(self, width, pixels):
        config = self.config
        if config.fine:
            self.fine_quantizer = config.quantizer_of('fine')
            codes = self.fine_quantizer.width
            self.compare = nn.Sequential(nn.Conv2d(2 * pixels, width, 1), Block(width))
            # What is seen in a cell, what was drawn there, and both around it.
            self.look_closely = mlp((2 * pixels + width, _CLOSELY, _CLOSELY, width))
            self.to_fine = ToCodes(width, codes)
            self.correct = mlp((codes + width, _CLOSELY, _CLOSELY, width))

    def forward(self, frames) -> Reconstruction:
        """Return the reconstruction of ``frames`` [B, 3, S, S] with all that was used for it."""
        patches = functional.pixel_unshuffle(frames - 0.5, _CELL)
        seen = self.look(patches)
        coarse = self.coarse_quantizer(self.to_coarse(
            self.shrink(seen).flatten(2).transpose(1, 2)))
        none = coarse.indices[:, :0]
        whole, whole_codes, loss = none, None, coarse.loss
        if self.config.whole:
            found = self.whole_quantizer(self.to_whole(self.pool(seen)))
            whole, whole_codes, loss = found.indices, found.codes, loss + found.loss
        drawn, palette = self._draw(whole_codes, coarse.codes)
        rough = self.paint(drawn, palette)
        if not self.config.fine:
            return Reconstruction(_frames(rough), _frames(rough),
                                  FrameTokens(whole, coarse.indices, none, none), loss)
        cells = self._worst(patches, rough)
        fine = self.fine_quantizer(self.to_fine(self._close_up(patches, rough.detach(), cells)))
        final = self.paint(self._corrected(fine.codes, cells, drawn), palette)
        return Reconstruction(
            _frames(final), _frames(rough),
            FrameTokens(whole, coarse.indices, fine.indices, cells), loss + fine.loss)

    @torch.no_grad()
    def encode(self, frames) -> FrameTokens:
        """Return the tokens of ``frames`` [B, 3, S, S] in [0, 1]."""
        return self(frames).tokens

    @torch.no_grad()
    def decode(self, tokens: FrameTokens):
        """Return the frames [B, 3, S, S] in [0, 1] that ``tokens`` stand for."""
        whole = self.whole_quantizer.codes(tokens.whole) if self.config.whole else None
        drawn, palette = self._draw(whole, self.coarse_quantizer.codes(tokens.coarse))
        if self.config.fine:
            codes = self.fine_quantizer.codes(tokens.fine)
            drawn = self._corrected(codes, tokens.cells, drawn)
        return _frames(self.paint(drawn, palette)).clamp(0, 1)

    def _draw(self, whole, coarse):
        """Return features of all cells and the palette that codes [B, G, C], [B, N, C] make."""
        context = self.from_whole(whole.flatten(1)) if self.config.whole else None
        grid = coarse.transpose(1, 2).unflatten(2, self.config.grid)
        drawn = self.grow(self.from_coarse(grid)) + self.place
        for block in self.draw_low:
            drawn = block(drawn, context)
        palette = self.paint.palette(drawn.mean((2, 3)) if context is None else context)
        drawn = functional.pixel_shuffle(self.enlarge(drawn), 2)
        for block in self.draw_high:
            drawn = block(drawn, context)
        return drawn, palette

    def _worst(self, patches, rough):
        """Return the cells [B, k] in which the coarse picture errs most, in order of place."""
        error = (patches - rough).detach().square().sum(1).flatten(1)
        return error.topk(self.config.fine).indices.sort(-1).values

    def _close_up(self, patches, rough, cells):
        """Return features [B, k, C] of what ``cells`` look like, and how they were drawn."""
        both = torch.cat([patches, rough], 1)
        return self.look_closely(_pick(torch.cat([both, self.compare(both)], 1), cells))

    def _corrected(self, codes, cells, drawn):
        """Return the features of all cells, with what fine codes [B, k, C] change at ``cells``."""
        change = self.correct(torch.cat([codes, _pick(drawn, cells)], -1)).transpose(1, 2)
        places = cells[:, None].expand(-1, change.shape[1], -1)
        return drawn.flatten(2).scatter_add(2, places, change.to(drawn.dtype)).view_as(drawn)


def _frames(patches):
    return functional.pixel_shuffle(patches, _CELL) + 0.5


def _pick(features, cells):
    """Return the features [B, k, C] of ``cells`` [B, k] out of a map [B, C, h, w]."""
    flat = features.flatten(2).transpose(1, 2)
    return flat.gather(1, cells[..., None].expand(-1, -1, flat.shape[-1]))
