"""Losses, the fitted lag, and filtering along episodes."""

from model_testing import make_dynamics, make_episode, SMALL
import numpy as np
import pytest
import torch
from wm_ros.learning import losses
from wm_ros.learning.replay import Replay
from wm_ros.learning.trainer import Trainer, TrainerConfig
from wm_ros.types import WmRosError

TASKS = ('reach', 'push', 'stack')


def transitions(dynamics, count=400, seed=0):
    """Return random states [B, X], actions [B, A] and what the lag alone makes of them."""
    rng = np.random.default_rng(seed)
    layout = dynamics.layout
    state = torch.tensor(rng.normal(size=(count, layout.width)) * 0.1, dtype=torch.float32)
    state[:, layout.setpoint] = torch.tensor(
        rng.uniform([0.35, -0.2, 0.1], [0.6, 0.2, 0.3], (count, 3)), dtype=torch.float32)
    state[:, layout.ee] = state[:, layout.setpoint] + 0.01 * torch.randn(count, 3)
    action = torch.tensor(rng.uniform(-1, 1, (count, 5)), dtype=torch.float32)
    with torch.no_grad():
        reached = dynamics.follow(state, dynamics.move_setpoint(state, action))
    return state, action, reached


def replay_of(task, lengths=(14, 9, 20, 9), **kwargs):
    replay = Replay()
    for seed, steps in enumerate(lengths):
        replay.add(make_episode(task, steps=steps, seed=seed, **kwargs))
    return replay


@pytest.mark.parametrize('task', TASKS)
def test_a_known_lag_is_recovered(task):
    dynamics = make_dynamics(task)
    lag = torch.tensor([[0.55, 3.0], [0.02, -0.1], [0.01, 0.4], [0.03, 0.5]])
    dynamics.lag.copy_(lag)
    state, action, reached = transitions(dynamics)
    dynamics.lag.zero_()
    losses.fit_lag(dynamics, state, action, reached)
    losses.fit_scale(dynamics, state, action, reached)
    torch.testing.assert_close(dynamics.lag, lag, rtol=1e-3, atol=1e-4)
    # Nothing is left over but rounding, which must not blow up the scale.
    assert (dynamics.scale[:6] < 2e-4).all() and (dynamics.scale >= 1e-4).all()


@pytest.mark.parametrize('firmly', [True, False])
def test_a_lag_that_is_fitted_firmly_never_runs_away(firmly):
    """
    An arm that follows closely, off by way and rate alike, and by a rest that has a reason.

    To explain the rest, a fit takes one huge number from another.
    """
    dynamics = make_dynamics()
    state, action, _ = transitions(dynamics, 2000)
    off, rest = torch.randn(2, 2000, 3)
    state[:, :3] = state[:, 6:9] - 0.001 * off
    state[:, 3:6] = state[:, 10:13] + 0.05 * off + 1e-4 * rest
    moved = dynamics.move_setpoint(state, action)
    reached = moved.clone()
    reached[:, :3], reached[:, 3:6] = moved[:, 6:9], moved[:, 10:13] + 0.002 * rest
    losses.fit_lag(dynamics, state, action, reached, firmly)
    assert (growth(dynamics.lag) < 0.2) == firmly


def growth(lag):
    """Return by what the farthest of an arm's ways from its setpoint grows each step."""
    (e_x, e_v), (v_x, v_v) = lag[:2].double().tolist()
    return np.abs(np.linalg.eigvals([[1.0 - e_x, v_x], [-e_v, v_v]])).max()


def test_the_scale_is_the_width_of_what_is_left():
    dynamics = make_dynamics('push')
    state, action, reached = transitions(dynamics, 4000)
    reached = reached.clone()
    reached[:, 15] = state[:, 15] + 0.02 * torch.randn(4000)
    yaw = torch.zeros(4000)
    state[:, 18], reached[:, 18] = yaw, yaw
    losses.fit_lag(dynamics, state, action, reached)
    losses.fit_scale(dynamics, state, action, reached)
    assert float(dynamics.scale[6]) == pytest.approx(0.02, rel=0.1)


@pytest.mark.parametrize('task', TASKS)
def test_residuals_lead_where_they_say(task):
    dynamics = make_dynamics(task)
    state, action, reached = transitions(dynamics, 50)
    reached = reached + 0.05 * torch.randn(reached.shape)
    following = dynamics.follow(state, dynamics.move_setpoint(state, action))
    reached = torch.cat([reached[:, :6], following[:, 6:15], reached[:, 15:]], 1)
    if dynamics.layout.grips:       # what the fingers do is learned, what they are told is known
        reached[:, 14] += 0.01
        known = slice(dynamics.layout.heights.start, None)      # and how high things are
        reached[:, known] = following[:, known]
    residual = dynamics.target_residual(state, following, reached)
    torch.testing.assert_close(dynamics.apply_residual(state, following, residual), reached,
                               rtol=1e-4, atol=1e-5)


def test_residuals_of_objects_turn_with_them():
    dynamics = make_dynamics('push')
    state, action, reached = transitions(dynamics, 1)
    state[:, 18] = 0.0
    along = torch.cat([reached[:, :15], state[:, 15:]], 1)
    along[:, 15:17] += torch.tensor([0.03, 0.01])
    following = dynamics.follow(state, dynamics.move_setpoint(state, action))
    first = dynamics.target_residual(state, following, along)
    turned, moved = state.clone(), along.clone()
    turned[:, 18] += np.pi / 2
    moved[:, 18] += np.pi / 2
    moved[:, 15:17] = state[:, 15:17] + torch.tensor([-0.01, 0.03])
    second = dynamics.target_residual(turned, following, moved)
    torch.testing.assert_close(second[:, 6:10], first[:, 6:10], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize('task', TASKS)
def test_filtering_a_memory_is_filtering_each_episode(task):
    dynamics, replay = make_dynamics(task), replay_of(task)
    arrays = replay.arrays
    predicted = losses.filter_replay(
        dynamics, *(torch.tensor(arrays[name]) for name in ('state', 'action', 'felt')), replay)
    row = 0
    for episode in replay.episodes:
        expected = dynamics.initial_latent(torch.zeros(1, dynamics.layout.width))
        for t, state in enumerate(episode.states):
            torch.testing.assert_close(predicted[row][None], expected, rtol=1e-4, atol=1e-6)
            if t < len(episode.actions):
                now = torch.tensor(state)[None]
                with torch.no_grad():
                    latent = dynamics.encode(now, expected)
                    _, expected, _ = dynamics.step(
                        now, latent, torch.tensor(episode.actions[t])[None])
            row += 1
    assert row == len(predicted)


def test_sequences_are_filtered_alike():
    dynamics, replay = make_dynamics('push'), replay_of('push', (10,))
    states = torch.tensor(replay.arrays['state'])
    actions = torch.tensor(replay.arrays['action'])
    felt = torch.tensor(replay.arrays['felt'])
    rows = losses.filter_replay(dynamics, states, actions, felt, replay)
    posterior, predicted = losses.filter_latents(
        dynamics, states[3:8, None], actions[3:7, None], rows[3:4])
    assert posterior.shape == (5, 1, SMALL.latent) and predicted.shape == (4, 1, SMALL.latent)
    torch.testing.assert_close(predicted[:, 0], rows[4:8], rtol=1e-4, atol=1e-6)
    assert float(losses.consistency_loss(posterior, posterior[1:])) == 0.0
    assert float(losses.consistency_loss(posterior, predicted)) > 0.0


def test_values_are_discounted_sums():
    dynamics = make_dynamics()
    length, batch = 3, 2
    states = torch.randn(length + 1, batch, dynamics.layout.width)
    latents = torch.rand(length + 1, batch, SMALL.latent)
    goals, rewards = torch.randn(batch, 3), -torch.rand(length, batch)
    d = SMALL.discount
    last = dynamics.values(states[-1], latents[-1], goals).mean(0)
    expected = [rewards[t:].flip(0) for t in range(length)]
    for t in range(length):
        value = last
        for reward in expected[t]:
            value = reward + d * value
        expected[t] = value
    estimates = dynamics.values(states[:-1], latents[:-1], goals.expand(length, batch, 3))
    loss = (estimates - torch.stack(expected)).square().mean() * 0.1
    assert float(losses.value_loss(dynamics, dynamics, states, latents, goals, rewards)) == \
        pytest.approx(float(loss), rel=1e-5)


def test_the_policy_learns_from_labelled_rows_alone():
    dynamics = make_dynamics()
    state, latent = torch.randn(6, dynamics.layout.width), torch.rand(6, SMALL.latent)
    goal = torch.randn(6, 3)
    with torch.no_grad():
        action = dynamics.policy(state, latent, goal)
    action[3:] += 5.0
    weight = torch.tensor([1.0, 1, 1, 0, 0, 0])
    assert float(losses.policy_loss(dynamics, state, latent, goal, action, weight)) < 1e-9
    assert float(losses.policy_loss(dynamics, state, latent, goal, action, 1 - weight)) > 1.0
    none = losses.policy_loss(dynamics, state, latent, goal, action, torch.zeros(6))
    assert float(none) == 0.0


def trained(task, updates, seed=0, **kwargs):
    dynamics = make_dynamics(task)
    trainer = Trainer(dynamics, TrainerConfig(batch=16, rows=64, refresh=20), seed, updates)
    trainer.prepare(replay_of(task, **kwargs))
    return dynamics, [trainer.update() for _ in range(updates)]


@pytest.mark.parametrize('task', TASKS)
def test_losses_are_finite_and_fall(task):
    _, history = trained(task, 150)
    names = set(history[0])
    assert names == {'consistency', 'value', 'reward', 'ensemble', 'policy'}
    table = np.array([[row[name] for name in sorted(names)] for row in history])
    assert np.isfinite(table).all()
    first, last = table[:15].mean(0), table[-15:].mean(0)
    for name, before, after in zip(sorted(names), first, last):
        if name in ('policy', 'reward'):
            assert after < 0.8 * before, name
    assert last.sum() < 0.9 * first.sum()


def test_without_labels_there_is_no_policy_loss():
    dynamics, history = trained('reach', 3, expert=False)
    assert all(row['policy'] == 0.0 for row in history)


def test_the_same_seed_trains_the_same_weights():
    first, again, other = (trained('push', 10, seed=seed)[0] for seed in (0, 0, 1))
    for name, tensor in first.state_dict().items():
        assert torch.equal(tensor, again.state_dict()[name])
    assert any(not torch.equal(tensor, other.state_dict()[name])
               for name, tensor in first.state_dict().items())


def test_the_value_target_follows_slowly():
    dynamics = make_dynamics()
    trainer = Trainer(dynamics, TrainerConfig(batch=16, rows=64), 0, 100)
    trainer.prepare(replay_of('reach'))
    begin = [p.clone() for p in trainer.target.parameters()]
    trainer.update()
    rate = trainer.config.target_rate
    for old, target, new in zip(begin, trainer.target.parameters(), dynamics.parameters()):
        torch.testing.assert_close(target, old + rate * (new - old))


def test_episodes_that_are_too_short_are_said_so():
    trainer = Trainer(make_dynamics(), TrainerConfig(), 0, 10)
    with pytest.raises(WmRosError, match='no episode has 6 steps'):
        trainer.prepare(replay_of('reach', (3, 5)))


def test_a_policy_between_two_ways_takes_one():
    """Squared errors would lead it to the mean of what is taught, where nobody goes."""

    class Leaning(torch.nn.Module):

        def __init__(self):
            super().__init__()
            self.action = torch.nn.Parameter(torch.zeros(1))

        def policy(self, state, latent, goal):
            return self.action.expand(len(state), 1)

    ways = torch.tensor([[0.8]] * 6 + [[-0.8]] * 4)
    found = {}
    for linear in (None, 0.15):
        leaning = Leaning()
        optimiser = torch.optim.Adam(leaning.parameters(), 0.02)
        for _ in range(400):
            optimiser.zero_grad()
            losses.policy_loss(leaning, ways, None, None, ways, torch.ones(10), linear).backward()
            optimiser.step()
        found[linear] = leaning.action.item()
    assert found[None] == pytest.approx(0.16, abs=0.02) and found[0.15] > 0.65
