"""Surprise judged: onsets, alarms, how well they tell, and calibration."""

import numpy as np
import pytest
import torch
from wm_ros.data import Bank, write_episode
from wm_ros.evaluation import doubt
from wm_ros.types import Episode
from wm_ros.world_model.sequence import SequenceConfig, SequenceModel


def make_episodes(folder, lengths, event=None):
    """Write push episodes in which the block begins to slide after row 6."""
    rng = np.random.default_rng(0)
    for number, rows in enumerate(lengths):
        states = rng.normal(size=(rows, 23)).astype(np.float32)
        states[:, 15:18] = 0.0
        states[:, 15] = 0.05 * np.maximum(np.arange(rows) - 10, 0)
        boxes = np.zeros((rows, 2, 4), np.int16)
        events = np.zeros(rows, np.int8)
        if event is not None:
            events[event:] = 4
            boxes[event + 1:, 1] = [10, 10, 14, 14]
        write_episode(folder, number, Episode(
            task='push', states=states, goal=np.zeros(7), success=True, source='script',
            actions=rng.normal(size=(rows - 1, 5)).astype(np.float32),
            rewards=np.zeros(rows - 1, np.float32), streams={
                'wrench': rng.normal(size=(rows, 6)).astype(np.float32), 'event': events,
                'boxes': boxes}))


@pytest.fixture
def model():
    torch.manual_seed(0)
    return SequenceModel(SequenceConfig(
        streams={'states': 23, 'wrench': 6}, size=16, hidden=16, kind='simnorm')).eval()


def load(folder, model):
    return doubt.episodes_of(model, Bank(folder, 'push', pytest.fail, doubt.columns_for(model)))


def test_episodes_are_padded_with_what_is_missing(tmp_path, model):
    make_episodes(tmp_path, (12, 9))
    episodes = load(tmp_path, model)
    assert episodes.numbers.shape == (12, 2, 29) and list(episodes.length) == [12, 9]
    assert episodes.numbers[:9, 1].isfinite().all() and episodes.numbers[9:, 1].isnan().all()
    found = doubt.errors(model, episodes)
    assert set(found) == {'states', 'wrench'} and found['wrench'].shape == (12, 2, 6)
    assert np.isfinite(found['states'][:9]).all() and np.isnan(found['states'][9:, 1]).all()


def test_errors_that_go_one_way_add_up_and_blows_are_forgotten():
    same, blow = np.full((20, 1, 1), 2.0), np.zeros((20, 1, 1))
    blow[0], same[10] = 5.0, np.nan
    kept = doubt.lasting({'same': same, 'blow': blow})
    assert kept['same'][-1] == pytest.approx(2.0, abs=1e-3) and np.isnan(kept['same'][10])
    assert kept['same'][1] == pytest.approx(0.4 * 2 + 0.6 * 0.8)
    assert kept['blow'][0] == 2.0 and kept['blow'][-1] < 1e-3
    swinging = {'a': np.where(np.arange(20) % 2, 2.0, -2.0)[:, None, None]}
    assert doubt.lasting(swinging)['a'][10:].max() < 0.6


def test_onsets_are_where_it_can_first_show(tmp_path, model):
    make_episodes(tmp_path / 'usual', (12, 12))
    usual = load(tmp_path / 'usual', model)
    assert list(doubt.onsets(usual, lambda b: (2, 8)[b])) == [6, 8]
    assert list(doubt.onsets(usual, lambda b: -1)) == [-1, -1]
    make_episodes(tmp_path / 'stranger', (12,), event=3)
    stranger = load(tmp_path / 'stranger', model)
    assert list(doubt.onsets(stranger, lambda b: int(stranger.event[:, b].argmax()))) == [4]


def test_alarms_are_in_units_of_the_usual():
    usual = {'a': np.linspace(0, 1, 1001)[:, None, None],
             'b': np.linspace(0, 5, 1001)[:, None, None] * [1.0, 0.0]}
    alarm = doubt.Alarm(usual, {'b': 2.0})
    seen = {'a': np.array([[[0.5]]]), 'b': np.array([[[10.0, 1.0]]])}
    assert alarm(seen) == pytest.approx(2.0, rel=0.01)
    assert alarm.streams(seen)['a'] == pytest.approx(0.5, rel=0.01)
    seen['b'][..., 1] = 8.0
    assert alarm(seen) == pytest.approx(4.0)
    scores = np.array([[0.0, 1.0], [9.0, 2.0], [3.0, np.nan]])
    np.testing.assert_allclose(doubt.within(scores, np.array([0, 1])), [9.0, 2.0])
    np.testing.assert_allclose(doubt.within(scores, np.array([-1, 0])), [2.0])


def test_auroc():
    assert doubt.auroc(np.array([2.0, 3.0]), np.array([0.0, 1.0])) == 1.0
    assert doubt.auroc(np.array([1.0]), np.array([1.0, 0.0, 2.0, 3.0])) == 0.375


def test_what_is_foreseen_as_it_comes_is_calibrated(tmp_path, model):
    make_episodes(tmp_path, (400,))
    found = doubt.reliability(model, load(tmp_path, model))
    assert found['wrench'].shape == (19,)
    assert doubt.calibration_error(np.linspace(0.05, 0.95, 19)) == pytest.approx(0.0)
    assert doubt.calibration_error(np.full(19, 0.5)) == pytest.approx(0.2368, abs=1e-3)
