"""The latent model: its compiled dreams are eager torch's, and planners plan with it."""

from dataclasses import replace
from itertools import combinations
from shutil import which
from threading import current_thread, Thread

import numpy as np
import pytest
import torch
from torch import nn
from torch._dynamo.utils import counters
from wm_ros.planning.latent import latent_problem, Returns
from wm_ros.planning.mppi import mppi
from wm_ros.planning.registry import PLANNERS
from wm_ros.planning.settings import PlannerSettings
from wm_ros.types import NoValidPlan, WmRosError
from wm_ros.world_model.tdmpc2 import compiled, LatentModel, Network, Sizes

#: How far a precision's numbers may be from eager torch's, of numbers of about 1.
OFF = {'float32': 2e-5, 'bfloat16': 0.06}
PLAIN = Sizes(actions=3, latent=32, hidden=48, values=1, averaged=1, bins=1)
TWO_HOT = Sizes(actions=5, latent=48, hidden=32, values=3, averaged=3, bins=21, limit=3.0)
SETTINGS = PlannerSettings.from_params({
    'planner.horizon': 5, 'planner.num_samples': 64, 'planner.num_elites': 8,
    'planner.iterations': 5, 'planner.noise_std': 0.6, 'planner.num_policy_samples': 16,
    'planner.around_prior': False, 'planner.simulations': 400})


def network(sizes=PLAIN, seed=0):
    torch.manual_seed(seed)
    made = Network(sizes)
    for part in made.modules():
        if isinstance(part, nn.LayerNorm):
            nn.init.normal_(part.weight, 1.0, 0.3)
            nn.init.normal_(part.bias, 0.0, 0.3)
    return made


def latent(sizes=PLAIN, seed=1):
    drawn = torch.randn(sizes.latent // 8, 8, generator=torch.Generator().manual_seed(seed))
    return torch.softmax(drawn, -1).flatten()


def actions(count, sizes=PLAIN, horizon=4):
    return 1.5 * torch.randn(count, horizon, sizes.actions)


def score(model, plan, seed=1):
    dream = model.imagine(None, latent(model.dynamics.sizes, seed), torch.as_tensor(plan)[None])
    return float(sum(Returns(model.dynamics.sizes.discount).shares(dream).values()))


@pytest.mark.parametrize('precision', OFF)
@pytest.mark.parametrize('sizes', [PLAIN, TWO_HOT])
@pytest.mark.parametrize('threads', [1, 2])
def test_compiled_dreams_are_those_of_eager_torch(monkeypatch, precision, sizes, threads):
    monkeypatch.setattr(compiled, '_WORTH', 1)      # so that small networks are shared out as well
    made = network(sizes)
    eager, model = LatentModel(made, 'eager'), LatentModel(made, precision, threads=threads)
    for count, guided in ((40, 0), (41, 25), (7, 7), (1, 0), (90, 3)):
        offered = actions(count, sizes)
        kept = offered.clone()
        expected = eager.imagine(None, latent(sizes), offered, guided=guided)
        found = model.imagine(None, latent(sizes), offered, guided=guided)
        assert torch.equal(offered, kept)
        for name, theirs in expected._asdict().items():
            torch.testing.assert_close(getattr(found, name).float(), theirs, rtol=0.0,
                                       atol=OFF[precision], msg=f'{name} of {count}')


@pytest.mark.skipif(not (which('g++') or which('clang++')), reason='it needs a C++ compiler')
def test_dreams_by_torchs_compiler_are_those_of_eager_torch():
    made = network(TWO_HOT)
    eager, model = LatentModel(made, 'eager'), LatentModel(made, 'compile')
    compiled = counters['stats']['unique_graphs']
    for count, guided in ((40, 0), (41, 25), (7, 7), (1, 0)):
        offered = actions(count, TWO_HOT)
        expected = eager.imagine(None, latent(TWO_HOT), offered, guided=guided)
        found = model.imagine(None, latent(TWO_HOT), offered, guided=guided)
        for ours, theirs in zip(found, expected):
            torch.testing.assert_close(ours, theirs, rtol=0.0, atol=1e-4)
    model.imagine(None, latent(TWO_HOT), actions(9, TWO_HOT, horizon=1))
    assert counters['stats']['unique_graphs'] == compiled, 'all was compiled before the first'


def test_a_dream_is_kept_when_the_next_one_comes():
    model = LatentModel(network())
    dream = model.imagine(None, latent(), actions(20))
    kept = [part.clone() for part in dream]
    model.imagine(None, latent(seed=2), actions(20))
    assert all(map(torch.equal, dream, kept))


def test_weights_are_those_of_now():
    made = network()
    model, offered = LatentModel(made), actions(20)
    before = model.imagine(None, latent(), offered)
    made.transition[0][0].weight.mul_(0.5)
    after = model.imagine(None, latent(), offered)
    assert (after.latents - before.latents).abs().max() > 1e-3
    expected = LatentModel(made, 'eager').imagine(None, latent(), offered)
    torch.testing.assert_close(after.latents, expected.latents, rtol=0.0, atol=2e-5)


def test_guided_futures_follow_the_policy():
    made = network()
    dream = LatentModel(made).imagine(None, latent(), torch.zeros(20, 4, 3), guided=12)
    wanted = made.policy(dream.latents[:, :-1])
    torch.testing.assert_close(dream.actions[:12], wanted[:12], rtol=0.0, atol=2e-5)
    assert wanted[:12].abs().max() > 0.01 and not dream.actions[12:].any()


def test_value_heads_are_drawn_for_each_dream_and_the_same_from_the_same_seed():
    sizes = replace(TWO_HOT, values=5, averaged=2)
    made, offered = network(sizes), actions(20, sizes)
    model, again = (LatentModel(made, seed=3) for _ in range(2))
    end = LatentModel(made, 'eager').imagine(None, latent(sizes), offered).latents[:, -1]
    pairs = {pair: made.value(end, made.policy(end), pair) for pair in combinations(range(5), 2)}
    drawn = set()
    for _ in range(12):
        values = model.imagine(None, latent(sizes), offered).values
        torch.testing.assert_close(values, again.imagine(None, latent(sizes), offered).values)
        (pair,) = [pair for pair, mean in pairs.items()
                   if torch.allclose(values, mean, rtol=0.0, atol=1e-4)]
        drawn.add(pair)
    assert len(drawn) > 3


def test_the_return_of_a_dream_is_discounted():
    dream = LatentModel(network()).imagine(None, latent(), actions(6))
    parts = Returns(0.9).shares(dream)
    by_hand = sum(0.9 ** t * dream.rewards[:, t] for t in range(4))
    torch.testing.assert_close(parts['reward'], by_hand)
    torch.testing.assert_close(parts['value'], 0.9 ** 4 * dream.values)


def test_gradients_say_where_returns_rise():
    model = LatentModel(network())
    point = (0.3 * torch.randn(6, 4, 3)).requires_grad_(True)
    dream = model.imagine_with_gradients(None, latent(), point, None)
    (slope,) = torch.autograd.grad(sum(Returns(0.99).shares(dream).values()).sum(), point)
    before, after = (model.imagine(None, latent(), at) for at in (
        point.detach(), point.detach() + 1e-2 * slope / slope.norm(dim=(1, 2), keepdim=True)))
    rise = [sum(Returns(0.99).shares(dream).values()) for dream in (before, after)]
    torch.testing.assert_close(rise[1] - rise[0], 1e-2 * slope.norm(dim=(1, 2)), rtol=0.1,
                               atol=1e-4)


@pytest.mark.parametrize('precision', [*OFF, 'eager'])
@pytest.mark.parametrize('name', ['mppi', 'cem', 'gradient', 'tree'])
def test_planners_plan_better_than_what_they_start_from(name, precision):
    made = network()
    model, judge = LatentModel(made, precision), LatentModel(made, 'eager')
    start = np.zeros((5, 3), np.float32)
    problem = latent_problem(model, latent(), SETTINGS, torch.Generator().manual_seed(0), start)
    solution = PLANNERS[name](problem)
    # A tree follows the policy, and starts from it.
    led = judge.imagine(None, latent(), torch.as_tensor(start)[None], guided=int(name == 'tree'))
    assert solution.actions.shape == (5, 3) and np.abs(solution.actions).max() <= 1.0
    assert score(judge, solution.actions) > score(judge, led.actions[0]) + 0.05


def test_more_iterations_find_better():
    model = LatentModel(network())
    found = [score(model, mppi(latent_problem(
        model, latent(), replace(SETTINGS, iterations=iterations),
        torch.Generator().manual_seed(0))).actions) for iterations in (1, 6)]
    assert found[1] > found[0]


def test_what_is_not_finite_is_dropped():
    made = network()
    model = LatentModel(made)
    offered = actions(20)
    offered[[3, 11], 2, 0] = torch.nan
    dream = model.imagine(None, latent(), offered)
    scores = sum(Returns(0.99).shares(dream).values())
    assert scores.isnan().nonzero().flatten().tolist() == [3, 11]
    made.reward_head[0].weight.fill_(torch.nan)
    with pytest.raises(NoValidPlan):
        mppi(latent_problem(model, latent(), SETTINGS, torch.Generator()))


def test_small_dreams_are_not_shared_out(monkeypatch):
    threads = set()
    run = compiled._Room.run

    def noted(*arguments):
        threads.add(current_thread())
        return run(*arguments)

    monkeypatch.setattr(compiled._Room, 'run', noted)
    model = LatentModel(network(Sizes(actions=3, values=1, averaged=1, bins=1)), threads=2)
    model.imagine(None, latent(model.dynamics.sizes), torch.zeros(4, 2, 3))
    assert threads == {current_thread()}
    model.imagine(None, latent(model.dynamics.sizes), torch.zeros(400, 2, 3))
    assert len(threads) == 3


def test_threads_of_dreams_leave_others_as_many_cores_as_they_had():
    before, seen = torch.get_num_threads(), []
    torch.set_num_threads(2)
    try:
        LatentModel(network(), threads=2).imagine(None, latent(), actions(20))
        other = Thread(target=lambda: seen.append(torch.get_num_threads()))
        other.start()
        other.join()
        assert [*seen, torch.get_num_threads()] == [2, 2]
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize('wrong, word', [
    ({'latent': 40}, 'latent: got 40, expected a multiple of 16'),
    ({'hidden': 100}, 'hidden: got 100, expected a multiple of 16'),
    ({'actions': 0}, 'actions: got 0, expected an integer from 1'),
    ({'latent': 64.0}, 'latent: got 64.0, expected an integer'),
    ({'values': 2, 'averaged': 3}, 'averaged: got 3, expected an integer from 1 to 2'),
    ({'bins': 0}, 'bins: got 0'), ({'limit': 0.0}, 'limit: got 0.0, expected above 0'),
    ({'discount': 1.5}, 'discount: got 1.5'), ({'discount': float('nan')}, 'discount: got nan')])
def test_senseless_sizes_are_refused(wrong, word):
    with pytest.raises(ValueError, match=word):
        Sizes(**{'actions': 3, **wrong})


@pytest.mark.parametrize('wrong, word', [
    ({'backend': 'int8'}, "got 'int8', expected one of float32, bfloat16, compile"),
    ({'device': 'meta'}, 'got float32 on meta, expected compile or eager there'),
    ({'threads': 0}, 'threads: got 0, expected at least 1')])
def test_what_a_model_cannot_run_on_is_refused(wrong, word):
    with pytest.raises(WmRosError, match=word):
        LatentModel(network(), **wrong)


@pytest.mark.parametrize('given, offered, word', [
    (torch.zeros(16), torch.zeros(2, 4, 3), r'latent: got shape \[16\], expected \[32\]'),
    (torch.zeros(1, 32), torch.zeros(2, 4, 3), r'latent: got shape \[1, 32\]'),
    (torch.zeros(32), torch.zeros(2, 4, 5), r'actions: got shape \[2, 4, 5\], expected .* 3\]'),
    (torch.zeros(32), torch.zeros(4, 3), r'actions: got shape \[4, 3\]')])
def test_what_does_not_fit_is_refused(given, offered, word):
    model = LatentModel(network())
    for imagine in (model.imagine, model.imagine_with_gradients):
        with pytest.raises(WmRosError, match=word):
            imagine(None, given, offered)
