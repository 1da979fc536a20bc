"""Losses and targets on cases that can be worked out by hand."""

import copy

from model_testing import make_dynamics, make_episode, SMALL
import numpy as np
import pytest
import torch
from wm_ros.learning import losses
from wm_ros.learning.replay import Replay
from wm_ros.learning.trainer import Trainer, TrainerConfig


def constant_values(dynamics, value):
    """Make every value head say ``value``."""
    for head in dynamics.value_heads:
        for parameter in head.parameters():
            torch.nn.init.zeros_(parameter)
        list(head.parameters())[-1].data.fill_(value)
    return dynamics


def value_loss(ours, theirs, rewards):
    """Return the value loss of heads that say ``ours`` under a target that says ``theirs``."""
    dynamics = constant_values(make_dynamics(), ours)
    target = constant_values(make_dynamics(), theirs)
    rewards = torch.tensor(rewards)[:, None]
    length = len(rewards)
    return float(losses.value_loss(
        dynamics, target, torch.randn(length + 1, 1, dynamics.layout.width),
        torch.rand(length + 1, 1, SMALL.latent), torch.randn(1, 3), rewards).detach())


def test_target_of_one_step_is_reward_and_discounted_value():
    d = SMALL.discount
    assert value_loss(0.0, -10.0, [-2.0]) == pytest.approx(0.1 * (-2 - 10 * d) ** 2, rel=1e-5)


def test_targets_of_three_steps_are_discounted_from_each_step_on():
    d = SMALL.discount
    targets = np.array([-1 - 2 * d - 3 * d ** 2 - 4 * d ** 3, -2 - 3 * d - 4 * d ** 2, -3 - 4 * d])
    expected = 0.1 * np.mean((-5 - targets) ** 2)
    assert value_loss(-5.0, -4.0, [-1.0, -2.0, -3.0]) == pytest.approx(expected, rel=1e-5)


def test_the_value_of_going_on_for_ever_is_a_fixed_point():
    always = -1.0 / (1.0 - SMALL.discount)
    assert value_loss(always, always, [-1.0] * 6) == pytest.approx(0.0, abs=1e-6)


def test_targets_are_not_moved_towards_the_estimates():
    dynamics, target = make_dynamics(), make_dynamics(seed=1)
    losses.value_loss(dynamics, target, torch.randn(4, 2, dynamics.layout.width),
                      torch.rand(4, 2, SMALL.latent), torch.randn(2, 3),
                      torch.zeros(3, 2)).backward()
    assert all(p.grad is None for p in target.parameters())
    assert any(p.grad is not None and p.grad.any() for p in dynamics.value_heads.parameters())


def test_consistency_moves_the_prediction_and_not_what_was_seen():
    seen = torch.rand(3, 2, 16, requires_grad=True)
    predicted = torch.rand(2, 2, 16, requires_grad=True)
    loss = losses.consistency_loss(seen, predicted)
    expected = (predicted - seen[1:]).square().sum(-1).mean()
    assert float(loss.detach()) == pytest.approx(float(expected.detach()), rel=1e-5)
    loss.backward()
    assert seen.grad is None and predicted.grad.any()


def test_policy_loss_is_the_weighted_mean_of_squared_errors():
    dynamics = make_dynamics()
    state, latent = torch.randn(3, dynamics.layout.width), torch.rand(3, SMALL.latent)
    goal = torch.randn(3, 3)
    with torch.no_grad():
        action = dynamics.policy(state, latent, goal)
    action[0, 0] += 1.0         # squared 1
    action[1, 1] -= 2.0         # squared 4
    weight = torch.tensor([1.0, 0.5, 0.5])
    loss = losses.policy_loss(dynamics, state, latent, goal, action, weight)
    assert float(loss.detach()) == pytest.approx((1 + 0.5 * 4) / 2, rel=1e-4)


def silent_ensemble(dynamics):
    """Make every member add nothing."""
    for parameter in dynamics.ensemble.parameters():
        torch.nn.init.zeros_(parameter)
    return dynamics


@pytest.mark.parametrize('off, tool, expected', [
    (0.0, True, 0.0), (0.5, True, 0.125), (3.0, True, 2.5), (3.0, False, 0.0)])
def test_ensemble_loss_counts_in_widths_of_the_residual(off, tool, expected):
    """Smooth L1: half the square up to one width, linear beyond it; or the tool is the lag's."""
    dynamics = silent_ensemble(make_dynamics())
    dynamics.scale.fill_(0.01)
    members = SMALL.members
    state = torch.zeros(members, 4, dynamics.layout.width)
    state[..., :3] = state[..., 6:9] = torch.tensor([0.5, 0.0, 0.2])
    action = torch.zeros(members, 4, 5)
    reached = dynamics.follow(state, dynamics.move_setpoint(state, action))
    reached[..., :6] += 0.01 * off
    loss = losses.ensemble_loss(dynamics, state, action, reached,
                                torch.zeros(members, 4, SMALL.latent), tool)
    assert float(loss.detach()) == pytest.approx(expected, abs=1e-4)


def test_each_member_learns_from_its_own_rows():
    dynamics = make_dynamics()
    state = torch.zeros(SMALL.members, 4, dynamics.layout.width)
    state[..., :3] = state[..., 6:9] = torch.tensor([0.5, 0.0, 0.2])
    action, latent = torch.zeros(SMALL.members, 4, 5), torch.zeros(SMALL.members, 4, SMALL.latent)

    def gradient(reached):
        dynamics.zero_grad()
        losses.ensemble_loss(dynamics, state, action, reached, latent).backward()
        # Of the last layer, the one that begins at zero.
        return [p.grad.clone() for p in dynamics.ensemble.parameters()][-1]

    with torch.no_grad():
        reached = dynamics.follow(state, dynamics.move_setpoint(state, action))
    before = gradient(reached)
    other = reached.clone()
    other[1, :, :3] += 0.005
    after = gradient(other)
    changed = [bool((before[i] != after[i]).any()) for i in range(SMALL.members)]
    assert changed == [False, True, False]


def test_updates_never_look_past_the_end_of_an_episode():
    """The row after an episode's last step has no action: what stands there changes nothing."""
    trained = []
    for fill in (0.0, 1.0):
        replay = Replay()
        for seed in range(4):
            replay.add(make_episode('reach', steps=7, seed=seed))
        for name in ('action', 'expert', 'reward'):
            replay.arrays[name][replay.arrays['left'] == 0] = fill
        dynamics = make_dynamics()
        trainer = Trainer(dynamics, TrainerConfig(batch=16, rows=32), 0, 3)
        trainer.prepare(replay)
        for _ in range(3):
            trainer.update()
        trained.append(copy.deepcopy(dynamics.state_dict()))
    assert all(torch.equal(trained[0][name], trained[1][name]) for name in trained[0])
