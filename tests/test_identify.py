"""The context: what observed transitions tell of what is not seen and does not change."""

from dataclasses import replace

from model_testing import make_dynamics, make_episode, make_model, observe_at, ROBOT, SMALL
import numpy as np
import pytest
import torch
from wm_ros.cli import main
from wm_ros.learning import losses
from wm_ros.learning.replay import Replay
from wm_ros.learning.trainer import Trainer, TrainerConfig
from wm_ros.nodes.convert import belief_from_msg, belief_to_msg
from wm_ros.types import WmRosError
from wm_ros.world_model.agent.config import ModelConfig
from wm_ros.world_model.agent.identify import Teller
from wm_ros.world_model.agent.rollout import Rollout

CONTEXT = replace(SMALL, context=6)
OWN = SMALL.latent


def drifting(count=24, steps=24, seed=0):
    """Return episodes in each of which the block drifts by another step, which no state shows."""
    rng, replay = np.random.default_rng(seed), Replay()
    for number in range(count):
        episode = make_episode('push', steps=steps, seed=seed + number, scale=0.0)
        states = np.array(episode.states)
        states[:, 15] += rng.choice([-0.01, 0.01]) * np.arange(steps + 1)
        replay.add(replace(episode, states=states))
    return replay


def trained(config, updates=250):
    dynamics = make_dynamics('push', config=config)
    trainer = Trainer(dynamics, TrainerConfig(batch=8, rows=64, refresh=100, context_batch=8),
                      0, updates)
    trainer.prepare(drifting())
    return dynamics, [trainer.update()['ensemble'] for _ in range(updates)]


def test_a_context_is_what_hidden_causes_are_known_by():
    with_context, without = (np.mean(trained(config)[1][-30:]) for config in (CONTEXT, SMALL))
    assert with_context < 0.6 * without


def test_without_one_latents_are_as_wide_as_they_say():
    state = torch.zeros(2, 23)
    assert make_dynamics('push').initial_latent(state).shape == (2, OWN)
    first = make_dynamics('push', config=CONTEXT).initial_latent(state)
    assert first.shape == (2, OWN + 6) and not first[:, OWN:].any()


def test_in_a_dream_it_stays_as_it_is():
    dynamics = make_dynamics('push', config=CONTEXT)
    state = torch.tensor(make_episode('push').states[0])
    latent = dynamics.initial_latent(state)
    latent[OWN:] = torch.linspace(-1, 1, 6)
    _, _, latents, _ = Rollout(dynamics)(
        state, latent, torch.rand(5, 7, 5), state[:3], 2)
    assert (latents[..., OWN:] == latent[OWN:]).all()
    assert (latents[:, 1:, :OWN] != latent[:OWN]).any()


def test_a_memory_is_filtered_as_the_running_graph_filters():
    dynamics = make_dynamics('push', config=CONTEXT)
    episode, replay = make_episode('push', steps=8), Replay()
    replay.add(episode)
    states, actions = torch.tensor(episode.states), torch.tensor(episode.actions)
    felt = torch.randn(9, 6)
    predicted = losses.filter_replay(dynamics, states, actions, felt, replay)
    with torch.no_grad():
        latent = dynamics.initial_latent(states[:1])
        for t in range(8):
            seen = dynamics.encode(states[t:t + 1], latent)
            _, after, _ = dynamics.step(states[t:t + 1], seen, actions[t:t + 1])
            latent = dynamics.identified(states[t:t + 1], after, states[t + 1:t + 2],
                                         felt[t + 1:t + 2])
            torch.testing.assert_close(predicted[t + 1:t + 2], latent, rtol=1e-4, atol=1e-5)
        found = losses.identify(dynamics, states[:8, None], felt[:, None], torch.stack(
            [dynamics.encode(states[t:t + 1], predicted[t:t + 1]) for t in range(8)]))
    torch.testing.assert_close(found[:, 0, OWN:], predicted[:8, OWN:], rtol=1e-4, atol=1e-5)


def beliefs(model, moments):
    """Return the beliefs of an arm that moves steadily, and a block that slides."""
    found, belief = [], None
    way = ROBOT.home + np.outer(moments, np.full(7, 0.1))
    for moment, q in zip(moments, way):
        pose = [0.5, 0.1 + 0.05 * moment, 0.025, 0.0, 0.0, 0.0, 1.0]
        belief = model.observe(belief, observe_at(1.0 + moment, q, np.full(7, 0.1), poses=[pose]))
        found.append(belief)
    return found


@pytest.mark.parametrize('period', [0.025, 0.02, 0.0125])
def test_it_changes_with_whole_steps_however_often_is_observed(period):
    model = make_model('push', config=CONTEXT)
    step = ROBOT.dt
    slow = beliefs(model, np.arange(0, 9) * step)[-1]
    fast = beliefs(model, np.arange(0, round(8 * step / period) + 1) * period)[-1]
    assert slow.stamp == pytest.approx(fast.stamp)
    assert np.abs(slow.latent[OWN:]).max() > 0.01
    np.testing.assert_allclose(fast.latent[OWN:], slow.latent[OWN:], atol=0.02)


def test_what_is_felt_tells_of_it_too():
    model = make_model('push', config=CONTEXT)
    pose = [0.5, 0.1, 0.025, 0.0, 0.0, 0.0, 1.0]
    found = []
    for wrench in (None, np.zeros(6), np.array([0.0, 0.0, -6.0, 0.0, 0.0, 0.0])):
        belief = None
        for i in range(9):
            belief = model.observe(belief, replace(
                observe_at(1.0 + i * ROBOT.dt, poses=[pose]), wrench=wrench))
        found.append(belief.latent[OWN:])
    np.testing.assert_array_equal(found[0], found[1])
    assert np.abs(found[2] - found[1]).max() > 0.01


def test_after_a_pause_it_begins_anew():
    model = make_model('push', config=CONTEXT)
    before = beliefs(model, np.arange(0, 9) * ROBOT.dt)[-1]
    pose = [0.5, 0.1, 0.025, 0.0, 0.0, 0.0, 1.0]
    after = model.observe(before, observe_at(before.stamp + 5.0, poses=[pose]))
    assert not after.latent[OWN:].any() and np.abs(before.latent[OWN:]).max() > 0.01


def test_sizes_that_make_no_sense_are_refused():
    with pytest.raises(ValueError, match='config.context: got -1, expected an integer from 0'):
        ModelConfig(context=-1)


TELLING = replace(CONTEXT, tells=('object.mass', 'physics.table_friction'))


def test_contexts_tell_what_was_drawn():
    """A teller reads numbers that its context holds; what was not drawn counts for nothing."""
    torch.manual_seed(0)
    teller = Teller(4, 2)
    contexts = torch.rand(200, 4) * 2 - 1
    numbers = torch.exp(torch.stack([contexts[:, 0] - 1.0, 0.5 * contexts[:, 1]], -1))
    numbers[:50, 1] = float('nan')
    teller.fit(numbers)
    optimiser = torch.optim.Adam(teller.parameters(), 0.05)
    for _ in range(300):
        optimiser.zero_grad()
        loss = teller.loss(contexts, numbers)
        loss.backward()
        optimiser.step()
    assert loss.item() < 1e-3
    with torch.no_grad():
        torch.testing.assert_close(teller(contexts)[50:], numbers[50:], rtol=0.05, atol=0.01)


def test_training_teaches_what_episodes_have_drawn():
    """And beliefs tell it, by its name."""
    config = replace(CONTEXT, tells=('object.mass',))
    dynamics, replay = make_dynamics('push', config=config), Replay(config.tells)
    for seed in range(4):
        replay.add(replace(make_episode('push', steps=24, seed=seed),
                           randomisation={'object.mass': 0.1 * (seed + 1)}))
    trainer = Trainer(dynamics, TrainerConfig(batch=4, context_batch=2), 0, 10)
    trainer.prepare(replay)
    figures = trainer.update()
    assert 0.0 < figures['told'] < 1.0
    model = make_model('push', config=config)
    belief = beliefs(model, np.arange(0, 9) * ROBOT.dt)[-1]
    assert set(belief.hidden) == {'object.mass'} and min(belief.hidden.values()) > 0.0
    assert belief_from_msg(belief_to_msg(belief, 'base')).hidden == pytest.approx(belief.hidden)


def test_what_was_never_drawn_cannot_be_learned():
    replay = Replay(TELLING.tells)
    replay.add(replace(make_episode('push'), randomisation={'object.mass': 1.0}))
    trainer = Trainer(make_dynamics('push', config=TELLING), TrainerConfig(), 0, 10)
    with pytest.raises(WmRosError, match='no episode in which physics.table_friction was drawn'):
        trainer.prepare(replay)


def test_telling_needs_a_context():
    with pytest.raises(ValueError, match='config.tells: got .* with a context of 0'):
        ModelConfig(tells=('object.mass',))


@pytest.mark.parametrize('flags, words', [
    (['--tell', 'object.mass'], 'needs a context'),
    (['--tell', 'object.mass', '--randomization', 'hidden_friction'],
     'got object.mass, expected numbers that --randomization draws: physics.table_friction'),
    (['--tell', 'object.mass', '--task', 'stack', '--randomization', 'hidden_mass'],
     'expected numbers that --randomization draws: object.mass[0], object.mass[1]'),
    (['--tell', 'sensing.height_bias', '--randomization', 'usual'],
     'expected what is always above 0'),
    (['--tell', 'physics.table_friction', '--tell', 'object.mass', '--randomization',
      'hidden_mass'], 'got physics.table_friction, expected numbers'),
    (['--tell', 'physics.motor_gain', '--randomization', 'hidden_mass'],
     'which is always 0.25; expected what varies')])
def test_only_what_is_drawn_can_be_told(flags, words, capsys, tmp_path):
    assert main(['train', '--task', 'push', '--output', str(tmp_path / 'a'), *flags]) == 2
    assert words in capsys.readouterr().err
