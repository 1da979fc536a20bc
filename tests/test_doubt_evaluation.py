"""Surprise judged: onsets, alarms, how well they tell, and calibration."""

import numpy as np
import pytest
import torch
from wm_ros.data import Bank, write_episode
from wm_ros.data.windows import columns_for
from wm_ros.evaluation import doubt
from wm_ros.robot.robot import load_robot
from wm_ros.types import Episode
from wm_ros.world_model.sequence import SequenceConfig, SequenceModel


def make_episodes(folder, lengths, event=None, slides=0.05):
    """Write push episodes in which the block begins to slide after row 10."""
    rng = np.random.default_rng(0)
    for number, rows in enumerate(lengths):
        states = rng.normal(size=(rows, 23)).astype(np.float32)
        states[:, 15:18] = 0.0
        states[:, 15] = slides * np.maximum(np.arange(rows) - 10, 0)
        boxes = np.zeros((rows, 2, 4), np.int16)
        if event is not None:
            boxes[event + 1:, 1] = [10, 10, 14, 14]
        write_episode(folder, number, Episode(
            task='push', states=states, goal=np.zeros(7), success=True, source='script',
            actions=rng.normal(size=(rows - 1, 5)).astype(np.float32),
            rewards=np.zeros(rows - 1, np.float32), streams={
                'wrench': rng.normal(size=(rows, 6)).astype(np.float32), 'boxes': boxes}))


@pytest.fixture
def model():
    torch.manual_seed(0)
    return SequenceModel(SequenceConfig(
        streams={'states': 23, 'wrench': 6}, size=16, hidden=16, kind='simnorm')).eval()


def load(folder, model):
    bank = Bank(folder, 'push', pytest.fail, columns_for(
        model.config.streams, *doubt.COLUMNS))
    return doubt.episodes_of(model, bank, load_robot('panda'))


def test_episodes_are_padded_with_what_is_missing(tmp_path, model):
    make_episodes(tmp_path, (12, 9))
    episodes = load(tmp_path, model)
    assert episodes.numbers.shape == (12, 2, 29) and list(episodes.length) == [12, 9]
    assert episodes.numbers[:9, 1].isfinite().all() and episodes.numbers[9:, 1].isnan().all()
    found = doubt.errors(model, episodes)
    assert {name: part.shape[2] for name, part in found.items()} == {
        'robot': 15, 'objects': 8, 'wrench': 6}
    assert np.isfinite(found['robot'][:9]).all() and np.isnan(found['robot'][9:, 1]).all()


def test_onsets_are_where_it_first_shows(tmp_path, model):
    make_episodes(tmp_path / 'usual', (20, 14))
    make_episodes(tmp_path / 'farther', (20, 14), slides=0.06)
    usual, farther = (load(tmp_path / name, model) for name in ('usual', 'farther'))
    # The shorter one ends before five observations have followed.
    assert list(doubt.onsets(farther, usual)) == [11, -1]
    assert list(doubt.onsets(usual, usual)) == [-1, -1]
    pushed = usual._replace(forces=usual.forces.copy())
    pushed.forces[4:, 0, 2] += 1.5
    assert list(doubt.onsets(pushed, usual)) == [4, -1]
    make_episodes(tmp_path / 'stranger', (20,), event=3)
    make_episodes(tmp_path / 'alone', (20,))
    stranger, alone = (load(tmp_path / name, model) for name in ('stranger', 'alone'))
    assert list(doubt.onsets(stranger, alone)) == [4]


def test_a_twin_that_ends_before_is_compared_as_far_as_it_goes(tmp_path, model):
    make_episodes(tmp_path / 'usual', (20, 16))
    make_episodes(tmp_path / 'farther', (24, 20), slides=0.06)
    usual, farther = (episodes._replace(forces=0.0 * episodes.forces) for episodes in (
        load(tmp_path / name, model) for name in ('usual', 'farther')))
    # What the first sees after its twin has ended says nothing; the second has too few rows left.
    assert list(doubt.onsets(farther, usual)) == [11, -1]
    assert list(doubt.onsets(usual, farther)) == [11, -1]


def test_scores_are_the_greatest_within_a_few_observations():
    scores = np.array([[0.0, 1.0], [9.0, 2.0], [3.0, np.nan]])
    np.testing.assert_allclose(doubt.within(scores, np.array([0, 1])), [9.0, 2.0])
    np.testing.assert_allclose(doubt.within(scores, np.array([-1, 0])), [2.0])


def test_an_alarm_that_lasts_is_one():
    alarm = np.array([[0.0, 3.0], [2.0, 3.0], [2.0, np.nan], [0.0, 3.0]])
    assert doubt.begun(alarm, 1.0) == 2 and doubt.begun(alarm, 2.5) == 1


def test_auroc():
    assert doubt.auroc(np.array([2.0, 3.0]), np.array([0.0, 1.0])) == 1.0
    assert doubt.auroc(np.array([1.0]), np.array([1.0, 0.0, 2.0, 3.0])) == 0.375


def test_what_is_foreseen_as_it_comes_is_calibrated(tmp_path, model):
    make_episodes(tmp_path, (400,))
    found = doubt.reliability(model, load(tmp_path, model))
    assert found['wrench'].shape == (19,)
    assert doubt.calibration_error(np.linspace(0.05, 0.95, 19)) == pytest.approx(0.0)
    assert doubt.calibration_error(np.full(19, 0.5)) == pytest.approx(0.2368, abs=1e-3)
