"""Percentiles, and intervals for success rates and for paired differences."""

import math
from typing import Sequence, Tuple

import numpy as np

_HALVINGS, _TINY = 60, 1e-12


def percentiles(values: Sequence[float], shares: Sequence[float] = (50, 99)
                ) -> Tuple[float, ...]:
    """Return the value that each of ``shares`` (0 to 100) does not exceed; NaN for no values."""
    if not len(values):
        return (math.nan,) * len(shares)
    return tuple(float(value) for value in np.percentile(values, shares))


def wilson(successes: int, trials: int, z: float = 1.959964) -> Tuple[float, float]:
    """Return the 95 % interval of a rate (Wilson 1927); (0, 1) for no trials."""
    if trials == 0:
        return 0.0, 1.0
    p, n = successes / trials, trials
    middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return max(0.0, middle - half), min(1.0, middle + half)


def paired(first, second) -> Tuple[float, float, float]:
    """
    Return the mean difference of pairs and its 95 % interval (Student 1908).

    ``first``, ``second``: figures of the same episodes, in the same order.  One pair alone says
    nothing of how far others are from it: its interval is infinite.
    """
    first, second = _pairs(first, second)
    difference = first - second
    mean, count = float(difference.mean()), len(difference)
    if count == 1:
        return mean, -math.inf, math.inf
    half = _student(count - 1) * float(difference.std(ddof=1)) / math.sqrt(count)
    return mean, mean - half, mean + half


def _student(freedom: int) -> float:
    """Return Student's t that 97.5 % do not exceed, within 0.2 %."""
    if freedom == 1:
        return math.tan(math.pi * 0.475)
    if freedom == 2:
        return 0.95 / math.sqrt(2 * 0.975 * 0.025)
    # Abramowitz and Stegun 1964, 26.7.5.
    z, terms = 1.959964, (
        ((1, 1), 4), ((5, 16, 3), 96), ((3, 19, 17, -15), 384),
        ((79, 776, 1482, -1920, -945), 92160))
    return z + sum(z * sum(factor * z ** (2 * (len(factors) - 1 - i))
                           for i, factor in enumerate(factors)) / (below * freedom ** power)
                   for power, (factors, below) in enumerate(terms, 1))


def paired_shares(first, second, z: float = 1.959964) -> Tuple[float, float, float]:
    """
    Return the difference of two shares of the same episodes and its 95 % interval.

    ``first``, ``second``: 1 or 0 for each, in the same order.  By scores (Tango 1998): pairs
    that all agree leave some doubt, the less the more they are; resampling them would leave none.
    """
    first, second = _pairs(first, second)
    if not np.isin((first, second), (0.0, 1.0)).all():
        raise ValueError('paired shares: expected 1 or 0 for each episode')
    pairs, gained, lost = len(first), int((first > second).sum()), int((second > first).sum())

    def bound(level):
        """Return the difference whose score is ``level``; scores fall as differences rise."""
        low, high = -1.0, 1.0
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            above = _score(middle, pairs, gained, lost) > level
            low, high = (middle, high) if above else (low, middle)
        return (low + high) / 2
    return (gained - lost) / pairs, bound(z), bound(-z)


def _score(difference, pairs, gained, lost) -> float:
    """Return by how many standard deviations the pairs are above a ``difference`` of shares."""
    slope = (2 * pairs - gained + lost) * difference - gained - lost
    spread = difference * (1.0 - difference)
    # The likeliest share of the pairs that were lost, if the difference were that.
    root = math.sqrt(max(0.0, slope ** 2 + 8 * pairs * lost * spread))
    worst = (root - slope) / (4 * pairs)
    variance = pairs * (2 * worst + spread)
    return (gained - lost - pairs * difference) / math.sqrt(max(variance, _TINY))


def paired_ratio(first, second, seed: int = 0, draws: int = 10000) -> Tuple[float, float, float]:
    """
    Return the ratio of the sums of pairs and its 95 % interval (bootstrap, percentile).

    ``first``, ``second``: figures of the same episodes, none negative.  What is divided by 0 is
    infinite, 0 by 0 is NaN; resamples that are 0 by 0 say nothing and are left out.
    """
    first, second = _pairs(first, second)
    index = _resampled(len(first), seed, draws)
    with np.errstate(divide='ignore', invalid='ignore'):
        ratio = first.sum() / second.sum()
        ratios = first[index].sum(1) / second[index].sum(1)
    ratios = ratios[~np.isnan(ratios)]
    if not len(ratios):
        return (math.nan,) * 3
    # Some may be infinite, between which and a number there is nothing.
    low, high = np.quantile(ratios, [0.025, 0.975], method='inverted_cdf')
    return float(ratio), float(low), float(high)


def rank_correlation(first, second) -> float:
    """Return Spearman's rank correlation; 0 where one of both is always the same."""
    first, second = (_ranks(values) for values in _pairs(first, second))
    spread = first.std() * second.std()
    if not spread:
        return 0.0
    return float(((first - first.mean()) * (second - second.mean())).mean() / spread)


def _pairs(first, second):
    if len(first) != len(second) or not len(first):
        raise ValueError(f'{len(first)} and {len(second)} figures, expected pairs')
    return np.asarray(first, dtype=float), np.asarray(second, dtype=float)


def _resampled(count, seed, draws):
    """Return the pairs of each draw [draws, count], by number."""
    return np.random.default_rng(seed).integers(count, size=(draws, count))


def _ranks(values):
    """Return the rank of each value, the mean of them for equal ones."""
    _, which, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[which]
