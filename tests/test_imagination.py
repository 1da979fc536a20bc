"""Actors that learn in an agent's imagination: returns, gradients, what is written."""

from model_testing import make_dynamics, make_model, ROBOT
import numpy as np
import pytest
import torch
from wm_ros import paths
from wm_ros.cli import main
from wm_ros.data import Bank
from wm_ros.learning.imagination import ActorTraining, COLUMNS, ImaginationJob
from wm_ros.learning.losses import lambda_returns
from wm_ros.tasks import get_task
from wm_ros.types import CheckpointError
from wm_ros.world_model import load_checkpoint, save_checkpoint
from wm_ros.world_model.agent.actor import acting, Actor

REACH = get_task('reach')


@pytest.fixture(scope='module')
def recordings(tmp_path_factory):
    folder = tmp_path_factory.mktemp('recordings')
    assert main(['collect', '--task', 'reach', '--episodes', '3', '--output', str(folder)]) == 0
    return folder


@pytest.fixture
def agent(tmp_path):
    """Write an agent; return its path."""
    path = paths.weights_file(tmp_path / 'agent')
    save_checkpoint(path, make_dynamics(), ROBOT, REACH, {}, 0.002)
    return path


def test_lambda_returns_by_hand():
    rewards, values = torch.tensor([[1.0], [2.0]]), torch.tensor([[9.0], [10.0], [20.0]])
    last = 2.0 + 0.5 * 20.0
    first = 1.0 + 0.5 * (0.25 * 10.0 + 0.75 * last)
    torch.testing.assert_close(lambda_returns(rewards, values, 0.5, 0.75),
                               torch.tensor([[first], [last]]))


def test_an_actor_begins_as_the_prior_and_shares_the_rest():
    dynamics = make_dynamics()
    actor = Actor.like(dynamics)
    other = acting(dynamics, actor)
    state, goal = torch.randn(4, 15), torch.rand(4, 3)
    latent = torch.rand(4, dynamics.config.latent)
    with torch.no_grad():
        torch.testing.assert_close(other.policy(state, latent, goal),
                                   dynamics.policy(state, latent, goal))
        actor.policy[-1].bias.add_(1.0)
        assert (other.policy(state, latent, goal)
                - dynamics.policy(state, latent, goal)).abs().max() > 0.1
        for ours, theirs in zip(other.step(state, latent, torch.zeros(4, 5)),
                                dynamics.step(state, latent, torch.zeros(4, 5))):
            assert torch.equal(ours, theirs)


def taught(recordings, model, anchor):
    """Return what validation says before and after 80 updates, and the job."""
    bank = Bank(recordings, 'reach', pytest.fail, COLUMNS)
    job = ImaginationJob(ActorTraining(batch=64, steps=8, anchor=anchor, settling=20), model,
                         {'goal': 1.0, 'value': 1.0}, bank, bank)
    job.prepare()
    optimiser = torch.optim.Adam(job.module.parameters(), 3e-3)
    with torch.no_grad():
        before = job.validate(job.module)
    for i in range(80):
        loss = job.losses(np.random.default_rng(i))['loss']
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    with torch.no_grad():
        return before, job.validate(job.module)


def test_it_learns_to_reach_for_what_planners_reach_for(recordings):
    """Its end effector goes where the setpoint goes; what counts is the distance to the goal."""
    model = make_model()
    weights = {name: weight.clone() for name, weight in model.dynamics.state_dict().items()}
    before, after = taught(recordings, model, anchor=0.1)
    assert after['reward'] > 0.75 * before['reward'] and after['strayed'] > 0.1
    assert after['score'] == pytest.approx(0.1 * after['strayed'] - after['imagined'])
    assert after['score'] < before['score']
    for name, weight in model.dynamics.state_dict().items():
        assert torch.equal(weight, weights[name]), 'the agent stays as it is'


def test_it_can_be_held_near_the_prior(recordings):
    _, after = taught(recordings, make_model(), anchor=1000.0)
    assert after['strayed'] < 0.02


def train_actor(recordings, agent, name):
    output = agent.with_name(name)
    assert main(['train', '--task', 'reach', '--model', 'actor', '--debug-run', '--data',
                 str(recordings), '--held-out', str(recordings), '--set', f'model={agent}',
                 '--output', str(output)]) == 0
    return str(output)


def test_the_verb_trains_one_that_is_found_by_name_or_beside_its_agent(recordings, agent):
    assert load_checkpoint(str(agent), ROBOT, REACH).acting is None
    other = train_actor(recordings, agent, 'other')
    assert load_checkpoint(str(agent), ROBOT, REACH, actor=other).acting is not None
    train_actor(recordings, agent, 'agent_actor')
    assert load_checkpoint(str(agent), ROBOT, REACH).acting is not None


def test_an_actor_of_another_agent_is_refused(recordings, agent):
    train_actor(recordings, agent, 'agent_actor')
    save_checkpoint(agent, make_dynamics(seed=5), ROBOT, REACH, {}, 0.002)
    with pytest.raises(CheckpointError, match='train it anew: wm_ros train --model actor'):
        load_checkpoint(str(agent), ROBOT, REACH)
