"""Clones: as large as the agent, taught by labels alone, acting in the agent's place; the bars."""

from contextlib import closing
from dataclasses import replace

from model_testing import GOAL, make_dynamics, make_episode, make_model
import numpy as np
import pytest
import torch
from wm_ros.bench.sim_to_real import clones, unseen
from wm_ros.bench.sim_to_real.cloned import (
    Clone, clone, CloneConfig, ClonedModel, load, parameters_of, save)
from wm_ros.evaluation.loops import make_loop
from wm_ros.evaluation.run import parameters, Request
from wm_ros.robot.robot import load_robot
from wm_ros.tasks import get_task
from wm_ros.world_model import load_checkpoint, WorldModel

QUICK = CloneConfig(updates=300, learning_rate=3e-3)
AIM = torch.tensor(GOAL[:3], dtype=torch.float32)


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


def taught(episode):
    """Return ``episode`` with labels that lead the tool to the goal."""
    way = episode.goal[:3] - episode.states[:-1, :3]
    expert = np.concatenate([np.clip(5 * way, -1, 1), np.zeros((len(way), 2))], 1)
    return replace(episode, expert=expert.astype(np.float32))


@pytest.mark.parametrize('layers', [1, 2, 3, 5])
def test_a_clone_has_the_parameters_of_the_whole_agent(layers):
    dynamics = make_dynamics('stack')
    wanted = parameters_of(dynamics)
    made = Clone(dynamics, CloneConfig(layers=layers, dropout=0.1))
    linear = [layer for layer in made.network if isinstance(layer, torch.nn.Linear)]
    assert len(linear) == layers + 1
    assert wanted <= parameters_of(made) < 1.1 * wanted


def test_a_clone_does_as_it_was_taught_whatever_was_done():
    """What was done is noise, and an episode without labels teaches nothing."""
    dynamics = make_dynamics('stack')
    episodes = [taught(make_episode('stack', steps=30, seed=seed)) for seed in range(12)]
    strange = replace(make_episode('stack', steps=30, seed=50, expert=False))
    made = clone(dynamics, [*episodes, strange], QUICK)
    new = taught(make_episode('stack', steps=30, seed=99))
    with torch.no_grad():
        wanted = torch.tensor(new.expert)
        acted = made.policy(torch.tensor(new.states[:-1]), None, AIM.expand(30, 3))
    assert (acted - wanted).abs().mean() < 0.1 < wanted[:, :3].abs().mean()


def test_the_same_seed_clones_the_same_policy_and_a_file_holds_it(tmp_path):
    dynamics = make_dynamics('stack')
    episodes = [taught(make_episode('stack', steps=10, seed=seed)) for seed in range(2)]
    config = replace(QUICK, updates=5, dropout=0.2, noise=0.1)
    first, again, other = (clone(dynamics, episodes, config, seed) for seed in (3, 3, 4))
    save(tmp_path / 'made.safetensors', first, {'data': 'script'})
    read = load(tmp_path / 'made.safetensors', dynamics)
    assert read.config == config and not read.training
    for name, weights in first.state_dict().items():
        assert torch.equal(weights, again.state_dict()[name])
        assert torch.equal(weights, read.state_dict()[name])
    assert not torch.equal(first.network[0].weight, other.network[0].weight)


@pytest.mark.parametrize('backend', ['eager', 'numba'])
def test_the_clone_acts_in_the_place_of_the_prior_and_the_model_steps(backend):
    model = make_model('stack')
    policy = Clone(model.dynamics, CloneConfig()).eval()
    cloned = ClonedModel(model, policy, backend)
    state, latent = torch.rand(model.layout.width), torch.rand(model.dynamics.config.latent)
    dream = cloned.imagine(state, latent, torch.zeros(1, 4, 5), AIM, guided=1)
    x, z = state[None], latent[None]
    with torch.no_grad():
        for t in range(4):
            action = policy.policy(x, z, AIM[None])
            torch.testing.assert_close(dream.actions[:, t], action, atol=1e-4, rtol=1e-4)
            x, z, _ = model.dynamics.step(x, z, action)
            torch.testing.assert_close(dream.states[:, t + 1], x, atol=1e-4, rtol=1e-4)
        prior = model.dynamics.policy(state[None], latent[None], AIM[None])
    assert (prior - dream.actions[:, 0]).abs().max() > 1e-3


def test_the_usual_settings_are_tried_and_others_once_each():
    tried = clones.candidates()
    assert tried[0] == CloneConfig() and len(set(tried)) == len(tried)
    assert tried == clones.candidates()


def lost(*numbers, episodes=100):
    return np.isin(np.arange(episodes), numbers)


@pytest.mark.parametrize('agent, holds, sure', [
    (range(6), True, True), (range(20), False, False), (range(3, 12), False, False)])
def test_the_agent_is_judged_by_the_clone_of_its_data(agent, holds, sure):
    """Not by its own prior, however many errors that makes, of fewer episodes."""
    rows = {row.figure: row for row in unseen._rows({
        'agent': lost(*agent), 'prior': lost(*range(90), episodes=95),
        'clone': lost(*range(12))}, 'words')}
    row = rows['unseen_error_ratio']
    assert row.value == pytest.approx(len(agent) / 12, rel=1e-4) and row.holds is holds
    assert rows['unseen_error_ratio_interval_below_1'].holds is sure
    assert rows['unseen_errors/clone'].note == 'words'
    assert rows['unseen_errors/prior'].value == pytest.approx(90 / 95, rel=1e-4)


def test_fewer_failures_count_before_less_time():
    slow = clones.Played(lost(1), np.full(100, 4.0))
    fast = clones.Played(lost(1, 2), np.full(100, 1.0))
    assert min([fast, slow], key=clones.rank) is slow
    assert (slow + fast).failed.sum() == 3 and len((slow + fast).times) == 200


def test_agent_and_clones_play_the_same_episodes(monkeypatch):
    """The agent by ``evaluate``, in parts; what failed stands where its seed does."""
    asked = []

    def played(task, checkpoint, episodes, told):
        asked.append((task, checkpoint, episodes, told))
        return [{'seed': 0, 'episodes': 600, 'failed_seeds': [1]},
                {'seed': 600, 'episodes': 400, 'failed_seeds': [602]}]

    monkeypatch.setattr(unseen, 'played', played)
    failed = unseen._lost('mine', 1000, planner='prior')
    assert np.flatnonzero(failed).tolist() == [1, 602] and len(failed) == 1000
    assert asked == [('stack', 'mine', 1000, {
        'randomization': 'unseen_blocks', 'planner': 'prior'})]


def test_an_agent_is_trained_once_with_the_amounts_that_are_told(monkeypatch, tmp_path):
    """Episodes and clones of another run are not taken for its own."""
    lines = []

    def run(*line):
        lines.append(line)
        (tmp_path / 'few.json').write_text('{}')

    monkeypatch.setattr(clones, 'run', run)
    monkeypatch.setattr(clones, 'FOLDER', tmp_path)
    source = clones.Source('few', ('rounds=2', 'linear=0'))
    old = source.episodes / 'episode_000007.safetensors', source.path(3)
    for file in old:
        file.parent.mkdir(parents=True)
        file.write_bytes(b'old')
    source.collect(), source.collect()
    assert [' '.join(line) for line in lines] == [
        'train --task stack --seed 0 --set rounds=2 --set linear=0 '
        f'--output {tmp_path}/few --keep {tmp_path}/data/few']
    assert not any(file.exists() for file in old)


def test_what_clones_play_is_their_own(tmp_path, monkeypatch):
    """The loop that one has played in is another one's afterwards."""
    agent = load_checkpoint('', load_robot('panda'), get_task('stack'), backend='eager')
    monkeypatch.setattr(clones, 'FOLDER', tmp_path)
    source = clones.Source('few')
    paths = [source.path(seed) for seed in range(2)]
    for seed, path in enumerate(paths):
        torch.manual_seed(seed)
        save(path, Clone(agent.dynamics, CloneConfig()), {})
    told = ('stack', parameters(Request('stack', 1, planner='prior')))
    with closing(make_loop(*told)) as loop:
        first, other, again = (clones._play(loop, (str(paths[i]), 5)) for i in (0, 1, 0))
        assert first == again == [1.0, 12.0] and loop.model.agent.checkpoint == agent.checkpoint
        assert isinstance(loop.model.agent, WorldModel) and other == first


def test_what_a_clone_played_is_kept_until_the_clone_is_another_one(tmp_path, monkeypatch):
    asked = []

    class Evaluation:

        def __init__(self, request):
            assert request.checkpoint == str(tmp_path / 'few')

        def share(self, work, items):
            asked.append(items)
            return iter([[1.0, 12.0], [0.0, 3.5]])

    monkeypatch.setattr(clones, 'FOLDER', tmp_path)
    monkeypatch.setattr(clones, 'Evaluation', Evaluation)
    source, dynamics = clones.Source('few'), make_dynamics('stack')
    for config in (CloneConfig(), CloneConfig(layers=3)):
        save(source.path(0), Clone(dynamics, config), {})
        for _ in range(2):
            played = clones.play(source, 0, range(5, 7))
            assert played.failed.tolist() == [True, False] and played.times.tolist() == [12.0, 3.5]
    assert asked == [[(str(source.path(0)), seed) for seed in (5, 6)]] * 2
