"""
Frames [B, 3, S, S] as discrete tokens: globals, a coarse grid, glimpses where both err.

The global tokens say what holds for the whole frame, its colours, one each, and the rest (light,
where the camera stands); the coarse grid says what is where.  Together they draw it.  The fine
tokens are those of glimpses, small windows put where this picture is most wrong: what is rare,
small and unexpected is where they are spent.  Their places are part of the code and count in
the bits.
"""

from dataclasses import asdict, dataclass
import math
from typing import NamedTuple, Tuple

import torch
from torch import nn
from torch.nn import functional
from wm_ros.world_model.tokens.glimpse import EACH, Glimpses, ROWS
from wm_ros.world_model.tokens.paint import Paint
from wm_ros.world_model.tokens.palette import Palette
from wm_ros.world_model.tokens.parts import Block, Pool, Resample, ToCodes
from wm_ros.world_model.tokens.quantize import LEVELS, make_quantizer

_CELL = 4               # [px] edge of the cells that are drawn together
_MOST = 12              # glimpses: more may find no place


@dataclass(frozen=True)
class FrameConfig:
    """What a frame tokenizer is made of; raises ValueError for what makes no sense."""

    size: int = 64              # [px] edge of the frames
    quantizer: str = 'mixed'    # 'fsq', 'vq', or mixed: vq for the glimpses
    colours: int = 12           # global tokens that are a colour each; 0: none
    whole: int = 4              # other global tokens; 0: none
    coarse: int = 28            # tokens of a grid over the frame
    fine: int = 36              # tokens of glimpses, a multiple of 6; 0: none
    bits: int = 11              # of each token's code
    width: int = 48             # channels, a multiple of 8

    def __post_init__(self):
        if self.size % 32 or not 32 <= self.size <= 1024:
            raise ValueError(f'size: got {self.size}, expected a multiple of 32 up to 1024')
        if not (0 <= self.colours <= 64 and 0 <= self.whole <= 1024
                and 1 <= self.coarse <= (self.size // _CELL) ** 2):
            raise ValueError(f'colours, whole, coarse: got {self.colours}, {self.whole}, '
                             f'{self.coarse}, expected at least 0, 0 and 1, and at most 64, 1024 '
                             f'and {(self.size // _CELL) ** 2}')
        if self.fine % EACH or not 0 <= self.glimpses <= _MOST:
            raise ValueError(f'fine: got {self.fine}, expected a multiple of {EACH} up to '
                             f'{EACH * _MOST}')
        if self.quantizer not in ('fsq', 'vq', 'mixed') or self.bits not in LEVELS:
            raise ValueError(f'quantizer, bits: got {self.quantizer!r}, {self.bits}, expected '
                             f'fsq, vq or mixed, and one of {", ".join(map(str, LEVELS))}')
        if self.width < 8 or self.width % 8:
            raise ValueError(f'width: got {self.width}, expected a multiple of 8')

    @property
    def glimpses(self) -> int:
        """Return the number of glimpses."""
        return self.fine // EACH

    @property
    def places(self) -> int:
        """Return how many places a glimpse may have."""
        return ROWS ** 2

    @property
    def tokens(self) -> int:
        """Return the number of tokens of a frame."""
        return self.colours + self.whole + self.coarse + self.fine

    @property
    def grid(self) -> Tuple[int, int]:
        """Return rows and columns of the coarse tokens, as square as their number allows."""
        rows = next(n for n in range(math.isqrt(self.coarse), 0, -1) if self.coarse % n == 0)
        return rows, self.coarse // rows

    def quantizer_of(self, level: str) -> nn.Module:
        """
        Return a new quantiser for 'whole', 'coarse' or 'fine' tokens.

        FSQ needs no care and uses its codes evenly; but glimpses, which are small pictures of
        their own, are told apart better by a codebook's many directions.  Colours have one too.
        """
        return make_quantizer(self.kind_of(level), self.bits)

    def kind_of(self, level: str) -> str:
        """Return the kind of quantiser of a level's tokens, fsq or vq."""
        if self.quantizer != 'mixed':
            return self.quantizer
        return 'vq' if level in ('fine', 'colours') else 'fsq'

    @property
    def frame_bits(self) -> float:
        """Return the bits of one frame: codes, and the set of the glimpses' places."""
        places = math.log2(math.comb(self.places, self.glimpses))
        return self.bits * self.tokens + math.ceil(places)

    @property
    def compression(self) -> float:
        """Return how many times smaller than 8 bit RGB a frame becomes."""
        return 24 * self.size ** 2 / self.frame_bits

    def to_dict(self) -> dict:
        """Return it as plain data, for checkpoints."""
        return asdict(self)


class FrameTokens(NamedTuple):
    """
    Indices of B frames.

    colours [B, K], whole [B, G], coarse [B, N], fine [B, 6 k], and places [B, k].
    """

    colours: torch.Tensor
    whole: torch.Tensor
    coarse: torch.Tensor
    fine: torch.Tensor
    places: torch.Tensor


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
        self.look = nn.Sequential(nn.Conv2d(pixels, width, 1), Block(width))
        self.see = nn.Sequential(
            Block(width), nn.Conv2d(width, 2 * width, 2, stride=2), Block(2 * width),
            Block(2 * width))
        self.shrink = Resample((side // 2, side // 2), config.grid)
        self.to_coarse = ToCodes(2 * width, codes, config.coarse)
        self._make_whole(width, codes)
        context = 2 * width if config.whole + config.colours else 0
        self.from_coarse = nn.Conv2d(codes, 2 * width, 1)
        self.grow = Resample(config.grid, (side // 2, side // 2))
        self.place = nn.Parameter(0.1 * torch.randn(2 * width, side // 2, side // 2))
        self.draw_low = nn.ModuleList(Block(2 * width, context) for _ in range(3))
        self.enlarge = nn.Conv2d(2 * width, 4 * width, 1)
        self.draw_high = nn.ModuleList(Block(width, context) for _ in range(3))
        self.paint = Paint(width, context or 2 * width, _CELL, config.colours)
        if config.fine:
            self.fine_quantizer = config.quantizer_of('fine')
            self.glimpses = Glimpses(config.size, self.fine_quantizer.width, self.paint.width)

    def _make_whole(self, width, codes):
        config = self.config
        if config.colours:
            self.palette = Palette(width, config.colours, _CELL, config.kind_of('colours'),
                                   config.bits)
            self.sort = nn.Conv2d(config.colours * _CELL ** 2, width, 1)
        if config.whole:
            self.whole_quantizer = config.quantizer_of('whole')
            self.pool = Pool(2 * width, config.whole)
            self.to_whole = ToCodes(2 * width, codes, config.whole, apart=True)
        if config.whole + config.colours:
            self.from_whole = nn.Sequential(
                nn.Linear(config.whole * codes + 3 * config.colours, 4 * width), nn.SiLU(),
                nn.Linear(4 * width, 2 * width), nn.SiLU())

    def forward(self, frames) -> Reconstruction:
        """Return the reconstruction of ``frames`` [B, 3, S, S] with all that was used for it."""
        seen = self.look(functional.pixel_unshuffle(frames - 0.5, _CELL))
        indices, loss = {}, 0.0
        colours = whole = None
        rarity = 1.0
        if self.config.colours:
            found = self.palette(seen, frames - 0.5)
            colours, indices['colours'] = self.palette.colours(found.codes), found.indices
            alike = self.palette.likeness(frames - 0.5, colours.detach())
            seen, loss = seen + self.sort(functional.pixel_unshuffle(alike, _CELL)), found.loss
            rarity = self.palette.rarity(alike)
        seen = self.see(seen)
        coarse = self.coarse_quantizer(self.to_coarse(
            self.shrink(seen).flatten(2).transpose(1, 2)))
        indices['coarse'], loss = coarse.indices, loss + coarse.loss
        if self.config.whole:
            found = self.whole_quantizer(self.to_whole(self.pool(seen)))
            whole, indices['whole'], loss = found.codes, found.indices, loss + found.loss
        rough, palette = self._draw(colours, whole, coarse.codes)
        final = rough
        if self.config.fine:
            places = self.glimpses.places((frames - rough).square().sum(1) * rarity,
                                          self.config.glimpses)
            fine = self.fine_quantizer(self.glimpses.features(
                frames - 0.5, rough.detach() - 0.5, places))
            final = self.glimpses.paint(rough - 0.5, fine.codes, places, palette) + 0.5
            indices.update(fine=fine.indices, places=places)
            loss = loss + fine.loss
        none = coarse.indices[:, :0]
        return Reconstruction(final, rough, FrameTokens(*(
            indices.get(name, none) for name in FrameTokens._fields)), loss)

    @torch.no_grad()
    def encode(self, frames) -> FrameTokens:
        """Return the tokens of ``frames`` [B, 3, S, S] in [0, 1]."""
        return self(frames).tokens

    @torch.no_grad()
    def decode(self, tokens: FrameTokens):
        """Return the frames [B, 3, S, S] in [0, 1] that ``tokens`` stand for."""
        colours = whole = None
        if self.config.colours:
            colours = self.palette.colours(self.palette.quantizer.codes(tokens.colours))
        if self.config.whole:
            whole = self.whole_quantizer.codes(tokens.whole)
        made, palette = self._draw(colours, whole, self.coarse_quantizer.codes(tokens.coarse))
        if self.config.fine:
            codes = self.fine_quantizer.codes(tokens.fine)
            made = self.glimpses.paint(made - 0.5, codes, tokens.places, palette) + 0.5
        return made.clamp(0, 1)

    def codes(self, level: str) -> int:
        """Return how many codes a level's tokens have to choose from."""
        if level == 'colours':
            return self.palette.quantizer.size
        return getattr(self, f'{level}_quantizer').size

    def _draw(self, colours, whole, coarse):
        """Return the rough frames and the palette of colours [B, K, 3] and codes [B, N, C]."""
        told = [part.flatten(1) for part in (whole, colours) if part is not None]
        context = self.from_whole(torch.cat(told, 1)) if told else None
        grid = coarse.transpose(1, 2).unflatten(2, self.config.grid)
        drawn = self.grow(self.from_coarse(grid)) + self.place
        for block in self.draw_low:
            drawn = block(drawn, context)
        palette = self.paint.palette(drawn.mean((2, 3)) if context is None else context, colours)
        drawn = functional.pixel_shuffle(self.enlarge(drawn), 2)
        for block in self.draw_high:
            drawn = block(drawn, context)
        return _frames(self.paint(drawn, palette)), palette


def _frames(patches):
    return functional.pixel_shuffle(patches, _CELL) + 0.5
