"""Scenes that end in one of two ways, and what is made of a model's guesses about them."""

import numpy as np
import pytest
from sim.branches import BranchWorld, draw, SEEN, STEPS, WIDTH
from wm_ros.data import Bank
from wm_ros.evaluation.branches import (
    branch_scores, draw_ends, energy_score, record_branches, resimulate, Truth)
from wm_ros.world_model.sequence import SequenceConfig, SequenceModel


@pytest.mark.parametrize('kind', ['topple', 'slide'])
def test_what_is_seen_before_says_nothing_of_the_way(kind):
    world, rng = BranchWorld(), np.random.default_rng(0)
    scene = draw(kind, rng)
    runs = [world.run(scene, rng) for _ in range(60)]
    world.close()
    rows = np.array([rows for rows, _ in runs])
    first = np.array([first for _, first in runs])
    assert rows.shape == (60, STEPS + 1, WIDTH)
    assert (rows[:, :SEEN + 1] == rows[:1, :SEEN + 1]).all()
    assert abs(first.mean() - scene.chance) < 0.2
    along = (rows[:, -1, :2] - rows[:, 0, :2]) @ [np.cos(scene.yaw), np.sin(scene.yaw)]
    assert along[first].min() > along[~first].max() + 0.1
    if kind == 'topple':
        assert along[first].min() > 0 > along[~first].max() and rows[:, -1, 2].max() < 0.02


def test_recordings_of_branches_are_episodes(tmp_path):
    record_branches(tmp_path, 'slide', 3, 0)
    bank = Bank(tmp_path, 'slide', print, ('states', 'actions'))
    assert bank.episodes == 3 and bank.rows == 3 * (STEPS + 1)


def test_a_model_draws_ends():
    truths = resimulate('topple', 2, 30, 1)
    model = SequenceModel(SequenceConfig(
        streams={'states': WIDTH}, actions=1, kind='flow-simnorm', size=16, hidden=16)).eval()
    ends = draw_ends(model, truths, 20)
    assert ends.shape == (2, 20, 3) and np.isfinite(ends).all() and ends.std(1).max() > 0
    assert set(branch_scores(truths, ends)) == {'energy', 'both', 'frequency'}


def test_scores_are_best_for_the_truth():
    rng = np.random.default_rng(0)
    first = np.arange(200) < 140
    ends = np.where(first[:, None], [0.3, 0.0, 0.0], [-0.3, 0.0, 0.0])
    ends = ends + rng.normal(scale=0.005, size=(200, 3))
    truth = [Truth(np.zeros((1, 1)), ends, first)]
    right, even = ends[rng.permutation(200)], ends[np.r_[0:60, 140:200]]
    mean = np.tile(ends.mean(0), (200, 1))
    scores = [branch_scores(truth, drawn[None]) for drawn in (right, even, mean)]
    assert [bool(score['both'][0]) for score in scores] == [True, True, False]
    assert scores[0]['frequency'][0] == 0 and scores[1]['frequency'][0] == pytest.approx(0.2)
    assert scores[0]['energy'] < scores[1]['energy'] < scores[2]['energy']


def test_the_energy_score_of_one_guess_is_its_distance():
    assert energy_score(np.zeros((1, 2)), np.array([[3.0, 4.0], [0.0, 1.0]])) == 3.0
