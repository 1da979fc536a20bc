"""MPPI and the planners without a search; futures that are not finite are dropped."""

from dataclasses import replace
import time

from model_testing import BLOCK, GOAL, make_model, observe_at, ROBOT
import numpy as np
import pytest
import torch
from wm_ros.planning import PlannerSettings, unsearched
from wm_ros.planning.candidates import coloured_noise, correlated_noise
from wm_ros.planning.mppi import mppi
from wm_ros.planning.objective import Objective
from wm_ros.planning.problem import Problem
from wm_ros.planning.registry import PLANNERS
from wm_ros.planning.tree import tree
from wm_ros.planning.unsearched import CorrelatedNoise
from wm_ros.types import NoValidPlan
from wm_ros.world_model import WorldModel

SETTINGS = PlannerSettings.from_params({
    'planner.horizon': 5, 'planner.num_samples': 16, 'planner.num_elites': 4,
    'planner.num_policy_samples': 8, 'planner.noise_std': 0.4, 'planner.temperature': 0.5})
ABSOLUTE = replace(SETTINGS, around_prior=False)
ACTIVE = np.array([1, 1, 1, 0, 0])


class BrokenModel(WorldModel):
    """A world model some of whose futures break."""

    broken, kind = (), 'state'

    def imagine(self, *args, **kwargs):
        dream = super().imagine(*args, **kwargs)
        rows = [row for row in self.broken if row < len(dream.actions)]
        with torch.inference_mode():
            if self.kind == 'state':
                dream.states[rows, 2, 1] = torch.nan
            elif self.kind == 'overflow':
                dream.states[rows, -1, 0] = torch.inf
            elif self.kind == 'action':
                dream.actions[rows, 0, 0] = torch.nan
            else:
                dream.disagreement[rows, 1] = torch.nan
        return dream


def broken_model(task='push', rows=(), kind='state'):
    made = make_model(task)
    model = BrokenModel(made.dynamics, ROBOT, made.task)
    model.broken, model.kind = rows, kind
    return model


def problem(model=None, settings=SETTINGS, warm=None, seed=0, belief=None):
    model = make_model('push') if model is None else model
    if belief is None:
        poses = BLOCK[None] if model.layout.objects else None
        belief = model.observe(None, observe_at(poses=poses))
    return Problem(
        model=model, objective=Objective(model, model.task), state=torch.tensor(belief.state),
        latent=torch.tensor(belief.latent), goal=torch.tensor(GOAL[:3], dtype=torch.float32),
        warm=warm, settings=settings, rng=torch.Generator().manual_seed(seed),
        noise=CorrelatedNoise(5, seed))


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
    assert np.array_equal(first, other) == (name in ('prior', 'actor'))


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


def test_searching_longer_finds_better():
    found = []
    for iterations in (1, 6):
        settings = replace(SETTINGS, iterations=iterations, num_samples=64)
        given = problem(make_model('reach'), settings)
        actions = torch.tensor(mppi(given).actions[None])
        dream = given.model.imagine(given.state, given.latent, actions)
        found.append(float(given.objective.score(dream, given.goal, settings.weights)))
    assert found[1] > found[0]
    still = given.model.imagine(given.state, given.latent, torch.zeros(1, 5, 5))
    assert found[0] > float(given.objective.score(still, given.goal, settings.weights))


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


@pytest.mark.parametrize('name', ['mppi', 'cem', 'gradient'])
def test_what_is_searched_for_is_added_to_the_prior_of_each_future(name):
    """So that a future which goes astray is led back, as it would be."""
    warm = np.full((5, 5), 0.25, np.float32) * ACTIVE
    given = problem(warm=warm, settings=replace(SETTINGS, noise_std=0.0, step_size=1e-9))
    solution = PLANNERS[name](given)
    dream, prior = solution.dream, given.model.dynamics.policy
    rows = [(prior(dream.states[k, :-1], dream.latents[k, :-1], given.goal.expand(5, 3)).numpy()
             + warm).clip(-1, 1) for k in range(len(dream.actions))]
    assert min(np.abs(row - actions.numpy()).max()
               for row, actions in zip(rows, dream.actions)) < 1e-5
    assert solution.offsets.shape == (5, 5)


def test_coloured_noise_is_of_unit_width_and_the_redder_the_smoother():
    rng, along = torch.Generator().manual_seed(0), []
    for exponent in (0.0, 1.0, 2.0, 4.0):
        noise = coloured_noise(4000, 10, 5, exponent, rng).numpy()
        np.testing.assert_allclose(noise.std((0, 2)), 1.0, atol=0.03)
        along.append(np.mean(noise[:, 1:] * noise[:, :-1]))
    assert abs(along[0]) < 0.02 and (np.diff(along) > 0.1).all() and along[-1] > 0.9


@pytest.mark.parametrize('name', ['mppi', 'cem', 'gradient'])
@pytest.mark.parametrize('settings', [SETTINGS, ABSOLUTE])
def test_more_iterations_find_better(name, settings):
    found = []
    for iterations in (1, 8):
        given = problem(make_model('reach'), replace(settings, iterations=iterations,
                                                     num_samples=64))
        found.append(PLANNERS[name](given).score)
    assert found[1] > found[0]


def test_a_tree_that_is_searched_longer_finds_better():
    found = [np.mean([tree(problem(make_model('reach'), replace(
        SETTINGS, horizon=6, simulations=count), seed=seed)).score for seed in range(4)])
        for count in (16, 512)]
    assert found[1] > found[0]


def test_a_tree_chooses_for_as_many_steps_as_its_depth_says():
    for depth, hold in ((1, 6), (2, 3), (3, 2), (6, 1)):
        settings = replace(SETTINGS, horizon=6, depth=depth, simulations=400)
        offsets = tree(problem(settings=settings)).offsets
        changes = np.flatnonzero(np.abs(np.diff(offsets, axis=0)).max(1))
        assert set((changes + 1) % hold) <= {0} and np.abs(offsets[:hold]).max() <= 2.0


@pytest.mark.parametrize('name', ['mppi', 'cem', 'gradient', 'tree'])
def test_a_search_ends_before_its_deadline_with_what_it_has(name):
    settings = replace(SETTINGS, iterations=100, simulations=640)
    solution = PLANNERS[name](replace(problem(settings=settings), deadline=time.perf_counter()))
    assert solution.iterations == 1 and np.isfinite(solution.actions).all()
    # Of 16 root actions half are left after each quarter of the simulations.
    assert PLANNERS[name](problem(settings=settings)).iterations == (
        100 if name != 'tree' else 10 + 20 + 40 + 80)


def test_the_shares_of_the_score_are_told():
    settings = replace(SETTINGS, weights={'goal': 1.0, 'effort': 0.5, 'disagreement': 0.0})
    for name in PLANNERS:
        solution = PLANNERS[name](problem(settings=settings))
        assert set(solution.shares) == {'goal', 'effort'}
        assert solution.score == pytest.approx(sum(solution.shares.values()), rel=1e-5)
        assert all(share <= 0.0 for share in solution.shares.values())


def test_noise_is_of_the_width_and_correlation_asked_for():
    settings = replace(SETTINGS, noise_correlation=0.8, horizon=20)
    noise = correlated_noise(4000, 20, 5, settings, torch.Generator().manual_seed(0)).numpy()
    np.testing.assert_allclose(noise.std((0, 2)), 1.0, atol=0.03)
    assert np.mean(noise[:, 1:] * noise[:, :-1]) == pytest.approx(0.8, abs=0.02)
    assert np.mean(noise[:, 3:] * noise[:, :-3]) == pytest.approx(0.8 ** 3, abs=0.02)


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
