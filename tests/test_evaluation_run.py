"""Many episodes: in any number of processes the same; the report; the command's errors."""

from contextlib import suppress
from dataclasses import replace
from itertools import islice
import json
import os
import signal
import subprocess
import sys

from model_testing import make_dynamics
import pytest
from wm_ros.cli import main
from wm_ros.evaluation import sweep
from wm_ros.evaluation.closed_loop import Result
from wm_ros.evaluation.run import Evaluation, Request
from wm_ros.evaluation.statistics import wilson
from wm_ros.robot.robot import load_robot
from wm_ros.tasks import get_task
from wm_ros.types import WmRosError
from wm_ros.world_model import load_checkpoint, save_checkpoint

#: What a reader of the figures may count on.
PROMISED = {
    'task', 'episodes', 'success_rate', 'success_ci95', 'return_mean', 'jerk_rms', 'planner',
    'horizon', 'plan_ms_p50', 'plan_ms_p99', 'checkpoint', 'seed', 'engine'}
QUICK = ['evaluate', '--task', 'reach', '--jobs', '1', '--planner', 'prior']


def timeless(results):
    """Return results without the planner's times, which differ from run to run."""
    return [replace(result, plan_ms=[]) for result in results]


@pytest.mark.slow
def test_two_processes_give_the_same_episodes_in_the_same_order():
    request = Request('reach', 5, seed=2, planner='dither')     # with noise
    heard = []
    alone = Evaluation(request).run(lambda so_far: heard.append(len(so_far)))
    shared = Evaluation(replace(request, jobs=2)).run()
    assert timeless(alone) == timeless(shared)
    assert [result.seed for result in alone] == [2, 3, 4, 5, 6]
    assert heard == [1, 2, 3, 4, 5]


INTERRUPTED = """
import sys
from wm_ros.evaluation.run import Evaluation, Request
if __name__ == '__main__':
    try:
        Evaluation(Request('reach', 2000, jobs=2, planner='prior')).run(
            lambda so_far: print(len(so_far), flush=True))
    except KeyboardInterrupt:
        sys.exit(130)
"""


@pytest.mark.slow
def test_ctrl_c_ends_all_processes_without_a_word(tmp_path):
    script = tmp_path / 'script.py'     # processes that are spawned import it
    script.write_text(INTERRUPTED)
    process = subprocess.Popen(
        [sys.executable, str(script)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True)
    try:
        assert process.stdout.readline() == '1\n'
        os.killpg(process.pid, signal.SIGINT)       # as a terminal does
        # Returns when the last process that could write there has ended, workers included.
        _, error = process.communicate(timeout=60)
        assert (process.returncode, error) == (130, '')
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def test_what_was_played_before_ctrl_c_is_kept(tmp_path, monkeypatch, capsys):
    play, file = Evaluation.play, tmp_path / 'out.json'

    def interrupted(evaluation, episodes):
        yield from islice(play(evaluation, episodes), 2)
        raise KeyboardInterrupt

    monkeypatch.setattr(Evaluation, 'play', interrupted)
    assert main(['evaluate', '--task', 'reach', '--planner', 'prior', '--jobs', '1', '--seed', '3',
                 '--episodes', '5', '--sweep', 'actuation.delay=0:0.1:2', '--json', str(file),
                 '--report', str(tmp_path / 'out.html')]) == 130
    figures = json.loads(file.read_text())
    assert (figures['seed'], figures['episodes'], figures['interrupted']) == (3, 2, True)
    assert len(figures['times']) == 2 and 'in 2 episodes' in capsys.readouterr().out
    assert [path.name for path in tmp_path.iterdir()] == ['out.json']


def test_an_evaluation_is_kept_whatever_becomes_of_its_sweeps(tmp_path, monkeypatch):
    def dies(*told):
        raise WmRosError('a process has died')

    monkeypatch.setattr(sweep, 'run', dies)
    file = tmp_path / 'out.json'
    assert main(['evaluate', '--task', 'reach', '--planner', 'prior', '--jobs', '1', '--episodes',
                 '1', '--sweep', 'actuation.delay=0:0.1:2', '--json', str(file)]) == 2
    assert json.loads(file.read_text())['episodes'] == 1


@pytest.mark.parametrize('numbers', [{'episodes': 0}, {'episodes': -1}, {'seed': -1}, {'jobs': 0}])
def test_numbers_that_are_too_small_are_refused(numbers):
    (name, value), = numbers.items()
    with pytest.raises(WmRosError, match=f'--{name}: got {value}, expected at least'):
        Request(**{'task': 'reach', 'episodes': 1, **numbers})


def result(seed, success, time, plan_ms, **kwargs):
    return Result(seed, success, time, kwargs.get('total', -1.0), plan_ms, round(120 * time),
                  kwargs.get('limited', 0), kwargs.get('held', 0), kwargs.get('surprises', []),
                  kwargs.get('jerk', 0.0))


def test_report_of_known_results():
    results = [result(7, True, 1.0, [1.0, 2.0, 3.0], total=-2.0, held=12, limited=60),
               result(8, False, 5.0, [4.0], total=-6.0, jerk=3.0),
               result(9, True, 2.0, [])]
    figures = Evaluation(Request('reach', 3, seed=7, settings=('planner.horizon:=4',))).report(
        results)
    assert (figures['task'], figures['episodes'], figures['seed']) == ('reach', 3, 7)
    assert figures['success_rate'] == pytest.approx(2 / 3)
    assert figures['success_ci95'] == list(wilson(2, 3))
    assert figures['return_mean'] == pytest.approx(-3.0)
    assert figures['jerk_rms'] == pytest.approx(3.0 / 3 ** 0.5)
    assert figures['time_to_goal_mean'] == pytest.approx(8 / 3)
    assert figures['times'] == [1.0, 5.0, 2.0] and figures['failed_seeds'] == [8]
    assert (figures['plan_ms_p50'], figures['planner'], figures['horizon']) == (2.5, 'mppi', 4)
    assert 3.9 < figures['plan_ms_p99'] <= 4.0
    # Of 8 s at the gate's 120 Hz.
    assert figures['held_share'] == pytest.approx(12 / 960)
    assert figures['limited_share'] == pytest.approx(60 / 960)


def test_a_checkpoint_that_changes_under_way_ends_the_evaluation(tmp_path):
    """Episodes of other weights under the first one's hash would be a lie."""
    robot, task = load_robot('panda'), get_task('reach')
    for seed in (0, 1):
        save_checkpoint(tmp_path / f'seed{seed}', make_dynamics(seed=seed), robot, task, {}, 0.01)
    evaluation = Evaluation(Request('reach', 2, planner='prior', jobs=2,
                                    checkpoint=str(tmp_path / 'seed0')))
    for ending in ('safetensors', 'json'):
        os.replace(tmp_path / f'seed1.{ending}', tmp_path / f'seed0.{ending}')
    with pytest.raises(WmRosError, match='the checkpoint has changed since'):
        evaluation.run()


@pytest.mark.parametrize('seed, episodes', [(1_000_000, 1), (998_999, 2), (10 ** 9, 1)])
def test_seeds_of_training_are_not_evaluated_on(seed, episodes):
    with pytest.raises(WmRosError, match=f'--seed: got {seed} for {episodes} episodes, expected '
                       'seeds below 999000'):
        Request('reach', episodes, seed=seed)


def test_files_that_change_under_way_do_not_matter(tmp_path):
    """An hour of episodes is not lost because somebody edits a parameter file."""
    file = tmp_path / 'mine.yaml'
    file.write_text('mpc_node:\n  ros__parameters: {planner.horizon: 4}\n')
    evaluation = Evaluation(Request('reach', 1, planner='prior', params_files=(str(file),)))
    file.write_text('no: parameters')
    assert evaluation.report(evaluation.run())['horizon'] == 4


def test_the_command_writes_what_was_promised(tmp_path, capsys):
    file = tmp_path / 'out.json'
    line = [*QUICK, '--episodes', '2', '--seed', '3', '--set', 'planner.horizon:=5',
            '--json', str(file)]
    assert main(line) == 0
    figures = json.loads(file.read_text())
    assert PROMISED <= set(figures)
    assert (figures['task'], figures['episodes'], figures['seed']) == ('reach', 2, 3)
    assert (figures['planner'], figures['horizon'], figures['engine']) == ('prior', 5, 'pybullet')
    low, high = figures['success_ci95']
    assert low <= figures['success_rate'] <= high
    assert 0.0 < figures['plan_ms_p50'] <= figures['plan_ms_p99']
    assert figures['return_mean'] < 0.0
    model = load_checkpoint('', load_robot('panda'), get_task('reach'))
    assert figures['checkpoint'] == model.checkpoint
    shown = capsys.readouterr().out
    assert f'checkpoint {figures["checkpoint"]}' in shown and shown.count('\n') == 1
    assert list(tmp_path.iterdir()) == [file]

    assert main(line) == 0
    again = json.loads(file.read_text())
    for name in ('times', 'return_mean', 'success_rate', 'held_share', 'limited_share'):
        assert again[name] == figures[name]


@pytest.mark.parametrize('line, word', [
    (('--episodes', '0'), '--episodes: got 0'), (('--seed', '-1'), '--seed: got -1'),
    (('--jobs', '0'), '--jobs: got 0'), (('--jobs', '-2'), '--jobs: got -2'),
    (('--task', 'juggle'), 'unknown task'), (('--planner', 'oracle'), 'planner.type'),
    (('--robot', 'juggler'), 'unknown robot'), (('--set', 'horizon'), "'horizon'"),
    (('--set', 'planner.horizon:=0'), 'planner.horizon'),
    (('--set', 'planner.noise_std:=.nan'), 'planner.noise_std'),
    (('--set', 'planner.horizonn:=5'), 'planner.horizon'),
    (('--params-file', '{here}/none.yaml'), 'none.yaml'),
    (('--checkpoint', '{here}/none'), 'none.safetensors'),
    (('--checkpoint', '{here}/text'), 'text'),
    (('--json', '{here}'), '--json'), (('--json', '{here}/none/out.json'), '--json')])
def test_bad_arguments_are_one_line_before_anything_is_played(tmp_path, capsys, line, word):
    for ending in ('.safetensors', '.json'):
        (tmp_path / f'text{ending}').write_text('no checkpoint')
    assert main([*QUICK, *(part.format(here=tmp_path) for part in line)]) == 2
    out, error = capsys.readouterr()
    assert error.startswith('wm_ros: error: ') and error.count('\n') == 1 and word in error
    assert out == ''
