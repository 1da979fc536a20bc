"""Any Gymnasium environment from the command line: train, go on, evaluate, and what is refused."""

import json
import os
from pathlib import Path
import signal
import subprocess
import sys

from env_testing import NAMES, Point, register
import pytest
from wm_ros.cli import main

HERE = Path(__file__).parent
SMALL = ['--steps', '400', '--debug-run']
register()


def train(output, *more, name='point'):
    return main(['train', '--env', NAMES[name], '--output', str(output), *SMALL, *more])


def refusal(capsys):
    error = capsys.readouterr().err
    assert error.startswith('wm_ros: error: ') and error.count('\n') == 1, error
    return error


@pytest.fixture
def packages(tmp_path, monkeypatch):
    """Return what installs a package of one module that needs Gymnasium, after all others."""
    def install(name, text):
        folder = tmp_path / f'site_{name}'
        about = folder / f'{name}-1.0.dist-info'
        about.mkdir(parents=True)
        (folder / f'{name}.py').write_text(text)
        (about / 'METADATA').write_text(
            f'Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\nRequires-Dist: gymnasium\n')
        monkeypatch.setattr(sys, 'path', [*sys.path, str(folder)])
        monkeypatch.delitem(sys.modules, name, raising=False)
    return install


@pytest.fixture(scope='module')
def trained(tmp_path_factory):
    output = tmp_path_factory.mktemp('trained') / 'point'
    assert train(output) == 0
    return output


def test_it_is_trained_and_evaluated(trained, tmp_path, capsys):
    meta = json.loads(trained.with_suffix('.json').read_text())
    assert meta['kind'] == 'latent_agent' and meta['environment']['name'] == NAMES['point']
    assert meta['training']['steps'] == 400 and meta['training']['hindsight'] == 0.8
    figures = tmp_path / 'figures.json'
    for planner in ([], ['--planner', 'prior'], ['--planner', 'cem', '--set',
                                                 'planner.horizon:=2']):
        assert main(['evaluate', '--env', NAMES['point'], '--checkpoint', str(trained),
                     '--episodes', '4', '--json', str(figures), *planner]) == 0
        assert 'success' in capsys.readouterr().out
        told = json.loads(figures.read_text())
        assert told['episodes'] == 4 and 0 <= told['success_rate'] <= 1
        assert told['planner'] == (planner[1] if planner else 'mppi')
    assert told['horizon'] == 2


def test_the_same_seeds_give_the_same_episodes(trained, tmp_path):
    said = []
    for number in range(2):
        figures = tmp_path / f'{number}.json'
        assert main(['evaluate', '--env', NAMES['point'], '--checkpoint', str(trained),
                     '--episodes', '9', '--seed', '7', '--planner', 'random', '--json',
                     str(figures)]) == 0
        said.append(json.loads(figures.read_text())['returns'])
    assert said[0] == said[1] and len(set(said[0])) > 1


def test_a_killed_run_is_gone_on_with(tmp_path, capsys):
    output = tmp_path / 'a_new_folder' / 'point'
    code = ('import os, signal, sys\nfrom env_testing import register\nregister()\n'
            'from wm_ros.learning.latent import state\nsave = state.save\n'
            'def last(training):\n    save(training)\n'
            '    os.kill(os.getpid(), getattr(signal, sys.argv[1]))\n'
            'state.save = last\nfrom wm_ros.cli import main\nsys.exit(main(sys.argv[2:]))')
    line = ['train', '--env', NAMES['point'], '--output', str(output), *SMALL]
    for name, expected, more in (('SIGKILL', -signal.SIGKILL, []), ('SIGINT', 130, ['--resume'])):
        process = subprocess.run(
            [sys.executable, '-c', code, name, *line, *more], cwd=HERE, timeout=120, check=False,
            capture_output=True, text=True,
            env={**os.environ, 'PYTHONPATH': f'{HERE}:{HERE.parent}'})
        assert process.returncode == expected, process.stderr
    assert 'go on from step 400 with the same command and --resume' in process.stderr
    assert main([*line, '--resume']) == 0
    assert '400 environment steps' in capsys.readouterr().out
    assert not output.with_suffix('.resume.safetensors').exists()


def test_a_run_that_has_not_ended_is_not_begun_over(tmp_path, capsys):
    kept = {end: f'{end} of another run' for end in (
        'resume.safetensors', 'curve.json', 'safetensors', 'json')}
    for end, text in kept.items():
        (tmp_path / f'point.{end}').write_text(text)
    assert train(tmp_path / 'point') == 2
    said = refusal(capsys)
    assert 'point.resume.safetensors' in said and 'add --resume, or delete it' in said
    assert {end: (tmp_path / f'point.{end}').read_text() for end in kept} == kept
    (tmp_path / 'point.resume.safetensors').unlink()
    assert train(tmp_path / 'point') == 0       # one that has ended may be trained anew
    assert json.loads((tmp_path / 'point.json').read_text())['kind'] == 'latent_agent'


@pytest.mark.parametrize('name, word', [
    ('discrete', 'got actions of Discrete, expected continuous ones'),
    ('image', 'got observations of Box [8, 8, 3], expected a Box of one dimension'),
    ('words', 'got observations of text, expected a Box, or a Dict of observation, achieved_goal'),
    ('boundless', 'got actions without bounds')])
def test_environments_that_do_not_fit_are_one_line(tmp_path, capsys, name, word):
    assert train(tmp_path / 'agent', name=name) == 2
    assert word in refusal(capsys)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize('name, word', [
    ('NoSuch-v0', 'no registered environment'), ('no_such_package:NoSuch-v0', 'cannot be made'),
    ('wm_ros_test/Point-v9', 'no registered environment'), ('a b c', 'cannot be made'),
    (NAMES['runtime'], 'cannot be made (RuntimeError: no display: is there one?)'),
    (NAMES['attribute'], 'cannot be made (AttributeError: np.bool8)'),
    ('wm_ros_test_torn:Point-v0', 'cannot be made (RuntimeError: it is torn)')])
def test_environments_that_cannot_be_made_are_one_line(tmp_path, capsys, packages, name, word):
    packages('wm_ros_test_torn', 'raise RuntimeError("it is torn")')
    assert main(['train', '--env', name, '--output', str(tmp_path / 'agent'), *SMALL]) == 2
    said = refusal(capsys)
    assert word in said and name in said


def test_packages_that_cannot_be_imported_stop_no_other(tmp_path, capsys, packages):
    line = ['train', '--env', 'wm_ros_test/Found-v0', '--output', str(tmp_path / 'a'), *SMALL]
    packages('wm_ros_test_torn', 'raise RuntimeError("it is torn")')
    assert main(line) == 2
    assert 'wm_ros_test_torn cannot be imported (RuntimeError: it is torn)' in refusal(capsys)
    packages('wm_ros_test_fine', 'import gymnasium\nfrom env_testing import Plain\n'
             'gymnasium.register("wm_ros_test/Found-v0", Plain, max_episode_steps=6)')
    assert main(line) == 0


@pytest.mark.parametrize('more, word', [
    (('--robot', 'ur5e'), "--robot: got 'ur5e' beside --env"),
    (('--model', 'eyes'), "--model: got 'eyes' beside --env"),
    (('--no-demonstrations',), '--no-demonstrations: got True beside --env'),
    (('--data', 'seen'), '--data: got'), (('--log-dir', 'log'), '--log-dir: got'),
    (('--set', 'horzion=4'), "did you mean 'horizon'"), (('--set', 'horizon=0'), 'at least 1'),
    (('--set', 'hindsight=2'), 'expected from 0 to 1'), (('--set', 'discount=1'), 'discount'),
    (('--set', 'judge=best'), "--set judge: got 'best', expected"),
    (('--set', 'hidden=20'), 'expected a multiple of 16'),
    (('--set', 'activation=relu'), "activation: got 'relu'"),
    (('--seed', '9000'), '--seed: got 9000'), (('--steps', '0'), 'steps: got 0'),
    (('--set', 'learning_rate=-1'), 'learning_rate: got -1, expected a number above 0'),
    (('--set', 'learning_rate=nan'), 'learning_rate: got nan, expected a number above 0'),
    (('--set', 'learning_rate=0'), 'learning_rate: got 0, expected a number above 0'),
    (('--set', 'consistency=inf'), 'consistency: got inf, expected a number of at least 0'),
    (('--set', 'effort=-0.1'), 'effort: got -0.1'), (('--set', 'noise=nan'), 'noise: got nan'),
    (('--set', 'discount=nan'), 'discount: got nan'),
    (('--env', ''), "--env: got '', expected the ID of a Gymnasium environment"),
    (('--device', 'abacus'), "torch cannot use 'abacus'"), (('--resume',), 'nothing to resume')])
def test_bad_orders_are_one_line(tmp_path, capsys, more, word):
    assert train(tmp_path / 'agent', *more) == 2
    assert word in refusal(capsys)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize('more, word', [
    (('--robot', 'ur5e'), "--robot: got 'ur5e' beside --env"), (('--ros',), '--ros: got True'),
    (('--engine', 'mujoco'), "--engine: got 'mujoco'"), (('--jobs', '2'), '--jobs: got 2 beside'),
    (('--checkpoint', ''), 'no --checkpoint'),
    (('--planner', 'nlp'), "planner.type: got 'nlp', expected one of"),
    (('--set', 'planner.horzion:=2'), "did you mean 'planner.horizon'"),
    (('--episodes', '0'), '--episodes: got 0'), (('--seed', '600000'), 'expected seeds below'),
    (('--checkpoint', 'nowhere'), 'no such file; expected a path, or one of'),
    (('--checkpoint', 'panda_reach'), 'is an agent of the task reach, expected one of an '
     'environment'),
    (('--env', ''), "--env: got '', expected the ID of a Gymnasium environment"),
    (('--env', NAMES['plain']), 'observations, goals and actions are of')])
def test_bad_evaluations_are_one_line(trained, capsys, more, word):
    line = ['evaluate', '--env', NAMES['point'], '--checkpoint', str(trained), '--episodes', '2']
    assert main([*line, *more]) == 2
    assert word in refusal(capsys)


def test_either_a_task_or_an_environment(capsys):
    for verb in ('train', 'evaluate'):
        for line in ([], ['--task', 'push', '--env', NAMES['point']]):
            with pytest.raises(SystemExit) as left:
                main([verb, *line])
            assert left.value.code == 2 and '--env' in capsys.readouterr().err
    assert main(['train', '--task', 'push', '--steps', '5']) == 2
    assert '--steps: got 5 with --task' in refusal(capsys)


def test_a_checkpoint_with_absurd_sizes_is_refused(trained, tmp_path, capsys):
    for end in ('.json', '.safetensors'):
        (tmp_path / f'agent{end}').write_bytes(trained.with_suffix(end).read_bytes())
    file = tmp_path / 'agent.json'
    meta = json.loads(file.read_text())
    for name, value in (('hidden', 64), ('latent', 8192), ('observations', 'two'), ('bins', -1)):
        file.write_text(json.dumps({**meta, 'config': {**meta['config'], name: value}}))
        assert main(['evaluate', '--env', NAMES['point'], '--checkpoint',
                     str(tmp_path / 'agent')]) == 2
        refusal(capsys)


def test_hindsight_needs_what_only_the_environment_can_say(tmp_path, capsys, monkeypatch):
    def asks(self, achieved, desired, info):
        return info['what only a step tells']

    monkeypatch.setattr(Point, 'compute_reward', asks)
    assert train(tmp_path / 'agent') == 2
    assert '--set hindsight=0 does without' in refusal(capsys)
