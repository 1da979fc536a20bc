"""Sensor messages that get lost, and how the product goes on without them."""

import numpy as np
import pytest
from sim.faults import Faults
from wm_ros.evaluation.run import Evaluation, Request


def faults(**given):
    names = {'frames': 'faults.frames_lost', 'poses': 'faults.poses_lost',
             'begin': 'faults.begin'}
    return Faults({**dict.fromkeys(names.values(), 0.0),
                   **{names[key]: value for key, value in given.items()}})


def test_a_share_is_lost_from_a_moment_on_and_equal_for_equal_seeds():
    made = faults(frames=0.2, begin=1.0)
    runs = []
    for _ in range(2):
        made.restart(3)
        runs.append([made.lost('frame', 0.01 * k) for k in range(2000)])
        assert not any(made.lost('pose', 0.01 * k) for k in range(2000))
    assert runs[0] == runs[1] and not any(runs[0][:100])
    assert np.mean(runs[0][100:]) == pytest.approx(0.2, abs=0.03)
    made.restart(4)
    assert [made.lost('frame', 0.01 * k) for k in range(2000)] != runs[0]


def results(*settings):
    request = Request('push', 1, seed=1, settings=tuple(
        f'robot_node:faults.{setting}' for setting in settings))
    return Evaluation(request).run()[0]


def test_without_a_fifth_of_the_poses_it_pushes_on():
    assert results('poses_lost:=0.2').success


def test_what_was_never_seen_is_not_planned_with():
    result = results('poses_lost:=1.0')
    assert not result.success and not result.plan_ms


def test_when_poses_cease_it_holds_after_a_while():
    result = results('poses_lost:=1.0', 'begin:=1.0')
    plans = len(result.plan_ms)
    # 40 a second until then, and half a second more (unseen_timeout).
    assert not result.success and 50 <= plans <= 64
