"""Figures of a TD-MPC2 plan of the published sizes: ours against the algorithm in eager torch."""

import numpy as np
import torch
from wm_ros.bench.planning.timing import in_turns, middle, on_cores, ratios, spread_of
from wm_ros.bench.record import at_least, load_note, shown
from wm_ros.planning.latent import latent_problem
from wm_ros.planning.mppi import mppi
from wm_ros.planning.settings import PlannerSettings
from wm_ros.world_model.tdmpc2 import LatentModel, Network, Sizes

_ROUNDS, _BAR = 30, 3.5
_COMMAND = 'wm_ros bench planning --only full_size'
#: Of the planner, as published (Hansen et al. 2024, table of hyperparameters).
_CANDIDATES, _OF_POLICY, _ELITES, _HORIZON, _ITERATIONS = 512, 24, 64, 3, 6
_NARROWEST, _WIDEST, _SHARPNESS = 0.05, 2.0, 0.5    # sharpness: 1 / temperature
_LEAST, _MOST = -10.0, 2.0                          # logarithm of the policy's width


def full_size():
    """Return how many times as long eager torch plans as we do, in both precisions."""
    times = on_cores(1, measured)
    rows = [shown('full_size_ms/eager', middle(times['eager']), 'ms', _COMMAND,
                  f'{spread_of(times["eager"], "ms")}; {load_note()}')]
    for precision, judge in (('bfloat16', at_least), ('float32', shown)):
        faster = ratios(times['eager'], times[precision])
        bar = (_BAR,) if judge is at_least else ()
        rows += [
            judge(f'full_size_faster/{precision}', middle(faster), *bar, 'times', _COMMAND,
                  f'one core, {_ROUNDS} turns; {spread_of(faster)}'),
            shown(f'full_size_ms/{precision}', middle(times[precision]), 'ms', _COMMAND,
                  spread_of(times[precision], 'ms'))]
    return rows


def measured(rounds=_ROUNDS):
    """Return times [ms] of plans with the published sizes and random weights."""
    torch.manual_seed(0)
    network = Network(Sizes(actions=7)).eval().requires_grad_(False)
    latent = torch.softmax(torch.randn(64, 8), -1).flatten()
    previous = torch.zeros(_HORIZON, 7)
    plans = {precision: _ours(LatentModel(network, precision), latent, previous.numpy())
             for precision in ('bfloat16', 'float32')}
    return in_turns({'eager': lambda: eager_plan(network, latent, previous), **plans}, rounds)


def _ours(model, latent, previous: np.ndarray):
    settings = PlannerSettings.from_params({
        'planner.horizon': _HORIZON, 'planner.num_samples': _CANDIDATES,
        'planner.num_elites': _ELITES, 'planner.iterations': _ITERATIONS,
        'planner.num_policy_samples': _OF_POLICY, 'planner.around_prior': False,
        'planner.noise_std': _WIDEST, 'planner.noise_correlation': 0.0,
        'planner.temperature': 1.0 / _SHARPNESS})
    rng = torch.Generator().manual_seed(0)
    return lambda: mppi(latent_problem(model, latent, settings, rng, previous))


@torch.no_grad()
def eager_plan(network: Network, latent, previous):
    """
    Return the mean plan [H, A]: TD-MPC2's planner in torch, written as the paper tells it.

    Candidates of the policy stay the same in all iterations; a return is the rewards, and the mean
    of two value heads for what the policy would do at the end.
    """
    prior = _policy_candidates(network, latent)
    mean, width = previous, torch.full_like(previous, _WIDEST)
    for _ in range(_ITERATIONS):
        noise = torch.randn(_CANDIDATES - _OF_POLICY, *mean.shape)
        actions = torch.cat([prior, (mean + width * noise).clamp(-1.0, 1.0)])
        returns = _returns(network, latent, actions)
        best, index = returns.topk(_ELITES)
        weights = torch.exp(_SHARPNESS * (best - best[0]))
        weights = (weights / weights.sum())[:, None, None]
        elites = actions[index]
        mean = (weights * elites).sum(0)
        width = (weights * (elites - mean) ** 2).sum(0).sqrt().clamp(_NARROWEST, _WIDEST)
    return mean


def _returns(network, latent, actions):
    z, total, discount = latent.expand(len(actions), -1), 0.0, network.sizes.discount
    for t in range(_HORIZON):
        total = total + discount ** t * network.reward(z, actions[:, t])
        z = network.next(z, actions[:, t])
    heads = torch.randperm(network.sizes.values)[:network.sizes.averaged].tolist()
    return total + discount ** _HORIZON * network.value(z, _drawn(network, z), heads)


def _policy_candidates(network, latent):
    z, actions = latent.expand(_OF_POLICY, -1), []
    for _ in range(_HORIZON):
        actions.append(_drawn(network, z))
        z = network.next(z, actions[-1])
    return torch.stack(actions, 1)


def _drawn(network, z):
    """Return an action [K, A] that the policy draws."""
    mean, width = network.policy_head(z).chunk(2, -1)
    width = _LEAST + 0.5 * (_MOST - _LEAST) * (torch.tanh(width) + 1.0)
    return torch.tanh(mean + torch.randn_like(mean) * width.exp())
