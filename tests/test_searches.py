"""Searches: what they search for, that more of it finds better, and that they end in time."""

from dataclasses import replace
import time

from model_testing import make_model
import numpy as np
from planning_testing import ABSOLUTE, ACTIVE, problem, SETTINGS
import pytest
import torch
from wm_ros.planning.mppi import mppi
from wm_ros.planning.registry import PLANNERS
from wm_ros.planning.tree import tree


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
