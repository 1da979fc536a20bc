"""The terms of the objective, each on imaginations made by hand."""

from model_testing import GOAL, make_model, SMALL
import numpy as np
import pytest
import torch
from wm_ros.planning.objective import Objective
from wm_ros.world_model.agent.rollout import Dream

HORIZON = 4
SCALE = SMALL.discount ** np.arange(HORIZON)
PLACE = torch.tensor(GOAL[:3], dtype=torch.float32)


def make(task):
    model = make_model(task)
    return model, Objective(model, model.task)


def dream_of(model, subject=None, ee=None, actions=None, disagreement=None):
    """Return an Dream [K, H]; places are [K, H, 3] relative to the goal."""
    given = [x for x in (subject, ee, actions, disagreement) if x is not None]
    count = len(given[0])
    states = torch.zeros(count, HORIZON + 1, model.layout.width)
    for where, places in ((model.layout.ee, ee),
                          (model.layout.subject(model.task), subject)):
        if places is not None:
            states[:, 1:, where] = PLACE + torch.as_tensor(places, dtype=torch.float32)
            states[:, 0, where] = states[:, 1, where]
    if actions is None:
        actions = torch.zeros(count, HORIZON, 5)
    if disagreement is None:
        disagreement = torch.zeros(count, HORIZON)
    latents = torch.full((count, HORIZON + 1, SMALL.latent), 1 / 8)
    return Dream(torch.as_tensor(actions, dtype=torch.float32), states, latents,
                 torch.as_tensor(disagreement, dtype=torch.float32))


def score(objective, dream, **weights):
    return objective.score(dream, PLACE, weights).numpy()


def away(*distances):
    """Return places [K, H, 3] that stay so far from the goal, along y."""
    places = np.zeros((len(distances), HORIZON, 3))
    places[..., 1] = np.array(distances)[:, None]
    return places


@pytest.mark.parametrize('task', ['reach', 'push'])
def test_goal_is_the_distance_of_the_subject_in_10_cm(task):
    model, objective = make(task)
    dream = dream_of(model, subject=away(0.0, 0.1, 0.3))
    np.testing.assert_allclose(score(objective, dream, goal=2.0),
                               -2.0 * np.array([0, 1, 3]) * SCALE.sum(), rtol=1e-4, atol=1e-4)


def test_later_steps_count_less():
    model, objective = make('reach')
    places = np.zeros((HORIZON, HORIZON, 3))
    for step in range(HORIZON):
        places[step, step, 0] = 0.1
    np.testing.assert_allclose(score(objective, dream_of(model, subject=places), goal=1.0),
                               -SCALE, rtol=1e-4)


def test_the_start_does_not_count():
    model, objective = make('reach')
    dream = dream_of(model, subject=away(0.0))
    dream.states[:, 0] = 9.0
    assert score(objective, dream, goal=1.0)[0] == pytest.approx(0.0, abs=1e-5)


def test_disagreement_costs():
    model, objective = make('push')
    doubts = np.array([[0.0] * 4, [0.01, 0.02, 0.03, 0.04]])
    np.testing.assert_allclose(
        score(objective, dream_of(model, disagreement=doubts), disagreement=3.0),
        -3.0 * (doubts / 0.1 * SCALE).sum(1), rtol=1e-5)


def test_effort_is_the_squared_action():
    model, objective = make('reach')
    actions = np.zeros((2, HORIZON, 5))
    actions[1, 2, :2] = [0.5, -1.0]
    np.testing.assert_allclose(score(objective, dream_of(model, actions=actions), effort=1.0),
                               [0.0, -1.25 * SCALE[2]], rtol=1e-5)


def test_smoothness_is_the_change_of_action():
    model, objective = make('reach')
    actions = np.zeros((3, HORIZON, 5))
    actions[1] = 0.5                # goes on as it moves: nothing changes
    actions[2, 2:, 0] = 0.5         # changes once, from step 1 to 2
    dream = dream_of(model, actions=actions)
    dream.states[1, 0, model.layout.setpoint_twist] = torch.tensor(
        0.5 * model.dynamics.rule.speed).float()
    np.testing.assert_allclose(
        score(objective, dream, smoothness=1.0), [0.0, 0.0, -0.25 * SCALE[2]], atol=1e-6)
    dream.states[:, 0, model.layout.setpoint_twist] = 0.0       # the arm stands
    assert score(objective, dream, smoothness=1.0)[1] == pytest.approx(-5 * 0.25 + 0.25)


def test_approach_leads_behind_the_object():
    model, objective = make('push')
    block = away(0.2, 0.2, 0.2)             # the goal is at 0, the block at y = 0.2
    tool = away(0.25, 0.15, 0.35)           # behind it, in its way, too far behind it
    scores = score(objective, dream_of(model, subject=block, ee=tool), approach=1.0)
    np.testing.assert_allclose(scores, [0.0, -1.0 * SCALE.sum(), -1.0 * SCALE.sum()], atol=1e-3)


@pytest.mark.parametrize('task', ['reach', 'push'])
def test_arrival_rewards_being_there(task):
    model, objective = make(task)
    tolerance = model.task.tolerance
    scores = score(objective, dream_of(model, subject=away(
        0.0, 0.5 * tolerance, 1.5 * tolerance, 4 * tolerance)), arrival=1.0)
    assert scores[0] >= scores[1] > scores[2] >= scores[3] - 1e-6
    assert scores[1] > -0.2 * SCALE.sum() and scores[2] < -0.8 * SCALE.sum()


def test_arrival_means_at_rest_where_the_task_says_so():
    model, objective = make('push')
    moving = away(0.0, 0.0)
    moving[1, :, 0] = 0.002 * np.arange(HORIZON)        # 4 cm/s
    scores = score(objective, dream_of(model, subject=moving), arrival=1.0)
    assert scores[0] > scores[1] + 1.0
    model, objective = make('reach')
    scores = score(objective, dream_of(model, subject=moving), arrival=1.0)
    assert scores[0] == pytest.approx(scores[1], abs=0.2)


def test_reward_and_value_are_the_heads():
    model, objective = make('push')
    dream = dream_of(model, subject=away(0.0, 0.2), ee=away(0.1, 0.3))
    goals = PLACE.expand(2, HORIZON, 3)
    with torch.no_grad():
        rewards = model.dynamics.reward(dream.states[:, 1:], dream.latents[:, 1:], goals)
        values = model.dynamics.values(dream.states[:, -1], dream.latents[:, -1], goals[:, -1])
    np.testing.assert_allclose(score(objective, dream, reward=1.0),
                               (rewards.numpy() * SCALE).sum(1), rtol=1e-4)
    lower = (values.mean(0) - values.std(0)).numpy()
    np.testing.assert_allclose(score(objective, dream, value=0.5),
                               0.5 * SMALL.discount ** HORIZON * lower, rtol=1e-4)


def test_terms_add_up():
    model, objective = make('push')
    rng = np.random.default_rng(0)
    dream = dream_of(model, subject=rng.normal(size=(3, 4, 3)), ee=rng.normal(size=(3, 4, 3)),
                     actions=rng.uniform(-1, 1, (3, 4, 5)), disagreement=rng.random((3, 4)))
    weights = {'goal': 1.0, 'approach': 0.5, 'effort': 0.1, 'disagreement': 2.0, 'value': 0.0}
    parts = objective.shares(dream, PLACE, weights)
    assert set(parts) == set(weights) - {'value'}       # what does not count is not computed
    np.testing.assert_allclose(objective.score(dream, PLACE, weights), sum(parts.values()))
    alone = [score(objective, dream, **{name: weight}) for name, weight in weights.items()
             if weight]
    np.testing.assert_allclose(objective.score(dream, PLACE, weights), sum(alone), rtol=1e-5)


def test_nothing_wanted_is_worth_nothing():
    model, objective = make('reach')
    assert not score(objective, dream_of(model, subject=away(0.1, 0.2)), goal=0.0).any()
