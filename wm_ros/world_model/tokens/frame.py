"""
Frames [B, 3, S, S] as discrete tokens: globals, a coarse grid, windows where both err.

The global tokens say what holds for the whole frame, its colours, one each, and the rest (light,
where the camera stands); the coarse grid says what is where.  Together they draw it.  The fine
tokens are those of small windows, put where this picture is most wrong: what is rare, small and
unexpected is where they are spent.  Their places are part of the code and count in the bits.
"""

from typing import NamedTuple, Optional

import torch
from torch import nn
from torch.nn import functional
from wm_ros.world_model.tokens.config import CELL, COMMITMENT, FrameConfig
from wm_ros.world_model.tokens.details import Details
from wm_ros.world_model.tokens.paint import Paint
from wm_ros.world_model.tokens.palette import Palette
from wm_ros.world_model.tokens.parts import Block, Pool, Resample, ToCodes


class FrameTokens(NamedTuple):
    """
    Indices of B frames.

    colours [B, K], whole [B, G], coarse [B, N], fovea [B, F], fine [B, 6 k], and places
    [B, 1 + k]: the fovea's first, if there is one.
    """

    colours: torch.Tensor
    whole: torch.Tensor
    coarse: torch.Tensor
    fovea: torch.Tensor
    fine: torch.Tensor
    places: torch.Tensor


class Reconstruction(NamedTuple):
    """
    Frames [B, 3, S, S], those without the fine tokens, tokens, the quantisers' loss.

    ``heed`` [B, S, S]: log odds that an object is there, None without fine tokens.
    """

    frames: torch.Tensor
    coarse: torch.Tensor
    tokens: FrameTokens
    loss: torch.Tensor
    heed: Optional[torch.Tensor] = None


class FrameTokenizer(nn.Module):
    """Frames in [0, 1] to tokens and back; without global and fine tokens it is a flat one."""

    def __init__(self, config: FrameConfig):
        super().__init__()
        self.config = config
        side = config.size // CELL
        width, pixels = config.width, 3 * CELL ** 2
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
        self.paint = Paint(width, context or 2 * width, CELL, config.colours)
        if config.windows:
            self.details = Details(config, self.paint.width)

    def _make_whole(self, width, codes):
        config = self.config
        if config.colours:
            self.palette = Palette(width, config.colours, CELL, config.kind_of('colours'),
                                   config.bits, COMMITMENT['colours'])
            self.sort = nn.Conv2d(config.colours * CELL ** 2, width, 1)
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
        seen = self.look(functional.pixel_unshuffle(frames - 0.5, CELL))
        seen, found, rarity = self._coloured(seen, frames - 0.5)
        found.update(self._understood(self.see(seen)))
        colours = self.palette.colours(found['colours'].codes) if 'colours' in found else None
        whole = found['whole'].codes if 'whole' in found else None
        rough, palette = self._draw(colours, whole, found['coarse'].codes)
        final, heed = rough, None
        indices = {level: part.indices for level, part in found.items()}
        loss = sum(part.loss for part in found.values())
        if self.config.windows:
            details = self.details(seen, frames - 0.5, rough - 0.5, rarity, palette)
            final, heed, loss = details.frames + 0.5, details.heed, loss + details.loss
            indices.update(details.indices)
        none = indices['coarse'][:, :0]
        return Reconstruction(final, rough, FrameTokens(*(
            indices.get(name, none) for name in FrameTokens._fields)), loss, heed)

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
        if self.config.windows:
            made = self.details.draw(made - 0.5, tokens, palette) + 0.5
        return made.clamp(0, 1)

    def codes(self, level: str) -> int:
        """Return how many codes a level's tokens have to choose from."""
        if level == 'colours':
            return self.palette.quantizer.size
        if level in ('fovea', 'fine'):
            return self.details.quantizers[level].size
        return getattr(self, f'{level}_quantizer').size

    def _coloured(self, seen, frames):
        """Return what is seen [B, W, s, s], told which colour is where, and how rare that is."""
        if not self.config.colours:
            return seen, {}, 1.0
        found = self.palette(seen, frames)
        alike = self.palette.likeness(frames, self.palette.colours(found.codes).detach())
        return (seen + self.sort(functional.pixel_unshuffle(alike, CELL)), {'colours': found},
                self.palette.rarity(alike))

    def _understood(self, seen):
        """Return the Quantized coarse and whole tokens of what is seen [B, 2 W, s / 2, s / 2]."""
        found = {'coarse': self.coarse_quantizer(self.to_coarse(
            self.shrink(seen).flatten(2).transpose(1, 2)))}
        if self.config.whole:
            found['whole'] = self.whole_quantizer(self.to_whole(self.pool(seen)))
        return found

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
    return functional.pixel_shuffle(patches, CELL) + 0.5
