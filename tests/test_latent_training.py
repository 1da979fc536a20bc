"""A latent agent learns in a tiny environment, from a reward that is hardly ever there."""

from dataclasses import replace
import json

from env_testing import Late, NAMES, register
import numpy as np
import pytest
from safetensors.torch import load_file
import torch
from wm_ros.learning.latent import evaluate, state
from wm_ros.learning.latent.environment import Environment
from wm_ros.learning.latent.settings import EnvSettings
from wm_ros.learning.latent.training import Training
from wm_ros.planning.settings import PlannerSettings
from wm_ros.types import WmRosError
from wm_ros.world_model.load import load_part
from wm_ros.world_model.tdmpc2 import AgentConfig, LatentAgent

LEARN = EnvSettings(steps=2400, random=400, stride=4, batch=64, evaluate=1200, episodes=40,
                    environments=4, latent=32, hidden=32, bins=21, discount=0.9)
SHORT = replace(LEARN, steps=600, random=200, evaluate=200, episodes=3, batch=16, stride=8,
                judge='prior')
register()


def success(agent, planner, episodes=60):
    environment = Environment(NAMES['point'])
    settings = PlannerSettings.from_params({**evaluate.PLANNER, 'planner.type': planner})
    results = evaluate.play(environment, evaluate.Actor(agent, settings), range(episodes))
    return np.mean([result.success for result in results])


@pytest.fixture(scope='module')
def learned(tmp_path_factory):
    """Return where a run was kept that learned, and its figures."""
    output = tmp_path_factory.mktemp('learned') / 'point'
    return output, Training(NAMES['point'], LEARN, 0, output).run()


def test_success_rises_from_chance(learned):
    output, figures = learned
    untrained = LatentAgent(AgentConfig(2, 2, 2, 32, 32, bins=21))
    agent = load_part(output, 'latent_agent')
    assert success(untrained, 'random') < 0.5
    assert success(agent, 'prior') > 0.9 and success(agent, 'mppi') > 0.9
    assert figures['success_rate'] > 0.9 and figures['environment_steps'] == 2400
    assert figures['updates'] == 500


def test_success_over_steps_is_written_beside_the_checkpoint(learned):
    output, figures = learned
    told = json.loads(output.with_suffix('.curve.json').read_text())
    assert [point['steps'] for point in told['curve']] == [1200, 2400]
    assert max(point['success_rate'] for point in told['curve']) == figures['success_rate']
    assert sorted(path.name for path in output.parent.iterdir()) == [
        'point.curve.json', 'point.json', 'point.safetensors']


def test_without_goals_the_return_rises(tmp_path):
    settings = replace(LEARN, steps=1200, random=300, evaluate=1200)
    figures = Training(NAMES['plain'], settings, 0, tmp_path / 'plain').run()
    environment = Environment(NAMES['plain'])
    still = evaluate.play(environment, Still(), range(40))
    assert figures['success_rate'] is None
    assert figures['return_mean'] > 0.5 * np.mean([result.total for result in still])


class Still:
    """Does nothing."""

    def begin(self, seed):
        pass

    def __call__(self, moment):
        return np.zeros(1)


class Stopped(Exception):
    """What ends a run in the middle."""


@pytest.mark.parametrize('name', ['point', 'lasting', 'single', 'plain'])
def test_a_stopped_run_goes_on_to_the_same_weights(tmp_path, name):
    straight = Training(NAMES[name], SHORT, 3, tmp_path / 'straight')
    straight.run()

    def stop(stage, done, total, figures):
        if stage == 'steps' and done > 450:
            raise Stopped

    stopped = Training(NAMES[name], SHORT, 3, tmp_path / 'stopped', report=stop)
    with pytest.raises(Stopped):
        stopped.run()
    again = Training(NAMES[name], SHORT, 3, tmp_path / 'stopped')
    state.load(again)
    assert again.steps == again.saved == 400
    again.run()
    for ours, theirs in zip(again.agent.parameters(), straight.agent.parameters()):
        assert torch.equal(ours, theirs)
    for run in ('straight', 'stopped'):
        assert not (tmp_path / f'{run}.resume.safetensors').exists()
    kept = [load_file(tmp_path / f'{run}.safetensors') for run in ('straight', 'stopped')]
    assert all(torch.equal(kept[0][key], kept[1][key]) for key in kept[0])
    curves = [json.loads((tmp_path / f'{run}.curve.json').read_text())['curve']
              for run in ('straight', 'stopped')]
    assert [point['return_mean'] for point in curves[0]] == [
        point['return_mean'] for point in curves[1]]


def test_a_run_goes_on_as_it_began(tmp_path):
    training = Training(NAMES['point'], SHORT, 0, tmp_path / 'point')
    with pytest.raises(WmRosError, match='nothing to resume'):
        state.load(training)
    training._section()
    with pytest.raises(WmRosError, match='trained with batch 16, not 32'):
        state.load(Training(NAMES['point'], replace(SHORT, batch=32), 0, tmp_path / 'point'))
    longer = Training(NAMES['point'], replace(SHORT, steps=800), 0, tmp_path / 'point')
    state.load(longer)      # more steps may be asked for
    assert longer.steps == 200
    with pytest.raises(WmRosError, match='of 600 steps, not 400'):
        state.load(Training(NAMES['point'], replace(SHORT, steps=400), 0, tmp_path / 'point'))
    whole = training.state_path.read_bytes()
    training.state_path.write_bytes(whole[:-100])
    with pytest.raises(WmRosError, match='damaged'):
        state.load(Training(NAMES['point'], SHORT, 0, tmp_path / 'point'))


class Wandering:
    """Acts at random."""

    def begin(self, seed):
        self._rng = np.random.default_rng(seed)

    def __call__(self, moment):
        return self._rng.uniform(-1.0, 1.0, 2)


def test_an_environment_that_speaks_of_success_alone_is_counted_as_one_that_always_speaks():
    said = {'point': [], 'proud': []}       # on the way
    played = [evaluate.play(Environment(NAMES[name]), Wandering(), range(30),
                            lambda results, told=told: told.append(evaluate.brief(results)))
              for name, told in said.items()]
    assert played[0] == [ours._replace(plan_ms=theirs.plan_ms)
                         for ours, theirs in zip(played[1], played[0])]
    assert 0 < evaluate.figures_of(played[1])['success_rate'] < 0.9
    silent = [row for row in said['proud'] if 'success' not in row]
    assert silent and said['proud'][len(silent):] == said['point'][len(silent):]


def test_where_no_episode_speaks_of_success_it_matters_whether_one_ever_has():
    environment = Environment(NAMES['proud'])
    lost = [result.seed for result in evaluate.play(environment, Wandering(), range(30))
            if not result.success]
    assert environment.tells
    for tells in (False, True):
        silent = Environment(NAMES['proud'])
        silent.tells = tells
        figures = evaluate.figures_of(evaluate.play(silent, Wandering(), lost[:5]))
        assert figures['success_rate'] == (0.0 if tells else None)
        assert (figures['success_ci95'] is None) == (not tells)


def test_a_training_judges_by_what_the_environment_would_always_say(tmp_path):
    settings = replace(SHORT, episodes=12)
    for name in ('point', 'proud'):
        Training(NAMES[name], settings, 1, tmp_path / name).run()
    point, proud = (json.loads((tmp_path / f'{name}.curve.json').read_text())['curve']
                    for name in ('point', 'proud'))
    rates = [row['success_rate'] for row in point]
    assert any(0.0 < rate < 1.0 for rate in rates)
    assert [row['success_rate'] for row in proud] == rates
    kept = [load_file(tmp_path / f'{name}.safetensors') for name in ('point', 'proud')]
    assert all(torch.equal(kept[0][key], kept[1][key]) for key in kept[0])


def test_evaluations_before_the_first_word_of_success_count_as_failures(tmp_path):
    Late.episodes = 0
    settings = replace(SHORT, steps=800)
    training = Training(NAMES['late'], settings, 0, tmp_path / 'late')
    training._section()
    first = json.loads((tmp_path / 'late.json').read_text())
    assert first['best']['success_rate'] is None and training.curve[0]['success_rate'] is None
    training.best['return_mean'] = 0.0      # no later one is better
    training.run()
    told = [point['success_rate'] for point in training.curve]
    assert told[0] == 0.0 and None not in told
    kept = json.loads((tmp_path / 'late.json').read_text())
    if max(told) == 0.0:
        assert kept['best']['steps'] == 200
    assert kept['best']['success_rate'] == max(told) == training.best['success_rate']
    assert kept['best']['success_ci95'][0] <= kept['best']['success_rate']
    load_part(tmp_path / 'late', 'latent_agent')
