"""What of all that was drawn success depends on: its rate by each factor, in bins of it."""

from typing import Any, Dict, List, Mapping, Sequence

import numpy as np
from wm_ros.evaluation.statistics import rank_correlation, wilson

_BINS = 5           # of a factor, at most
_LEAST = 10         # episodes that a bin shall have, where there are enough for two such
_SHUFFLES = 1000


def sensitivity(drawn: Sequence[Mapping[str, float]], successes: Sequence[bool],
                times: Sequence[float], seed: int = 0) -> List[Dict[str, Any]]:
    """
    Return a row for each factor that varies, the one that explains most first.

    ``drawn`` is {factor: number} of each episode, ``times`` [s] are those to the goal.  A row
    has ``explained``, the share of the variance of success that the bins explain (the
    correlation ratio, less what bins explain by chance: Kelley 1935), ``chance``, the share of
    shuffled successes of which they explain as much, ``time_correlation`` (Spearman's), and
    ``bins`` with least and greatest value, episodes, success rate and its 95 % interval.
    """
    outcome, times = np.array(successes, dtype=float), np.array(times, dtype=float)
    rng = np.random.default_rng(seed)
    rows = []
    for factor in dict.fromkeys(name for numbers in drawn for name in numbers):
        there = np.array([factor in numbers for numbers in drawn])
        values = np.array([numbers[factor] for numbers in drawn if factor in numbers])
        if np.ptp(values) > 0:
            rows.append({'factor': factor, **_row(values, outcome[there], times[there], rng)})
    return sorted(rows, key=lambda row: (-row['explained'], row['chance'],
                                         -abs(row['time_correlation'])))


def _row(values, outcome, times, rng):
    which = _bins(values)
    return {'explained': _explained(which, outcome), 'chance': _chance(which, outcome, rng),
            'time_correlation': rank_correlation(values, times),
            'bins': [_bin(values[which == number], outcome[which == number])
                     for number in range(which.max() + 1)]}


def _bins(values) -> np.ndarray:
    """Return the number of the bin of each value: quantiles, or one for each of few values."""
    unique = np.unique(values)
    count = min(_BINS, max(2, len(values) // _LEAST))
    edges = unique[1:] if len(unique) <= count else np.unique(
        np.quantile(values, np.linspace(0, 1, count + 1)[1:-1]))
    edges = edges[edges > unique[0]] if edges[-1] > unique[0] else unique[1:2]
    return np.searchsorted(edges, values, side='right')


def _bin(values, outcome):
    successes = int(outcome.sum())
    return {'low': float(values.min()), 'high': float(values.max()), 'episodes': len(values),
            'success_rate': successes / len(values),
            'success_ci95': list(wilson(successes, len(values)))}


def _between(which, outcomes) -> np.ndarray:
    """Return the squared deviations of the bins' means, summed over episodes; [..., N]."""
    members = which[:, None] == np.arange(which.max() + 1)
    counts = members.sum(0)
    means = outcomes @ members / counts
    return (counts * (means - outcomes.mean(-1, keepdims=True)) ** 2).sum(-1)


def _explained(which, outcome) -> float:
    total = float(((outcome - outcome.mean()) ** 2).sum())
    spare = len(outcome) - int(which.max()) - 1
    if not total or not spare:
        return 0.0
    within = 1.0 - float(_between(which, outcome)) / total
    return max(0.0, 1.0 - within * (len(outcome) - 1) / spare)


def _chance(which, outcome, rng) -> float:
    """Return the p-value of a permutation test, this order of successes counted among them."""
    shuffled = rng.permuted(np.tile(outcome, (_SHUFFLES, 1)), axis=1)
    as_much = _between(which, shuffled) >= _between(which, outcome) - 1e-9
    return float((1 + as_much.sum()) / (1 + _SHUFFLES))
