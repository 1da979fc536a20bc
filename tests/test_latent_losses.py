"""Losses of a latent agent: targets by hand, and which of them may change what."""

from dataclasses import replace
import math

import pytest
import torch
from wm_ros.learning.latent.losses import Batch, model_losses, policy_loss, value_targets, Weights
from wm_ros.world_model.tdmpc2 import AgentConfig, LatentAgent

H, B, O, G, A, GAMMA = 3, 40, 4, 2, 3, 0.9
WEIGHTS = Weights(smoothing=0.0)


def made(bins=1):
    """Return an agent, target heads and a batch in which anything may happen."""
    torch.manual_seed(0)
    agent = LatentAgent(AgentConfig(O, G, A, 32, 32, 2, bins, 4.0, GAMMA))
    targets = LatentAgent(agent.config).network.value_heads
    flags = (torch.rand(3, H, B) < 0.3).float()
    bound = torch.where(torch.rand(H, B) < 0.5, -torch.inf, -2 * torch.rand(H, B))
    batch = Batch(torch.randn(H + 1, B, O + G), torch.randn(B, G), torch.rand(H, B, A) * 2 - 1,
                  -torch.rand(H, B), flags[0], flags[1], 1 - flags[2], bound)
    return agent, targets, batch


@pytest.mark.parametrize('bins', [1, 21])
def test_targets_are_bellmans_within_what_is_known(bins):
    agent, targets, batch = made(bins)
    for module in (agent, targets):
        module.requires_grad_(False)
    network, low = agent.network, -1.5
    after = agent.encoder(batch.seen[1:], batch.goal.expand(H, B, G))
    found = value_targets(agent, targets, after, batch, WEIGHTS, (low, 0.0))
    kinds = set()
    for k in range(H):
        for b in range(B):
            z = after[k, b]
            both = torch.cat([z, network.policy(z)])
            value = min(float(network.number(head(both))) for head in targets)
            wanted = float(batch.rewards[k, b])
            wanted += 0.0 if batch.ended[k, b] else GAMMA * value
            bounded = max(wanted, float(batch.bound[k, b]))
            over = bool(batch.over[k, b])
            kinds.add((bounded > wanted, bounded < low, over))
            expected = 0.0 if over else min(max(bounded, low), 0.0)
            assert float(found[k, b]) == pytest.approx(expected, abs=1e-4)
    assert len(kinds) > 3


def test_what_is_not_known_does_not_count():
    agent, targets, batch = made()
    first, _ = model_losses(agent, targets, batch, WEIGHTS, (-9.0, 0.0))
    hidden = batch.known == 0
    strange = batch._replace(rewards=torch.where(hidden, 7.0, batch.rewards),
                             bound=torch.where(hidden, 5.0, batch.bound))
    second, _ = model_losses(agent, targets, strange, WEIGHTS, (-9.0, 9.0))
    third, _ = model_losses(agent, targets, strange._replace(known=torch.ones(H, B)), WEIGHTS,
                            (-9.0, 9.0))
    for name in ('consistency', 'reward'):
        torch.testing.assert_close(second[name], first[name])
    assert third['reward'] > 1.1 * second['reward']


def test_each_loss_moves_what_is_its_own():
    agent, targets, batch = made(21)
    losses, seen = model_losses(agent, targets, batch, WEIGHTS, (-9.0, 0.0))
    reach = {'consistency': {'encoder', 'transition'},
             'reward': {'encoder', 'transition', 'reward_head'},
             'value': {'encoder', 'transition', 'value_heads'}}
    names, parts = zip(*agent.named_parameters())
    for loss, own in reach.items():
        slopes = torch.autograd.grad(losses[loss], parts, allow_unused=True, retain_graph=True)
        moved = {name.replace('network.', '').split('.')[0]
                 for name, slope in zip(names, slopes) if slope is not None and slope.any()}
        assert moved == own, loss
    loss, _ = policy_loss(agent, seen, WEIGHTS, 1.0)
    slopes = torch.autograd.grad(loss, parts, allow_unused=True)
    assert not any(slope is not None and slope.any() and 'encoder' in name
                   for name, slope in zip(names, slopes))


def test_the_policy_climbs_values_and_imitates_what_is_better():
    agent, targets, batch = made()
    _, seen = model_losses(agent, targets, batch, WEIGHTS, (-9.0, 0.0))

    def learn(weights):
        optimiser = torch.optim.Adam(agent.network.policy_head.parameters(), 1e-2)
        for _ in range(60):
            loss, values = policy_loss(agent, seen, weights, 1.0)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        return float(values.mean())

    before = float(policy_loss(agent, seen, WEIGHTS, 1.0)[1].mean())
    assert learn(WEIGHTS) > before + 0.01
    for part in agent.network.value_heads.parameters():
        torch.nn.init.zeros_(part)      # all is worth the same: nothing is better
    kept = agent.network.policy(seen.latents[0]).detach()
    still = replace(WEIGHTS, effort=0.0, imitation=1.0)
    learn(still)
    torch.testing.assert_close(agent.network.policy(seen.latents[0]), kept)


def test_a_constant_reward_is_worth_what_it_adds_up_to():
    """Values of -1 for ever, from their own targets."""
    agent, targets, batch = made(21)
    batch = batch._replace(rewards=torch.full((H, B), -1.0), ended=torch.zeros(H, B),
                           over=torch.zeros(H, B), known=torch.ones(H, B),
                           bound=torch.full((H, B), -math.inf))
    optimiser = torch.optim.Adam(agent.parameters(), 3e-3)
    for _ in range(600):
        losses, _ = model_losses(agent, targets, batch, WEIGHTS, (-30.0, 0.0))
        optimiser.zero_grad()
        losses['loss'].backward()
        optimiser.step()
        for theirs, ours in zip(targets.parameters(), agent.network.value_heads.parameters()):
            theirs.data.lerp_(ours.data, 0.1)
    assert float(losses['target']) == pytest.approx(-1 / (1 - GAMMA), rel=0.05)
