"""Intervals, against published values and exact enumeration."""

import numpy as np
import pytest
from wm_ros.evaluation.statistics import (
    paired, paired_ratio, paired_shares, percentiles, rank_correlation, wilson)

# Extra hours of sleep under two drugs (Cushny & Peebles 1905, Student 1908).
SLEEP = ((1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4),
         (0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0))


@pytest.mark.parametrize('successes, trials, low, high', [
    (81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611),
    (1, 29, 0.0061, 0.1718)])
def test_wilson_interval_is_the_published_one(successes, trials, low, high):
    """Newcombe 1998, table I, method 3."""
    assert wilson(successes, trials) == pytest.approx((low, high), abs=6e-5)


def test_wilson_treats_success_and_failure_alike():
    for successes in range(21):
        low, high = wilson(successes, 20)
        assert wilson(20 - successes, 20) == pytest.approx((1 - high, 1 - low), abs=1e-12)


def test_wilson_holds_the_rate_and_stays_within_0_and_1():
    for trials in (1, 2, 10, 1000):
        for successes in range(trials + 1):
            low, high = wilson(successes, trials)
            assert 0.0 <= low < high <= 1.0
            assert low - 1e-12 <= successes / trials <= high + 1e-12


def test_no_trials_say_nothing():
    assert wilson(0, 0) == (0.0, 1.0)


def test_paired_interval_is_the_published_one():
    """Hours of sleep by two drugs, as Student had them in 1908."""
    assert paired(*SLEEP) == pytest.approx((1.58, 0.70, 2.46), abs=5e-3)


@pytest.mark.parametrize('pairs', [2, 3, 4, 6, 20])
def test_paired_interval_holds_the_truth_as_often_as_it_says(pairs):
    rng = np.random.default_rng(pairs)
    inside = [low <= 0.0 <= high for _, low, high in (
        paired(row, np.zeros(pairs)) for row in rng.normal(size=(4000, pairs)))]
    assert 0.94 < np.mean(inside) < 0.96


def test_one_pair_leaves_every_doubt():
    assert paired([3.0], [1.0]) == (2.0, -np.inf, np.inf)


def test_paired_interval_of_many_pairs_is_the_normal_one():
    rng = np.random.default_rng(1)
    second = rng.normal(size=2000) * 5.0    # what the pairs share must not widen it
    difference = 0.3 + 0.2 * rng.normal(size=2000)
    mean, low, high = paired(second + difference, second)
    half = 1.96 * difference.std(ddof=1) / np.sqrt(2000)
    assert mean == pytest.approx(difference.mean())
    assert (low, high) == pytest.approx((mean - half, mean + half), abs=0.05 * half)


def test_paired_turns_around_with_its_arguments():
    mean, low, high = paired(*SLEEP)
    turned = paired(*SLEEP[::-1])
    assert turned == pytest.approx((-mean, -high, -low))


def test_paired_differences_that_are_equal_leave_no_doubt():
    assert paired([3.0, 4.0], [1.0, 2.0]) == (2.0, 2.0, 2.0)


def _outcomes(both, first, second, neither):
    """Return outcomes of pairs of which so many succeeded both, in the first only, and so on."""
    pairs = both * [(1, 1)] + first * [(1, 0)] + second * [(0, 1)] + neither * [(0, 0)]
    return zip(*pairs)


def test_paired_shares_interval_is_the_published_one():
    """Approval of a prime minister, asked twice (Agresti 2002, section 10.1)."""
    mean, low, high = paired_shares(*_outcomes(794, 150, 86, 570))
    assert mean == pytest.approx(0.04)
    assert (low, high) == pytest.approx((0.0213, 0.0587), abs=3e-4)
    turned = paired_shares(*_outcomes(794, 86, 150, 570))
    assert turned == pytest.approx((-mean, -high, -low))


def test_paired_shares_that_always_agree_leave_some_doubt():
    """As zero of 1,000 do: less than in a hundred, more than in ten thousand."""
    mean, low, high = paired_shares([1] * 1000, [1] * 1000)
    assert mean == 0.0 and low == pytest.approx(-high)
    assert high == pytest.approx(1.96 ** 2 / (1000 + 1.96 ** 2), rel=1e-3)
    assert paired_shares([1] * 100, [1] * 100)[2] > 5 * high
    mean, low, high = paired_shares([1] * 3, [0] * 3)
    assert mean == 1.0 and -1.0 < low < high <= 1.0


@pytest.mark.parametrize('gained, lost', [(0.0, 0.01), (0.01, 0.02), (0.1, 0.3)])
def test_paired_shares_hold_the_truth_as_often_as_they_say(gained, lost):
    rng = np.random.default_rng(0)
    drawn = rng.choice(3, p=(gained, lost, 1.0 - gained - lost), size=(2000, 200))
    inside = [low <= gained - lost <= high for _, low, high in (
        paired_shares(row != 1, row != 0) for row in drawn)]
    assert 0.93 < np.mean(inside)


def test_shares_are_of_zeros_and_ones():
    with pytest.raises(ValueError, match='expected 1 or 0'):
        paired_shares([0.5], [1.0])


@pytest.mark.parametrize('first, second', [((1.0, 2.0), (1.0,)), ((), ())])
def test_what_is_not_paired_is_refused(first, second):
    with pytest.raises(ValueError, match='expected pairs'):
        paired(first, second)


def test_percentiles():
    assert percentiles(range(101)) == (50.0, 99.0)
    assert percentiles([3.0], (0, 10, 100)) == (3.0, 3.0, 3.0)
    assert np.isnan(percentiles([])).all() and len(percentiles([])) == 2


def test_ratio_of_many_pairs_is_the_normal_one():
    """By the delta method, for pairs that have much in common."""
    rng = np.random.default_rng(3)
    hard = rng.uniform(size=2000) < 0.3
    first, second = (hard & (rng.uniform(size=2000) < share) for share in (0.5, 0.9))
    ratio, low, high = paired_ratio(first, second)
    assert ratio == first.sum() / second.sum()
    off = (first - ratio * second) / second.mean()
    half = 1.96 * off.std() / np.sqrt(2000)
    assert (low, high) == pytest.approx((ratio - half, ratio + half), abs=0.15 * half)


def test_ratios_by_nothing():
    assert paired_ratio([1, 0], [0, 0])[0] == np.inf
    assert np.isnan(paired_ratio([0, 0], [0, 0])).all()
    # In a quarter of the resamples there is no failure of the second: they are beyond all.
    ratio, low, high = paired_ratio([1, 1], [1, 0])
    assert (ratio, low, high) == (2.0, 1.0, np.inf)
    with pytest.raises(ValueError, match='expected pairs'):
        paired_ratio([1], [1, 2])


def test_rank_correlation():
    """Of ranks 1, 2.5, 2.5, 4 and 1, 3, 2, 4: 4.5 / sqrt(4.5 * 5)."""
    assert rank_correlation([0.1, 5, 5, 900], [-9, 3, 2, 7]) == pytest.approx(4.5 / 22.5 ** 0.5)
    assert rank_correlation([1, 2, 3], [9, 4, 1]) == pytest.approx(-1.0)
    assert rank_correlation([1, 1, 1], [9, 4, 1]) == 0.0
