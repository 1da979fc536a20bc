"""What success depends on, of things that decide it and of things that do not."""

import numpy as np
import pytest
from wm_ros.evaluation.sensitivity import sensitivity
from wm_ros.evaluation.statistics import wilson


def rows_of(drawn, successes, times=None):
    return {row['factor']: row for row in sensitivity(
        drawn, successes, np.zeros(len(drawn)) if times is None else times)}


def world(count=200, seed=0):
    """Return factors of which the first decides, and the successes."""
    rng = np.random.default_rng(seed)
    drawn = [{'decides': rng.uniform(), 'idle': rng.uniform(), 'always': 2.0}
             for _ in range(count)]
    middle = np.quantile([numbers['decides'] for numbers in drawn], 0.6)
    return drawn, [numbers['decides'] < middle for numbers in drawn]


def test_what_decides_comes_first_and_what_never_varies_not_at_all():
    drawn, successes = world()
    rows = sensitivity(drawn, successes, np.array([n['decides'] ** 2 for n in drawn]))
    assert [row['factor'] for row in rows] == ['decides', 'idle']
    assert rows[0]['explained'] > 0.95 and rows[0]['chance'] == pytest.approx(1 / 1001)
    assert rows[0]['time_correlation'] == pytest.approx(1.0)
    assert rows[1]['explained'] < 0.05 and rows[1]['chance'] > 0.05


def test_bins_hold_every_episode_once_and_say_what_became_of_it():
    drawn, successes = world()
    values = np.array([numbers['decides'] for numbers in drawn])
    bins = rows_of(drawn, successes)['decides']['bins']
    assert [one['episodes'] for one in bins] == [40] * 5
    assert (bins[0]['low'], bins[-1]['high']) == (values.min(), values.max())
    for one in bins:
        inside = (values >= one['low']) & (values <= one['high'])
        reached = int(np.array(successes)[inside].sum())
        assert one['episodes'] == inside.sum()
        assert one['success_rate'] == reached / inside.sum()
        assert one['success_ci95'] == list(wilson(reached, int(inside.sum())))


@pytest.mark.parametrize('values, lows', [
    ([0.0, 1.0] * 30, [0.0, 1.0]), ([0, 1, 2] * 20, [0, 1, 2]),
    ([0.0] * 55 + [0.1, 0.2, 0.3, 0.4, 0.5], [0.0, 0.1])])
def test_few_values_or_many_equal_ones(values, lows):
    bins = rows_of([{'x': value} for value in values], [True, False] * 30)['x']['bins']
    assert [one['low'] for one in bins] == lows
    assert sum(one['episodes'] for one in bins) == 60


@pytest.mark.parametrize('outcome', [True, False])
def test_where_all_end_alike_there_is_nothing_to_explain(outcome):
    row = rows_of([{'x': i} for i in range(4)], [outcome] * 4, [4, 3, 2, 1])['x']
    assert (row['explained'], row['chance']) == (0.0, 1.0)
    assert row['time_correlation'] == pytest.approx(-1.0)


def test_of_what_does_not_matter_one_in_twenty_seems_to():
    rng = np.random.default_rng(2)
    drawn = [dict(zip(map(str, range(200)), rng.uniform(size=200))) for _ in range(100)]
    rows = sensitivity(drawn, rng.uniform(size=100) < 0.7, np.zeros(100))
    assert 0.01 < np.mean([row['chance'] < 0.05 for row in rows]) < 0.1
    assert np.median([row['explained'] for row in rows]) < 0.01


def test_a_factor_that_some_episodes_lack_is_judged_by_the_others():
    drawn = [{'x': i, **({'y': i} if i % 2 else {})} for i in range(40)]
    rows = rows_of(drawn, [i < 20 for i in range(40)])
    assert sum(one['episodes'] for one in rows['y']['bins']) == 20
