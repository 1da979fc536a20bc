"""Sample efficiency: how many steps a curve takes to the bar; missing it is no success."""

import json

import pytest
from wm_ros.bench.world_model import efficiency
from wm_ros.bench.world_model.vigils import compared


def points(*successes):
    return [{'steps': 1000 * (i + 1), 'success': success} for i, success in enumerate(successes)]


@pytest.mark.parametrize('successes, expected', [
    ((0.2, 0.6, 1.0), (2500, True)), ((0.8,), (1000, True)), ((1.0, 0.4, 0.9), (2800, True)),
    ((0.2, 0.7), (2000, False)), ((0.9, 0.7), (2000, False))])
def test_steps_from_which_on_success_stays_at_the_bar(successes, expected):
    assert efficiency._needed(points(*successes)) == expected


@pytest.mark.parametrize('last, value', [(0.9, 2.0), (0.7, 0.0)])
def test_a_seed_of_ours_that_never_gets_there_counts_as_a_miss(tmp_path, monkeypatch, last, value):
    """The curves are there already: what is measured is read, not run again."""
    monkeypatch.setattr(efficiency, 'FOLDER', tmp_path)
    curves = {'ours': points(0.7, last), 'alone': points(0.1), 'sac': points(0.1, 0.7, 0.7),
              'sac-reach': points(0.9)}
    for name, found in curves.items():
        for seed in range(3):
            (tmp_path / f'efficiency_{name}_{seed}.json').write_text(json.dumps(found))
    figure = efficiency.efficiency()[0]
    assert figure.value == value and figure.holds == (value >= 2.0)


def test_an_episode_that_lasts_longer_has_no_more_chances():
    usual, unusual = compared([[0] * 30, [0] * 200], [[0] * 40, [0] * 100], 0.05)
    assert [len(part) for part in usual] == [len(part) for part in unusual] == [24, 60]
