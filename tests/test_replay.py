"""Replay memory: rows in order, starts that never run over the end of an episode."""

from model_testing import GOAL, make_episode
import numpy as np
import pytest
from wm_ros.learning.replay import Replay

LENGTHS = (3, 9, 1, 6)


@pytest.fixture
def replay():
    made = Replay()
    for seed, steps in enumerate(LENGTHS):
        made.add(make_episode(steps=steps, seed=seed, expert=seed != 1))
    return made


def test_rows_are_those_of_the_episodes(replay):
    arrays, row = replay.arrays, 0
    assert replay.steps == sum(LENGTHS)
    for episode, steps in zip(replay.episodes, LENGTHS):
        rows = slice(row, row + steps)
        np.testing.assert_array_equal(arrays['state'][row:row + steps + 1], episode.states)
        np.testing.assert_array_equal(arrays['action'][rows], episode.actions)
        np.testing.assert_array_equal(arrays['reward'][rows], episode.rewards)
        np.testing.assert_allclose(arrays['goal'][rows], np.tile(GOAL[:3], (steps, 1)))
        if episode.expert is None:
            assert not arrays['labelled'][rows].any()
        else:
            assert arrays['labelled'][rows].all()
            np.testing.assert_array_equal(arrays['expert'][rows], episode.expert)
        # The last row has no action, and is labelled by nobody.
        assert not arrays['action'][row + steps].any() and not arrays['labelled'][row + steps]
        row += steps + 1
    assert all(len(column) == row for column in arrays.values())


@pytest.mark.parametrize('length', [1, 2, 3, 6, 9, 10])
def test_starts_never_cross_episodes(replay, length):
    episode_of = np.repeat(np.arange(len(LENGTHS)), np.array(LENGTHS) + 1)
    starts = replay.starts(length)
    assert len(starts) == sum(max(0, steps + 1 - length) for steps in LENGTHS)
    for start in starts:
        assert len(set(episode_of[start:start + length + 1])) == 1


def test_labelled_starts_are_labelled(replay):
    starts = replay.starts(1, labelled=True)
    assert replay.arrays['labelled'][starts].all()
    assert len(starts) == sum(LENGTHS) - LENGTHS[1]


def test_what_is_added_later_counts(replay):
    before = len(replay.arrays['state'])
    replay.add(make_episode(steps=4, seed=9))
    assert len(replay.arrays['state']) == before + 5
    assert len(replay.starts(1)) == sum(LENGTHS) + 4
