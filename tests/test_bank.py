"""Windows out of recordings: the right rows of one episode, each start equally likely."""

from dataclasses import replace

from model_testing import make_episode
import numpy as np
import pytest
from wm_ros.data import Bank, write_episode
from wm_ros.types import WmRosError

STEPS = (5, 12, 8)


@pytest.fixture
def folder(tmp_path):
    """Return a folder of three episodes whose frames say which row of which episode they are."""
    for number, steps in enumerate(STEPS):
        rows = np.arange(steps + 1, dtype=np.uint8)
        frames = np.tile(rows[:, None, None, None], (1, 160, 160, 3))     # too large to keep
        frames[..., 0] = number
        write_episode(tmp_path, number, replace(
            make_episode(steps=steps, seed=number),
            streams={'frames': frames, 'rare': rows > 3, 'number': rows + 100 * number}))
    return tmp_path


def bank(folder, *columns):
    return Bank(folder, 'reach', pytest.fail, columns)


def test_windows_are_consecutive_rows_of_one_episode(folder):
    made = bank(folder, 'frames', 'rare', 'states', 'actions', 'rewards', 'goal')
    assert (made.episodes, made.rows) == (3, sum(STEPS) + 3)
    windows = made.sample(np.random.default_rng(0), 50, 4)
    assert windows['frames'].shape == (50, 4, 160, 160, 3) and windows['rare'].shape == (50, 4)
    for i in range(50):
        number, first = windows['frames'][i, 0, 0, 0, :2]
        episode = make_episode(steps=STEPS[number], seed=int(number))
        rows = slice(first, first + 4)
        np.testing.assert_array_equal(windows['frames'][i, :, 0, 0, 1], np.arange(15)[rows])
        np.testing.assert_array_equal(windows['rare'][i], np.arange(15)[rows] > 3)
        np.testing.assert_array_equal(windows['states'][i], episode.states[rows])
        np.testing.assert_array_equal(windows['goal'][i, 0], episode.goal)
        actions = np.vstack([episode.actions, np.zeros(5)])
        np.testing.assert_allclose(windows['actions'][i], actions[rows])
        np.testing.assert_allclose(windows['rewards'][i], np.append(episode.rewards, 0)[rows])


def test_each_start_is_equally_likely(folder):
    drawn = bank(folder, 'number').sample(np.random.default_rng(0), 20_000, 5)['number'][:, 0]
    starts = [100 * number + row for number, steps in enumerate(STEPS) for row in range(steps - 3)]
    values, counts = np.unique(drawn, return_counts=True)
    assert sorted(values.tolist()) == starts
    assert counts.min() > 0.85 * 20_000 / len(starts)


def test_all_rows_in_order(folder):
    made = bank(folder, 'number')
    expected = [100 * number + row for number, steps in enumerate(STEPS)
                for row in range(steps + 1)]
    assert made.column('number').tolist() == expected
    assert made.every(len(expected))['number'][:, 0].tolist() == expected
    assert made.every(2)['number'][:, 0].tolist() == [expected[0], expected[-1]]


def test_windows_longer_than_any_episode_are_refused(folder):
    with pytest.raises(WmRosError, match='14 observations: the longest episode has 13'):
        bank(folder, 'rare').sample(np.random.default_rng(0), 1, 14)


def test_a_column_that_no_file_has_is_named(folder):
    complaints = []
    with pytest.raises(WmRosError, match='no usable episode'):
        Bank(folder, 'reach', complaints.append, ('sound',))
    assert len(complaints) == 3 and 'recorded without sound' in complaints[0]


def test_what_the_script_would_have_done_is_a_column(tmp_path):
    episode = make_episode(steps=6)
    expert = np.random.default_rng(0).uniform(size=(6, 5)).astype(np.float32)
    for number, told in enumerate((expert, None)):
        write_episode(tmp_path, number, replace(episode, expert=told))
    made = bank(tmp_path, 'expert')
    np.testing.assert_array_equal(made.episode(0)['expert'], np.vstack([expert, np.zeros(5)]))
    assert np.isnan(made.episode(1)['expert'][:-1]).all()


def test_recordings_of_two_kinds_are_not_mixed(tmp_path):
    for name, size in (('a', 8), ('b', 16)):
        write_episode(tmp_path / name, 0, replace(make_episode(steps=3), streams={
            'frames': np.zeros((4, size, size, 3), np.uint8)}))
    with pytest.raises(WmRosError, match=r'b/episode_000000.*frames has rows of \(16, 16, 3\)'):
        bank([tmp_path / 'a', tmp_path / 'b'], 'frames', 'actions')
    other = bank(tmp_path / 'b', 'frames', 'actions')
    assert other.shapes == {'frames': (16, 16, 3), 'actions': (5,)}
    for draw in (lambda: other.sample(np.random.default_rng(0), 0), lambda: other.every(0)):
        with pytest.raises(WmRosError, match='got 0, expected at least 1'):
            draw()
