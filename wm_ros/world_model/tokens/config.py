"""What a frame tokenizer is made of: tokens of each level, codes, bits."""

from dataclasses import asdict, dataclass
import math
from typing import Tuple

from torch import nn
from wm_ros.world_model.tokens.glimpse import Windows
from wm_ros.world_model.tokens.quantize import LEVELS, make_quantizer

#: [px] edge of the cells that are drawn together.
CELL = 4
#: Tokens of a glimpse.
EACH = 6
#: Of a codebook's members to it, by level: about a 200th of the weight that the squared error of
#: what they draw has in the loss.  With more, features keep to the codes that there are.
COMMITMENT = {'colours': 0.02, 'whole': 0.03, 'coarse': 0.03, 'fovea': 0.01, 'fine': 0.0015}
_MOST = 11              # glimpses: more may find no place beside the fovea


@dataclass(frozen=True)
class FrameConfig:
    """What a frame tokenizer is made of; raises ValueError for what makes no sense."""

    size: int = 64              # [px] edge of the frames
    quantizer: str = 'mixed'    # 'fsq', 'vq', or mixed: vq for colours, fovea and glimpses
    colours: int = 12           # global tokens that are a colour each; 0: none
    whole: int = 4              # other global tokens; 0: none
    coarse: int = 28            # tokens of a grid over the frame
    fovea: int = 18             # tokens of the window that matters most; 0: none
    fine: int = 18              # tokens of other glimpses, a multiple of 6; 0: none
    bits: int = 11              # of the code of a token of the whole frame
    window_bits: int = 12       # and of one of the fovea or a glimpse
    width: int = 48             # channels, a multiple of 8

    def __post_init__(self):
        if self.size % 32 or not 32 <= self.size <= 1024:
            raise ValueError(f'size: got {self.size}, expected a multiple of 32 up to 1024')
        cells = (self.size // CELL) ** 2
        for name, least, most in (('colours', 0, 64), ('whole', 0, 1024), ('coarse', 1, cells),
                                  ('fovea', 0, 1024)):
            if not least <= getattr(self, name) <= most:
                raise ValueError(f'{name}: got {getattr(self, name)}, expected {least} to {most}')
        if self.fine % EACH or not 0 <= self.glimpses <= _MOST:
            raise ValueError(f'fine: got {self.fine}, expected a multiple of {EACH} up to '
                             f'{EACH * _MOST}')
        if self.quantizer not in ('fsq', 'vq', 'mixed'):
            raise ValueError(f'quantizer: got {self.quantizer!r}, expected fsq, vq or mixed')
        if not {self.bits, self.window_bits} <= set(LEVELS):
            raise ValueError(f'bits, window_bits: got {self.bits}, {self.window_bits}, expected '
                             f'each to be one of {", ".join(map(str, LEVELS))}')
        if self.width < 8 or self.width % 8:
            raise ValueError(f'width: got {self.width}, expected a multiple of 8')

    @property
    def glimpses(self) -> int:
        """Return the number of glimpses beside the fovea."""
        return self.fine // EACH

    @property
    def windows(self) -> int:
        """Return the number of windows: the fovea, if any, and the glimpses."""
        return self.glimpses + bool(self.fovea)

    @property
    def places(self) -> int:
        """Return how many places a window may have."""
        return Windows(self.size).rows ** 2

    def by_level(self, places) -> dict:
        """Return {level: its places [B, k]} of places [B, windows], levels that there are."""
        first = int(bool(self.fovea))
        parts = {'fovea': places[:, :first], 'fine': places[:, first:]}
        return {level: part for level, part in parts.items() if getattr(self, level)}

    @property
    def tokens(self) -> int:
        """Return the number of tokens of a frame."""
        return self.colours + self.whole + self.coarse + self.fovea + self.fine

    @property
    def grid(self) -> Tuple[int, int]:
        """Return rows and columns of the coarse tokens, as square as their number allows."""
        rows = next(n for n in range(math.isqrt(self.coarse), 0, -1) if self.coarse % n == 0)
        return rows, self.coarse // rows

    def quantizer_of(self, level: str) -> nn.Module:
        """
        Return a new quantiser for 'whole', 'coarse', 'fovea' or 'fine' tokens.

        FSQ needs no care and uses its codes evenly; but windows, which are small pictures of
        their own, are told apart better by a codebook's many directions.  Colours have one too.
        """
        bits = self.window_bits if level in ('fovea', 'fine') else self.bits
        return make_quantizer(self.kind_of(level), bits, COMMITMENT[level])

    def kind_of(self, level: str) -> str:
        """Return the kind of quantiser of a level's tokens, fsq or vq."""
        if self.quantizer != 'mixed':
            return self.quantizer
        return 'fsq' if level in ('whole', 'coarse') else 'vq'

    @property
    def frame_bits(self) -> float:
        """Return the bits of one frame: codes, the fovea's place, the set of the glimpses'."""
        places = math.log2(math.comb(self.places, self.glimpses))
        if self.fovea:
            places += math.log2(self.places)
        windows = self.fovea + self.fine
        return (self.bits * (self.tokens - windows) + self.window_bits * windows
                + math.ceil(places))

    @property
    def compression(self) -> float:
        """Return how many times smaller than 8 bit RGB a frame becomes."""
        return 24 * self.size ** 2 / self.frame_bits

    def to_dict(self) -> dict:
        """Return it as plain data, for checkpoints."""
        return asdict(self)
