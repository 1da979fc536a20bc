"""Half the height of things by where their centres are: on the table, on another, in hand."""

from model_testing import make_dynamics, observe_at, ROBOT
import numpy as np
import pytest
import torch
from wm_ros.tasks import get_task
from wm_ros.world_model.standing import half_heights
from wm_ros.world_model.state import StateEstimator, StateLayout

FAR = (0.5, 0.0, 0.3)


def test_what_stands_on_the_table_is_twice_as_high_as_its_centre():
    found = half_heights([[0.4, 0.1, 0.02], [0.5, -0.1, 0.035]], FAR)
    np.testing.assert_allclose(found, [0.02, 0.035])


@pytest.mark.parametrize('order', [(0, 1), (1, 0)])
def test_what_stands_on_another_is_measured_from_its_top(order):
    places = np.array([[0.4, 0.1, 0.09], [0.405, 0.1, 0.03]])
    np.testing.assert_allclose(half_heights(places[list(order)], FAR),
                               np.array([0.03, 0.03])[list(order)])


def test_what_is_held_is_as_high_as_it_was():
    before = np.array([0.02, 0.03])
    held = half_heights([[0.4, 0.1, 0.2], [0.5, -0.1, 0.03]], (0.4, 0.1, 0.2), before, 0.5)
    np.testing.assert_allclose(held, before)


def test_other_things_in_their_place_are_measured_anew_in_time():
    found = np.array([0.02, 0.03])
    for _ in range(20):
        found = half_heights([[0.4, 0.1, 0.03], [0.5, -0.1, 0.02]], FAR, found, 0.05)
    np.testing.assert_allclose(found, [0.03, 0.02], atol=2e-4)


def test_noise_in_poses_is_averaged():
    rng, found, misses = np.random.default_rng(0), None, []
    for _ in range(400):
        places = np.array([[0.4, 0.1, 0.02], [0.5, -0.1, 0.03]]) + 0.004 * rng.normal(size=(2, 3))
        found = half_heights(places, FAR, found, 0.025)
        misses.append(found - [0.02, 0.03])
    assert np.std(misses[40:]) < 0.4 * 0.004 and abs(np.mean(misses)) < 0.0005


def test_nothing_is_flatter_or_higher_than_what_a_gripper_handles():
    for height in (-0.1, 0.0, 0.4):
        (found,) = half_heights([[0.4, 0.1, height]], FAR)
        assert 0.005 <= found <= 0.06


def poses(*places):
    return [[*place, 0.0, 0.0, 0.0, 1.0] for place in places]


def test_a_belief_remembers_how_high_a_thing_is_that_is_lifted():
    """Also where nothing else of it is remembered, as after a pause."""
    estimator, layout = StateEstimator(ROBOT, get_task('stack')), StateLayout(2, True)
    away, tool = [0.55, 0.15, 0.03], None
    state = estimator.update(None, 0.0, observe_at(0.0, poses=poses([0.4, 0.1, 0.02], away)))
    np.testing.assert_allclose(state[layout.heights], [0.02, 0.03], atol=1e-6)
    tool = state[layout.ee]
    for stamp in (0.05, 5.0):
        seen = observe_at(stamp, poses=poses(tool, away))
        np.testing.assert_allclose(estimator.update(state, 0.0, seen)[layout.heights],
                                   [0.02, 0.03], atol=1e-6)


def test_a_stream_that_begins_anew_has_other_things():
    estimator, layout = StateEstimator(ROBOT, get_task('stack')), StateLayout(2, True)
    places = [0.4, 0.1, 0.02], [0.55, 0.15, 0.03]
    before = estimator.update(None, 9.0, observe_at(9.0, poses=poses(*places)))
    taller = [[*place[:2], 2 * place[2]] for place in places]
    after = estimator.update(before, 9.0, observe_at(1.0, poses=poses(*taller)))
    np.testing.assert_allclose(after[layout.heights], [0.04, 0.06], atol=1e-6)


def test_only_where_one_may_stand_on_another_are_heights_known():
    for task, heights in (('reach', 0), ('push', 0), ('pick_and_place', 0), ('stack', 2)):
        layout = StateLayout.of(get_task(task))
        assert layout.heights.stop - layout.heights.start == heights
        assert layout.width == 15 + 8 * layout.objects + heights + layout.grips


def stacked(heights):
    """Return a state of stack: its block stands on the base, as high as they are."""
    layout = StateLayout(2, True)
    state = torch.zeros(layout.width)
    state[layout.ee] = state[layout.setpoint] = torch.tensor([0.5, 0.0, 0.3])
    block, base = heights
    state[layout.object_position(0)] = torch.tensor([0.4, 0.1, 2 * base + block])
    state[layout.object_position(1)] = torch.tensor([0.4, 0.1, base])
    state[layout.heights] = torch.tensor(heights)
    return state


def test_things_of_any_height_are_seen_to_touch():
    """What tells the dynamics that a thing is carried must not depend on how high things are."""
    features = make_dynamics('stack').features
    flat, high = stacked((0.015, 0.02)), stacked((0.03, 0.035))
    raised = high.clone()
    raised[17] += 0.01
    gaps = [features.contact(state, state)[-4:] for state in (flat, high, raised)]
    np.testing.assert_allclose(gaps[0][:2], [0.0, 0.0], atol=1e-5)
    np.testing.assert_allclose(gaps[1][:2], [0.0, 0.0], atol=1e-5)
    np.testing.assert_allclose(gaps[2][:2], np.tanh([0.3, 1.2]), atol=1e-4)


def test_dreams_do_not_change_heights():
    dynamics, layout = make_dynamics('stack'), StateLayout(2, True)
    state = stacked((0.015, 0.02))[None]
    with torch.no_grad():
        after, _, _ = dynamics.step(state, dynamics.initial_latent(state), torch.rand(1, 5))
    assert torch.equal(after[:, layout.heights], state[:, layout.heights])
    assert not torch.equal(after[:, -1], state[:, -1])
