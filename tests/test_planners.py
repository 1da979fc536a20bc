"""MPPI and the planners without a search; futures that are not finite are dropped."""

from dataclasses import replace

from model_testing import make_model
import numpy as np
from planning_testing import ABSOLUTE, ACTIVE, broken_model, problem, SETTINGS
import pytest
import torch
from wm_ros.planning import unsearched
from wm_ros.planning.mppi import mppi
from wm_ros.planning.registry import PLANNERS
from wm_ros.types import NoValidPlan


def weighted_mean(given, dream, rows, settings=SETTINGS):
    """Return what MPPI makes of the candidates ``rows``, computed anew."""
    scores = given.objective.score(dream, given.goal, settings.weights)[rows]
    best = torch.argsort(scores, descending=True)[:settings.num_elites]
    weights = torch.softmax(scores[best] / settings.temperature, 0)
    return (weights[:, None, None] * dream.actions[rows][best]).sum(0).numpy()


@pytest.mark.parametrize('name', PLANNERS)
@pytest.mark.parametrize('task', ['reach', 'push'])
def test_what_planners_return(name, task):
    solution = PLANNERS[name](problem(make_model(task)))
    assert solution.actions.shape == (5, 5) and solution.actions.dtype == np.float32
    assert (np.abs(solution.actions) <= 1).all()
    assert not solution.actions[:, ~ACTIVE.astype(bool)].any()
    assert np.isfinite([solution.score, solution.disagreement]).all()
    assert solution.dropped == 0 and solution.dream.states.shape[1:] == (6, 15 + 8 * (
        task == 'push'))


@pytest.mark.parametrize('name', PLANNERS)
def test_the_same_seed_gives_the_same(name):
    first, again, other = (PLANNERS[name](problem(seed=seed)).actions for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert np.array_equal(first, other) == (name in ('prior', 'actor', 'nlp'))


def test_mppi_is_the_weighted_mean_of_the_elites():
    given = problem()
    solution = mppi(given)
    np.testing.assert_allclose(
        solution.actions, weighted_mean(given, solution.dream, torch.arange(16)), atol=1e-6)
    assert solution.dream.actions.shape == (16, 5, 5)


def test_low_temperature_takes_the_best():
    given = problem(settings=replace(SETTINGS, temperature=1e-6))
    solution = mppi(given)
    scores = given.objective.score(solution.dream, given.goal, SETTINGS.weights)
    np.testing.assert_allclose(solution.actions, solution.dream.actions[scores.argmax()],
                               atol=1e-6)
    assert solution.score == pytest.approx(float(scores.max()), rel=1e-5)


def test_prior_and_warm_start_are_candidates():
    warm = np.random.default_rng(0).uniform(-0.5, 0.5, (5, 5)).astype(np.float32) * ACTIVE
    dream = mppi(problem(warm=warm, settings=ABSOLUTE)).dream
    np.testing.assert_allclose(dream.actions[-1], warm, atol=1e-6)
    np.testing.assert_allclose(dream.actions[0], unsearched.prior(problem()).actions, atol=1e-6)
    # Without a last plan all follow the prior.
    dream = mppi(problem(settings=ABSOLUTE)).dream
    assert np.abs(dream.actions[-1].numpy() - warm).max() > 0.01


@pytest.mark.parametrize('guided', [0, 1, 16])
def test_any_share_of_guided_candidates(guided):
    warm = np.full((5, 5), 0.25, np.float32) * ACTIVE
    settings = replace(ABSOLUTE, num_policy_samples=guided, noise_std=0.0)
    actions = mppi(problem(settings=settings, warm=warm)).dream.actions.numpy()
    prior = unsearched.prior(problem()).actions
    np.testing.assert_allclose(actions[:guided], np.tile(prior, (guided, 1, 1)), atol=1e-6)
    np.testing.assert_allclose(actions[guided:], np.tile(warm, (16 - guided, 1, 1)), atol=1e-6)


def test_the_shares_of_the_score_are_told():
    settings = replace(SETTINGS, weights={'goal': 1.0, 'effort': 0.5, 'disagreement': 0.0})
    for name in PLANNERS:
        solution = PLANNERS[name](problem(settings=settings))
        assert set(solution.shares) == {'goal', 'effort'}
        assert solution.score == pytest.approx(sum(solution.shares.values()), rel=1e-5)
        assert all(share <= 0.0 for share in solution.shares.values())


@pytest.mark.parametrize('kind', ['state', 'overflow', 'action', 'disagreement'])
@pytest.mark.parametrize('rows', [(0,), (15,), tuple(range(0, 16, 2)), tuple(range(15))])
def test_rows_that_are_not_finite_are_dropped(kind, rows):
    # Without its weight, too, a doubt that is not finite must not come through.
    weights = {**SETTINGS.weights, 'disagreement': 0.0}
    settings = replace(SETTINGS, weights=weights)
    given = problem(broken_model(rows=rows, kind=kind), settings)
    solution = mppi(given)
    assert solution.dropped == len(rows)
    good = torch.tensor([row for row in range(16) if row not in rows])
    np.testing.assert_allclose(
        solution.actions, weighted_mean(given, solution.dream, good, settings), atol=1e-6)
    assert np.isfinite(solution.actions).all()
    assert np.isfinite([solution.score, solution.disagreement]).all()


def test_a_broken_row_does_not_touch_the_others():
    whole = mppi(problem())
    scores = problem().objective.score(whole.dream, problem().goal, SETTINGS.weights)
    worst = int(scores.argmin())
    np.testing.assert_array_equal(mppi(problem(broken_model(rows=(worst,)))).actions,
                                  whole.actions)


@pytest.mark.parametrize('kind', ['state', 'overflow', 'action', 'disagreement'])
@pytest.mark.parametrize('name', PLANNERS)
def test_without_a_finite_row_there_is_no_plan(name, kind):
    model = broken_model(rows=range(16), kind=kind)
    with pytest.raises(NoValidPlan):
        PLANNERS[name](problem(model))
    model.broken = ()
    assert np.isfinite(PLANNERS[name](problem(model)).actions).all()


@pytest.mark.parametrize('name', PLANNERS)
def test_a_belief_that_is_not_finite_makes_no_plan(name):
    given = problem()
    state = given.state.clone()
    state[0] = torch.nan
    with pytest.raises(NoValidPlan):
        PLANNERS[name](replace(given, state=state))
    with pytest.raises(NoValidPlan):
        PLANNERS[name](replace(given, goal=torch.full((3,), torch.nan)))


def test_dropped_rows_are_counted_over_all_iterations():
    settings = replace(SETTINGS, iterations=3)
    assert mppi(problem(broken_model(rows=(1, 2)), settings)).dropped == 6


def test_random_actions_are_uniform():
    settings = replace(SETTINGS, horizon=50)
    actions = np.concatenate([unsearched.random(problem(settings=settings, seed=seed)).actions
                              for seed in range(20)])[:, :3]
    assert np.abs(actions.mean()) < 0.05 and actions.std() == pytest.approx(3 ** -0.5, rel=0.05)


def test_the_prior_acts_on_what_it_imagines():
    given = problem()
    solution = unsearched.prior(given)
    for t in range(5):
        action = given.model.dynamics.policy(
            solution.dream.states[:, t], solution.dream.latents[:, t], given.goal[None])
        np.testing.assert_allclose(solution.actions[t], action[0].detach(), atol=1e-6)


def test_the_dither_is_the_prior_with_one_noise_for_all_steps():
    given = problem()
    solution = unsearched.dither(replace(given, act_at=1.0))
    dream = solution.dream
    prior = given.model.dynamics.policy(dream.states[0, :-1], dream.latents[0, :-1],
                                        given.goal.expand(5, 3))
    off = solution.actions - prior.detach().numpy()
    np.testing.assert_allclose(off, np.tile(off[0], (5, 1)), atol=1e-6)
    assert np.abs(off[0, :3]).min() > 1e-3 and not off[:, 3:].any()


def test_the_dither_foretells_what_it_does():
    solution = unsearched.dither(replace(problem(), act_at=1.0))
    np.testing.assert_array_equal(solution.dream.actions[0], solution.actions)
