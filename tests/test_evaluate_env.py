"""What an agent was trained in, and what it is evaluated in: names, arguments, word of success."""

import json

from env_testing import NAMES, register
import pytest
from wm_ros.cli import main

SMALL = ['--steps', '400', '--debug-run']
register()


@pytest.fixture(scope='module')
def agents(tmp_path_factory):
    """Return the agents of three environments by name; lasting: of point, by an argument."""
    folder = tmp_path_factory.mktemp('agents')
    found = {}
    for name, env, more in (('point', 'point', ()), ('proud', 'proud', ()),
                            ('lasting', 'point', ('--env-arg', 'lasting=true'))):
        found[name] = str(folder / name)
        assert main(['train', '--env', NAMES[env], '--output', found[name], *SMALL, *more]) == 0
    return found


@pytest.fixture
def evaluated(agents, tmp_path, capsys):
    """Return what evaluates an agent at random, and returns its report and what it said."""
    def evaluate(env, agent, *more):
        file = tmp_path / 'report.json'
        capsys.readouterr()
        assert main(['evaluate', '--env', NAMES.get(env, env), '--checkpoint', agents[agent],
                     '--planner', 'random', '--episodes', '9', '--json', str(file), *more]) == 0
        return json.loads(file.read_text()), capsys.readouterr()
    return evaluate


def refusal(capsys):
    error = capsys.readouterr().err
    assert error.startswith('wm_ros: error: ') and error.count('\n') == 1, error
    return error


def test_episodes_without_a_word_have_failed_where_training_has_heard_of_success(evaluated):
    failed = evaluated('point', 'point')[0]['failed_seeds']
    assert evaluated('proud', 'proud')[0]['failed_seeds'] == failed
    figures, said = evaluated('proud', 'proud', '--seed', str(failed[0]), '--episodes', '1')
    assert figures['success_rate'] == 0.0 and figures['failed_seeds'] == failed[:1]
    assert 'success 0.000' in said.out
    # Of another environment it says nothing.
    figures, said = evaluated('proud', 'point', '--seed', str(failed[0]), '--episodes', '1')
    assert figures['success_rate'] is None and 'success' not in said.out


def test_arguments_are_kept_and_used_again(agents, evaluated):
    with open(f'{agents["lasting"]}.json') as file:
        assert json.load(file)['environment']['arguments'] == {'lasting': True}
    figures, said = evaluated('point', 'lasting')
    assert figures['steps_mean'] == 12 and figures['env_args'] == {'lasting': True}
    assert said.err.count('\n') == 1        # progress
    figures, _ = evaluated('point', 'lasting', '--env-arg', 'lasting=false',
                           '--env-arg', 'max_episode_steps=5')
    assert figures['steps_mean'] < 5
    assert figures['env_args'] == {'lasting': False, 'max_episode_steps': 5}
    assert evaluated('point', 'point')[0]['env_args'] == {}


def test_an_agent_of_another_environment_is_evaluated_with_a_word(evaluated):
    figures, said = evaluated('single', 'lasting')
    assert (figures['env'], figures['trained_in']) == (NAMES['single'], NAMES['point'])
    assert figures['env_args'] == {} and figures['steps_mean'] < 12
    word = f'was trained in {NAMES["point"]} --env-arg lasting=true, not in {NAMES["single"]}\n'
    assert word in said.err
    for same in ('point', f'env_testing:{NAMES["point"]}'):
        figures, said = evaluated(same, 'point')
        assert figures['trained_in'] == NAMES['point'] and 'was trained' not in said.err


def test_a_run_goes_on_with_the_arguments_that_it_began_with(tmp_path, capsys, monkeypatch):
    from wm_ros.learning.latent import training

    def stop(self):
        raise KeyboardInterrupt
    line = ['train', '--env', NAMES['point'], '--output', str(tmp_path / 'a'), *SMALL]
    with monkeypatch.context() as patch:
        whole = training.Training._section
        patch.setattr(training.Training, '_section',
                      lambda self: stop(self) if self.section else whole(self))
        assert main([*line, '--env-arg', 'lasting=true']) == 130
    for more in ((), ('--env-arg', 'lasting=false')):
        capsys.readouterr()
        assert main([*line, '--resume', *more]) == 2
        assert "was trained with arguments {'lasting': True}" in refusal(capsys)
    assert main([*line, '--resume', '--env-arg', 'lasting=true']) == 0


@pytest.mark.parametrize('given, word', [
    ('lasting', "--env-arg: got 'lasting', expected KEY=VALUE"),
    ('=1', "--env-arg: got '=1', expected KEY=VALUE"), ('a b=1', "got 'a b=1', expected KEY="),
    ('lasting=[', "--env-arg: got 'lasting=['"), ('lasting=2020-01-01', 'expected a value that'),
    ('lasting=.nan', 'expected a value that'), ('lasting={1: 2}', 'expected a value that'),
    ('lasting=&a [*a]', 'expected a value that'),
    ('max_episode_steps=-7', 'cannot be made with max_episode_steps ('),
    ('shift=far', f'--env {NAMES["point"]}: step fails ('),
    ('colour=red', 'cannot be made with colour (TypeError: Point.__init__() got an unexpected '
     "keyword argument 'colour'"), ('id=x', "argument 'id'")])
def test_bad_arguments_are_one_line(agents, tmp_path, capsys, given, word):
    for line in (['train', '--output', str(tmp_path / 'agent')],
                 ['evaluate', '--checkpoint', agents['point']]):
        capsys.readouterr()
        assert main([*line, '--env', NAMES['point'], '--env-arg', given]) == 2
        assert word in refusal(capsys)
    assert not list(tmp_path.iterdir())


def test_arguments_are_for_environments(capsys):
    for line, word in ((['train', '--task', 'reach'], 'got a=1, expected it with --env only'),
                       (['evaluate', '--task', 'reach'], 'got a=1, expected it with --env only'),
                       (['evaluate', '--compare', 'a.json', 'b.json'], 'nothing is played')):
        assert main([*line, '--env-arg', 'a=1']) == 2
        assert f'--env-arg: {word}' in refusal(capsys)


@pytest.mark.parametrize('change', [
    {'environment': {'name': 3}}, {'environment': {'name': 'x', 'arguments': [1]}},
    {'environment': None}, {'best': 1}])
def test_a_checkpoint_that_does_not_say_what_it_is_of_is_refused(agents, tmp_path, capsys, change):
    for end in ('.json', '.safetensors'):
        with open(agents['point'] + end, 'rb') as file:
            (tmp_path / f'agent{end}').write_bytes(file.read())
    file = tmp_path / 'agent.json'
    file.write_text(json.dumps({**json.loads(file.read_text()), **change}))
    capsys.readouterr()
    assert main(['evaluate', '--env', NAMES['point'], '--checkpoint',
                 str(tmp_path / 'agent')]) == 2
    assert 'is missing or not of type' in refusal(capsys)
