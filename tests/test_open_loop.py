"""Open-loop error: of an exact model, of one for which objects stay, over the right starts."""

from dataclasses import replace
import math

from model_testing import make_episode, make_model
import numpy as np
import pytest
from wm_ros.learning.open_loop import open_loop


def ideal(task):
    """Return a model whose ensemble adds nothing: setpoint and lag alone, objects stay."""
    model = make_model(task)
    model.dynamics.scale.zero_()
    return model


def slid(seed=0, steps=12, speed=(0.03, 0.0), start=None):
    """Return an episode of push whose block slides by ``speed`` [m] per step."""
    episode = make_episode('push', steps=steps, seed=seed, scale=0.0)
    states = episode.states.copy()
    where = states[0, 15:17] if start is None else np.asarray(start)
    states[:, 15:17] = where + np.outer(np.arange(steps + 1), speed)
    return replace(episode, states=states.astype(np.float32))


def test_an_exact_model_makes_no_error():
    episodes = [make_episode('reach', steps=20, seed=seed) for seed in range(3)]
    at = open_loop(ideal('reach'), episodes, (1, 5, 10), moved=0.0)
    for horizon, figures in at.items():
        assert figures['count'] == 3 * (20 + 1 - horizon)
        assert figures['error'] == figures['end_effector'] < 1e-5
        assert figures['stays'] > 1e-3
        assert figures['disagreement'] == 0.0


def test_a_model_for_which_nothing_moves_errs_by_the_way_that_was_gone():
    figures = open_loop(ideal('push'), [slid()], (5, 10))
    for horizon in (5, 10):
        assert figures[horizon]['error'] == pytest.approx(0.03 * horizon, rel=1e-4)
        assert figures[horizon]['stays'] == pytest.approx(0.03 * horizon, rel=1e-4)
        assert figures[horizon]['end_effector'] < 1e-5


def test_a_wrong_lag_shows_in_the_end_effector_alone():
    model = ideal('push')
    model.dynamics.lag[:, 0].zero_()        # the end effector never follows
    at = open_loop(model, [slid()], (5,))[5]
    assert at['end_effector'] > 1e-3
    assert at['error'] == pytest.approx(at['stays'])


def test_only_starts_from_which_the_subject_moves_count():
    still, moving = slid(1, speed=(0.0, 0.0)), slid(2, speed=(0.0, 0.01))
    at = open_loop(ideal('push'), [still, moving], (4, 6), moved=0.05)
    assert at[4]['count'] == 0              # 4 cm
    assert at[6]['count'] == 12 + 1 - 6     # 6 cm, of the second episode alone
    assert at[6]['error'] == pytest.approx(0.06, rel=1e-4)


def test_starts_never_reach_into_the_next_episode():
    here = slid(1, speed=(0.0, 0.0), start=(0.4, 0.0))
    there = slid(2, speed=(0.0, 0.0), start=(0.6, 0.2))
    assert open_loop(ideal('push'), [here, there], (5,))[5]['count'] == 0


def test_no_start_is_said_so_and_is_no_perfect_score():
    at = open_loop(ideal('push'), [slid(steps=4)], (5,))[5]
    assert at['count'] == 0
    assert all(math.isnan(at[name]) for name in at if name != 'count')
