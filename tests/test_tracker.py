"""States without a model: the same as a belief's where poses come in time, and calm where not."""

from dataclasses import replace

from model_testing import observe_at, ROBOT
import numpy as np
import pytest
from wm_ros.tasks import get_task
from wm_ros.world_model.state import StateEstimator
from wm_ros.world_model.tracker import StateTracker

PERIOD, SPEED = 0.05, 0.2


def place(moment):
    return [[0.4, SPEED * moment, 0.025, 0.0, 0.0, 0.0, 1.0]]


def tracked(ages, seen=lambda k: True, count=40):
    """Return the states of a block that moves steadily, and whose poses are so old."""
    tracker, states, newest = StateTracker(ROBOT, get_task('push')), [], None
    for k in range(count):
        now, age = k * PERIOD, ages(k)
        if newest is None or seen(k) and now - age > newest:
            newest = now - age
        states.append(tracker.update(replace(
            observe_at(now, poses=place(newest)), ages={'object_poses': now - newest})))
    return np.array(states)


def test_in_time_it_is_what_the_estimator_makes_of_it():
    estimator, state = StateEstimator(ROBOT, get_task('push')), None
    for k, found in enumerate(tracked(lambda k: 0.0)):
        state = estimator.update(state, (k - 1) * PERIOD, observe_at(
            k * PERIOD, poses=place(k * PERIOD)))
        np.testing.assert_array_equal(found, state)


@pytest.mark.parametrize('ages, seen', [
    (lambda k: 0.06, lambda k: True),
    (lambda k: 0.05 + 0.02 * (k % 3), lambda k: True),
    (lambda k: 0.04 * (k % 2), lambda k: k % 4)])
def test_what_comes_late_at_times_or_never_is_made_up_for(ages, seen):
    states = tracked(ages, seen)
    late = np.arange(len(states))[20:]
    np.testing.assert_allclose(states[20:, 16], SPEED * PERIOD * late, atol=2e-3)
    np.testing.assert_allclose(states[20:, 20], SPEED, atol=0.02)


def test_a_stream_begins_anew():
    tracker = StateTracker(ROBOT, get_task('push'))
    first = tracker.update(observe_at(1.0, poses=place(1.0)))
    tracker.update(observe_at(1.05, poses=place(1.5)))
    tracker.reset()
    np.testing.assert_array_equal(tracker.update(observe_at(1.0, poses=place(1.0))), first)
