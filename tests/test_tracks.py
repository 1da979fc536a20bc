"""Filters of poses: exact ones count as they are, noisy ones are averaged, and a push is seen."""

import numpy as np
import pytest
from wm_ros.world_model.tracks import going_on, Noise, Seen, steady, track

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


@pytest.mark.parametrize('foreseen, most', [(False, 0.75), (True, 0.35)])
def test_what_is_foreseen_counts_for_more_than_what_is_guessed(foreseen, most):
    """A thing moves steadily; a model, or the hand that holds it, knows how."""
    width, truth = 0.003, at_rest(300)
    truth[:, 0] += 0.1 * PERIOD * np.arange(300)
    rates, old, errors = np.array([0.1, 0.0, 0.0, 0.0]), None, []
    noise = np.array([width, 10 * width])
    for row, place in zip(truth, noisy(truth, width)):
        ahead = None if old is None else going_on(
            np.append(old[:4], rates) if foreseen else old, PERIOD)
        old, noise = track(ahead, foreseen, Seen(place, 0.0, PERIOD), noise, False)
        errors.append(old[:3] - row[:3])
    assert np.std(errors[50:]) < most * width


def driven(width, count=400):
    """Return what is measured [T, 6] of a tool that goes back and forth, and the truth."""
    moments, rng = PERIOD * np.arange(count), np.random.default_rng(1)
    truth = np.zeros((count, 6))
    truth[:, 0], truth[:, 3] = 0.1 * np.sin(2.0 * moments), 0.2 * np.cos(2.0 * moments)
    return truth + rng.normal(size=truth.shape) * np.repeat([width, 15 * width], 3), truth


def steadied(measured, expected):
    """Return the tool's estimates [T, 6] of what is ``measured``, and the noise."""
    noise, rows = Noise.unknown(0), [measured[0]]
    for k in range(1, len(measured)):
        rows.append(steady(expected(rows[-1], k), measured[k], PERIOD, noise))
    return np.array(rows), noise


def test_a_tool_that_does_as_it_says_is_taken_at_its_word():
    """However wrong what is expected may be."""
    measured, _ = driven(0.0)
    rows, noise = steadied(measured, lambda old, k: old + 1.0)
    np.testing.assert_array_equal(rows, measured)
    assert noise.tool < 3e-4


def test_noise_of_the_arm_is_damped_by_what_is_expected_of_it():
    measured, truth = driven(0.0015)
    rows, noise = steadied(measured, lambda old, k: old + truth[k] - truth[k - 1])
    assert 0.8e-3 < noise.tool < 3e-3
    off, raw = (np.std((found - truth)[100:], axis=0) for found in (rows, measured))
    assert np.all(off < 0.5 * raw)


def test_a_stream_that_stood_still_learns_nothing_of_the_gap():
    measured, _ = driven(0.0)
    noise = Noise.unknown(0)
    steady(measured[0], measured[0], PERIOD, noise)
    steady(measured[0], measured[40], 40 * PERIOD, noise)
    found = steady(measured[0], measured[41], PERIOD, noise)
    np.testing.assert_array_equal(found, measured[41])
    assert noise.tool == Noise.unknown(0).tool and noise.copy().things is not noise.things
