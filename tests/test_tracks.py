"""Filters of poses: exact ones count as they are, noisy ones are averaged, and a push is seen."""

import numpy as np
import pytest
from wm_ros.world_model.tracks import going_on, Noise, Seen, track

PERIOD, EXACT = 0.025, Noise.unknown(1).things[0]


def followed(places, late=0.0, apart=True, noise=None):
    """Return the tracks [T, 8], and the noise, of ``places`` [T, 4] seen ``late`` [s]."""
    old, noise, rows = None, EXACT if noise is None else noise, []
    for place in places:
        ahead = None if old is None else going_on(old, PERIOD)
        old, noise = track(ahead, False, Seen(place, late, PERIOD), noise, apart)
        rows.append(old)
    return np.array(rows), noise


def noisy(truth, width, seed=0):
    rng = np.random.default_rng(seed)
    return truth + rng.normal(size=truth.shape) * np.array([width] * 3 + [10 * width])


def at_rest(count):
    return np.tile([0.5, 0.1, 0.025, 0.3], (count, 1))


def test_exact_poses_are_taken_as_they_are():
    places = at_rest(60)
    places[20:40, 0] += 0.3 * PERIOD * np.arange(20)
    places[40:, 0] = places[39, 0]
    rows, _ = followed(places)
    np.testing.assert_array_equal(rows[:, :3], places[:, :3])


@pytest.mark.parametrize('width', [0.002, 0.005])
def test_noise_is_learned_and_averaged_out(width):
    places = noisy(at_rest(400), width)
    rows, noise = followed(places)
    assert 0.5 * width < noise[0] < 2.0 * width and 5 * width < noise[1] < 20 * width
    assert rows[100:, :3].std(0).max() < 0.75 * width
    assert rows[100:, 4:7].std(0).max() < 0.4 * np.diff(places[:, 0]).std() / PERIOD


def test_late_noisy_poses_do_not_throw_it_far():
    """The velocity is what carries a late pose to now: as noisy, it would carry the noise too."""
    rows, _ = followed(noisy(at_rest(400), 0.003), late=0.08)
    assert rows[100:, :3].std(0).max() < 0.006


def test_what_is_pushed_is_followed_however_noisy():
    truth = at_rest(200)
    truth[100:, 0] += 0.2 * PERIOD * np.arange(100)
    rows, _ = followed(noisy(truth, 0.002))
    behind = truth[100:, 0] - rows[100:, 0]
    assert np.abs(behind).max() < 0.015 and np.abs(behind[10:]).mean() < 0.005
    assert rows[115:, 4].mean() == pytest.approx(0.2, abs=0.02)


def test_of_noise_it_learns_only_while_nothing_can_push_it():
    shaken = at_rest(100)
    shaken[:, 0] += 0.05 * np.sin(2.0 * np.arange(100))
    _, noise = followed(shaken, apart=False)
    np.testing.assert_array_equal(noise, EXACT)
    _, noise = followed(shaken)
    assert noise[0] > 0.005
