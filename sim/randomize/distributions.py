"""Distributions that numbers are drawn from, by the name that files give them."""

from dataclasses import dataclass
import math
import re
from statistics import NormalDist
from typing import Tuple

import numpy as np
from wm_ros.types import WmRosError

_EXPONENT = re.compile(r'[-+]?[0-9.]+[eE][-+]?[0-9]+')
_WIDEST = 3.0           # standard deviations that a normal is cut off at


@dataclass(frozen=True)
class Distribution:
    """
    ``kind`` with its ``numbers``; ``low`` and ``high`` are the least and greatest drawn.

    uniform and log_uniform: least, greatest, and again where there are several ranges; normal:
    mean, standard deviation, cut off at three; choice: what is chosen from; value: always that,
    one number or as many as there are.
    """

    kind: str
    numbers: Tuple[float, ...]

    @property
    def low(self) -> float:
        """Return the least."""
        if self.kind == 'normal':
            return self.numbers[0] - _WIDEST * self.numbers[1]
        return min(self.numbers)

    @property
    def high(self) -> float:
        """Return the greatest."""
        if self.kind == 'normal':
            return self.numbers[0] + _WIDEST * self.numbers[1]
        return max(self.numbers)

    def draw(self, rng: np.random.Generator, count: int) -> np.ndarray:
        """Return ``count`` numbers."""
        if self.kind == 'uniform':
            return _spread(rng, self.numbers, count)
        if self.kind == 'log_uniform':
            return np.exp(_spread(rng, np.log(self.numbers), count))
        if self.kind == 'normal':
            mean, width = self.numbers
            return mean + width * np.clip(rng.normal(size=count), -_WIDEST, _WIDEST)
        if self.kind == 'choice':
            return rng.choice(self.numbers, count)
        if len(self.numbers) not in (1, count):
            expected = '1' if count == 1 else f'1 or {count}'
            raise WmRosError(f'value: got {len(self.numbers)} numbers, expected {expected}')
        return np.broadcast_to(self.numbers, (count,))

    def at(self, shares) -> np.ndarray:
        """Return the numbers [N] below which ``shares`` [N], from 0 to 1, of what is drawn lie."""
        shares = np.asarray(shares, dtype=float)
        if self.kind == 'value':
            return np.broadcast_to(self.numbers, shares.shape)
        if self.kind == 'choice':
            return _nth(shares, np.array(self.numbers))
        if self.kind == 'normal':
            mean, width = self.numbers
            inside = np.clip(shares, 1e-9, 1.0 - 1e-9)
            return mean + width * np.clip([NormalDist().inv_cdf(share) for share in inside],
                                          -_WIDEST, _WIDEST)
        if self.kind == 'log_uniform':
            return np.exp(_along(shares, np.log(self.numbers)))
        return _along(shares, np.array(self.numbers))

    def __str__(self):
        return f'{self.kind} {", ".join(f"{number:g}" for number in self.numbers)}'


def _spread(rng, ends, count):
    """Return numbers that fill all ranges alike, ``ends`` being least, greatest, least, ..."""
    low, high = np.reshape(ends, (-1, 2)).T
    lengths = high - low
    if not lengths.sum():
        return rng.choice(low, count)
    which = rng.choice(len(low), count, p=lengths / lengths.sum())
    return rng.uniform(low[which], high[which])


def _along(shares, ends):
    """Return what lies so far along all ranges together."""
    low, high = ends.reshape(-1, 2).T
    after = np.cumsum(high - low)
    if not after[-1]:
        return _nth(shares, low)
    before = after - (high - low)
    return np.interp(shares * after[-1], np.stack([before, after], 1).ravel(), ends)


def _nth(shares, numbers):
    return numbers[np.minimum(shares * len(numbers), len(numbers) - 1).astype(int)]


KINDS = ('uniform', 'log_uniform', 'normal', 'choice', 'value')


def distribution_of(told: dict) -> Distribution:
    """Return the one distribution that ``told`` {kind: numbers} names; ValueError otherwise."""
    if len(told) != 1 or next(iter(told)) not in KINDS:
        raise ValueError(f'distribution: got {", ".join(map(str, told)) or "none"}, expected one '
                         f'of {", ".join(KINDS)}')
    (kind, numbers), = told.items()
    if not isinstance(numbers, list):
        numbers = [numbers]
    for text in numbers:
        if isinstance(text, str) and _EXPONENT.fullmatch(text):
            raise ValueError(f'{kind}: got the text {text}, expected a number: YAML wants a point '
                             f'and a sign, such as 1.0e-3')
    if not numbers or not all(type(x) in (int, float) and math.isfinite(x) for x in numbers):
        raise ValueError(f'{kind}: got {numbers!r}, expected finite numbers')
    numbers = tuple(map(float, numbers))
    ranges = kind in ('uniform', 'log_uniform')
    if ranges and len(numbers) % 2 or kind == 'normal' and len(numbers) != 2:
        raise ValueError(f'{kind}: got {len(numbers)} numbers, expected 2'
                         + ', or 2 of each range' * ranges)
    if ranges and any(low > high for low, high in zip(numbers[::2], numbers[1::2])):
        raise ValueError(f'{kind}: got {", ".join(f"{x:g}" for x in numbers)}, expected the least '
                         'of each range first')
    if kind == 'log_uniform' and min(numbers) <= 0:
        raise ValueError(f'{kind}: got {numbers[0]:g}, expected above 0')
    if kind == 'normal' and numbers[1] < 0:
        raise ValueError(f'{kind}: got a standard deviation of {numbers[1]:g}, expected at least '
                         '0')
    return Distribution(kind, numbers)
