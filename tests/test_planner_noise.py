"""Noise of candidates along the horizon, and of executed actions in real time."""

from dataclasses import replace

import numpy as np
from planning_testing import SETTINGS
import pytest
import torch
from wm_ros.planning.candidates import coloured_noise, correlated_noise
from wm_ros.planning.unsearched import CorrelatedNoise


def test_coloured_noise_is_of_unit_width_and_the_redder_the_smoother():
    rng, along = torch.Generator().manual_seed(0), []
    for exponent in (0.0, 1.0, 2.0, 4.0):
        noise = coloured_noise(4000, 10, 5, exponent, rng).numpy()
        np.testing.assert_allclose(noise.std((0, 2)), 1.0, atol=0.03)
        along.append(np.mean(noise[:, 1:] * noise[:, :-1]))
    assert abs(along[0]) < 0.02 and (np.diff(along) > 0.1).all() and along[-1] > 0.9


def test_noise_is_of_the_width_and_correlation_asked_for():
    settings = replace(SETTINGS, noise_correlation=0.8, horizon=20)
    noise = correlated_noise(4000, 20, 5, settings, torch.Generator().manual_seed(0)).numpy()
    np.testing.assert_allclose(noise.std((0, 2)), 1.0, atol=0.03)
    assert np.mean(noise[:, 1:] * noise[:, :-1]) == pytest.approx(0.8, abs=0.02)
    assert np.mean(noise[:, 3:] * noise[:, :-3]) == pytest.approx(0.8 ** 3, abs=0.02)


def series(period, seconds=400.0, correlation=0.7):
    noise = CorrelatedNoise(3, 0)
    return np.array([noise.at(k * period, 0.5, correlation, 0.05)
                     for k in range(int(seconds / period))])


@pytest.mark.parametrize('period', [0.0125, 0.025, 0.05])
def test_dither_is_correlated_in_real_time_whatever_the_rate(period):
    values = series(period)
    steps = round(0.05 / period)
    assert values.std() == pytest.approx(0.5, rel=0.05)
    share = np.mean(values[steps:] * values[:-steps]) / np.mean(values ** 2)
    assert share == pytest.approx(0.7, abs=0.03)


def test_dither_at_one_moment_is_one_value():
    noise = CorrelatedNoise(3, 0)
    first = noise.at(5.0, 0.5, 0.7, 0.05)
    np.testing.assert_array_equal(noise.at(5.0, 0.5, 0.7, 0.05), first)
    np.testing.assert_allclose(noise.at(5.0, 1.0, 0.7, 0.05), 2 * first)


@pytest.mark.parametrize('jump', [-1.0, 1.5, 900.0])
def test_dither_begins_anew_after_a_jump_of_the_clock(jump):
    pairs = []
    for seed in range(400):
        noise = CorrelatedNoise(5, seed)
        pairs.append((noise.at(50.0, 1.0, 0.999, 0.05), noise.at(50.0 + jump, 1.0, 0.999, 0.05)))
    before, after = np.array(pairs).transpose(1, 0, 2)
    assert np.abs(np.mean(before * after)) < 0.1
    assert after.std() == pytest.approx(1.0, rel=0.1)
