"""Bins that widen: what was learned stays, what is greater can be learned, resume knows it."""

from dataclasses import replace

from env_testing import NAMES, register
import numpy as np
import pytest
import torch
from wm_ros.learning.latent import state, widening
from wm_ros.learning.latent.environment import Widths
from wm_ros.learning.latent.losses import error
from wm_ros.learning.latent.replay import Replay
from wm_ros.learning.latent.settings import EnvSettings
from wm_ros.learning.latent.trainer import bins_limit, Trainer
from wm_ros.learning.latent.training import Training
from wm_ros.world_model.load import load_part
from wm_ros.world_model.tdmpc2 import AgentConfig, LatentAgent, LatentModel

SETTINGS = EnvSettings(latent=32, hidden=32, discount=0.9)
SHORT = replace(SETTINGS, steps=600, random=200, evaluate=200, episodes=3, batch=16, stride=8,
                environments=4, bins=21, judge='prior')
GREATEST = 10.0     # that rewards of at most 1 can add up to
register()


def made(bins):
    """Return a trainer whose bins reach as far as rewards of 1 add up to, and what heads see."""
    torch.manual_seed(0)
    replay = Replay(Widths(4, 0, 2), 100, SETTINGS.discount)
    agent = LatentAgent(AgentConfig(4, 0, 2, 32, 32, 2, bins, bins_limit(replay, 0.9), 0.9))
    return Trainer(agent, replay, SETTINGS, 0), torch.rand(256, 34)


def answers(trainer, seen):
    """Return what the heads say [4, B], target heads included."""
    network = trainer.agent.network
    heads = network.reward_head, network.value_heads[0], *trainer.targets
    with torch.no_grad():
        return torch.stack([network.number(head(seen)) for head in heads])


def learn(trainer, seen, wanted, updates=400):
    """Teach the reward head, a value head and its target; return how far off they are."""
    network = trainer.agent.network
    for _ in range(updates):
        loss = sum(error(network, head(seen), wanted).mean()
                   for head in (network.reward_head, *network.value_heads))
        trainer.optimiser.zero_grad()
        loss.backward()
        trainer.optimiser.step()
    trainer.targets.load_state_dict(network.value_heads.state_dict())
    return float((answers(trainer, seen) - wanted).abs().mean())


# Where there may not be as many as are needed, they get further apart.
@pytest.mark.parametrize('bins, most, off', [(21, 1024, 0.01), (65, 1024, 0.01),
                                             (65, 129, 0.3)])
def test_what_was_learned_stays_and_what_is_greater_can_be_learned(monkeypatch, bins, most, off):
    monkeypatch.setattr(widening, 'MOST_BINS', most)
    trainer, seen = made(bins)
    wanted = GREATEST * (2 * seen[:, 0] - 1)
    assert learn(trainer, seen, wanted) < 0.5
    before, limit = answers(trainer, seen), trainer.agent.config.limit
    trainer.make_room()     # nothing has become greater
    assert trainer.agent.config.limit == limit and trainer.agent.config.bins == bins
    trainer.replay.highest = 50.0
    trainer.make_room()
    assert trainer.agent.config.limit >= bins_limit(trainer.replay, 0.9, 2.0)
    after = answers(trainer, seen)
    assert (after - before).abs().mean() < off
    assert (after - before).abs().max() < 10 * off
    memory = trainer.optimiser.state[trainer.agent.network.reward_head[-1].weight]
    assert memory['exp_avg'].shape == (trainer.agent.config.bins, 32)
    assert learn(trainer, seen, 50 * wanted) < 0.1 * 50 * GREATEST
    dream = LatentModel(trainer.agent.network, 'float32').imagine(
        None, trainer.agent.encoder(torch.rand(4), torch.zeros(0)).detach(),
        torch.zeros(2, 3, 2))
    assert torch.isfinite(dream.values).all()


def test_plain_numbers_need_no_room():
    trainer, seen = made(1)
    before = answers(trainer, seen)
    trainer.replay.lowest = -50.0
    trainer.make_room()
    assert torch.equal(answers(trainer, seen), before)


def test_rewards_beyond_all_bounds_do_not_end_a_run():
    trainer, _ = made(21)
    for _ in range(2):
        trainer.replay.highest = 3e38
        trainer.make_room()
    assert trainer.agent.config.limit == 80.0


def test_a_run_whose_rewards_grow_goes_on_with_the_same_bins(tmp_path):
    training = Training(NAMES['plain'], SHORT, 0, tmp_path / 'run')
    training._section()
    narrow = training.agent.config
    training.replay.highest = 50.0
    training._section()
    wide = training.agent.config
    assert wide.limit > narrow.limit + 2.0 and wide.bins > narrow.bins
    again = Training(NAMES['plain'], SHORT, 0, tmp_path / 'run')
    state.load(again)
    assert again.agent.config == wide
    assert torch.equal(again.agent.network.two_hot.middles,
                       training.agent.network.two_hot.middles)
    for run in (training, again):
        run._section()
    for ours, theirs in zip(again.agent.parameters(), training.agent.parameters()):
        assert torch.equal(ours, theirs)
    training.best = None        # so that these weights are kept
    training._keep({'success_rate': None, 'return_mean': 0.0, 'steps_mean': 1.0})
    assert load_part(tmp_path / 'run', 'latent_agent').config == wide


def test_rewards_that_do_not_grow_need_no_more(tmp_path):
    training = Training(NAMES['point'], SHORT, 0, tmp_path / 'run')
    training.run()
    assert np.isclose(training.agent.config.limit, np.log1p(10.0))
    assert training.agent.config.bins == 21
