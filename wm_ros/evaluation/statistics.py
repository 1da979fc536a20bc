"""Percentiles, and intervals for success rates and for paired differences."""

import math
from typing import Sequence, Tuple

import numpy as np


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


def paired(first, second, seed: int = 0, draws: int = 10000) -> Tuple[float, float, float]:
    """
    Return the mean difference of pairs and its 95 % interval (bootstrap, percentile).

    ``first``, ``second``: figures of the same episodes, in the same order.
    """
    if len(first) != len(second) or not len(first):
        raise ValueError(f'{len(first)} and {len(second)} figures, expected pairs')
    difference = np.asarray(first, dtype=float) - np.asarray(second, dtype=float)
    rng = np.random.default_rng(seed)
    index = rng.integers(len(difference), size=(draws, len(difference)))
    means = difference[index].mean(1)
    low, high = np.quantile(means, [0.025, 0.975])
    return float(difference.mean()), float(low), float(high)
