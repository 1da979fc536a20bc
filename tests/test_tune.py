"""The verb tune: a small real run, its files, and going on with it."""

import json

import imageio.v3 as imageio
import pytest
from wm_ros.cli import main
from wm_ros.evaluation.run import parameters, Request
from wm_ros.param_table import MPC
from wm_ros.tuning import imagined, report, run

#: The small tuning is run once, by one process.
pytestmark = pytest.mark.xdist_group('tune')
START = parameters(Request('reach', 1))[MPC]
#: However busy the computer is, plans are in time, and the gate waits for them.
PATIENT = ('--period', '900', '--set', 'safety_node:safety.plan_timeout:=2.0')
SMALL = ('--search', 'planner.num_samples=4:12', '--search', 'planner.horizon=2:6',
         '--search', 'planner.iterations=1:2')


@pytest.fixture(scope='module')
def quick():
    """Take fewer moments, times and finalists than usual."""
    with pytest.MonkeyPatch.context() as patch:
        for module, name, value in (
                (run, '_RECORDED', 1), (run, '_MOMENTS', 3), (run, '_FINALISTS', 3),
                (run, '_TIMED', 5), (imagined, '_PLANS', 5)):
            patch.setattr(module, name, value)
        yield


@pytest.fixture(scope='module')
def tuned(quick, tmp_path_factory):
    """Return the folder and the command line of a small tuning of reach, which has been run."""
    folder = tmp_path_factory.mktemp('tuned')
    mine = folder / 'mine.yaml'
    mine.write_text('mpc_node:\n  ros__parameters:\n    planner: {horizon: 4, num_samples: 8}\n')
    line = ['tune', '--task', 'reach', '--episodes', '2', '--jobs', '1', *PATIENT, *SMALL,
            '--params-file', str(mine), '--set', 'planner.num_policy_samples:=8',
            '--output', str(folder / 'tuned.yaml'), '--json', str(folder / 'tuned.json'),
            '--study', str(folder / 'study.log')]
    assert main([*line, '--trials', '4']) == 0
    return folder, line


def figures_of(folder):
    return json.loads((folder / 'tuned.json').read_text())


def test_trial_0_is_the_start(tuned):
    folder, _ = tuned
    start = figures_of(folder)['candidates'][0]
    assert start['trial'] == 0
    assert (start['parameters']['planner.horizon'], start['parameters']['planner.num_samples']) \
        == (4, 8)
    assert start['episodes'] == 2 and start['minus_start'] == [0.0, 0.0, 0.0]


def test_what_was_found_is_there(tuned):
    folder, _ = tuned
    found = figures_of(folder)
    assert found['trials'] == 4 and not found['interrupted']
    by_number = {one['trial']: one for one in found['candidates']}
    best = by_number[found['best']]
    assert best['in_time'] and best['plan_ms_p99'] <= found['period_ms'] == 900.0
    rivals = [one['time_to_goal_mean'] for one in found['candidates']
              if one.get('episodes') == 2]
    assert best['time_to_goal_mean'] == min(rivals)
    assert found['frontier'] and set(found['frontier']) <= set(by_number)
    for one in found['candidates']:
        for name, (low, high) in found['search'].items():
            assert low <= one['parameters'][name] <= high
    picture = imageio.imread(folder / 'tuned.png')
    assert picture.shape[1] > 800 and picture.std() > 10


def test_the_file_gives_evaluate_what_was_tuned(tuned):
    folder, _ = tuned
    found = figures_of(folder)
    best = next(one for one in found['candidates'] if one['trial'] == found['best'])
    read = parameters(Request(
        'reach', 1, params_files=(str(folder / 'tuned.yaml'),),
        settings=('safety_node:safety.plan_timeout:=2.0',)))
    for name, value in best['parameters'].items():
        assert read[MPC][name] == value
    assert read[MPC]['planner.rate'] == pytest.approx(1e3 / 900, abs=1e-3)
    text = (folder / 'tuned.yaml').read_text()
    assert text.count('ros__parameters') == 1 and 'safety' not in text
    for word in ('task reach', f'checkpoint {found["checkpoint"]}', 'period 900 ms'):
        assert word in text
    # All but the planner is as shipped.
    shipped = parameters(Request('reach', 1))
    for name in set(shipped[MPC]) - set(found['parameters']):
        assert read[MPC][name] == shipped[MPC][name]


def test_more_trials_go_on_with_what_is_known(tuned, capsys):
    folder, line = tuned
    before = figures_of(folder)
    assert main([*line, '--trials', '5']) == 0
    after = figures_of(folder)
    assert after['trials'] == 5
    for one, other in zip(before['candidates'], after['candidates']):
        assert (one['parameters'], one['gain']) == (other['parameters'], other['gain'])
    assert after['candidates'][0]['times'] == before['candidates'][0]['times']
    shown = capsys.readouterr().out
    assert 'start' in shown and 'best' in shown and f'{folder / "tuned.yaml"}: trial' in shown


@pytest.mark.parametrize('stage, trials', [('offline', 2), ('in the closed loop', 3)])
def test_an_interrupted_tuning_has_a_best_and_goes_on(quick, tmp_path, stage, trials):
    request = run.TuningRequest(
        'reach', trials=3, episodes=1, period=900.0, study=str(tmp_path / 'study.log'),
        settings=('safety_node:safety.plan_timeout:=2.0',), search=(
            'planner.num_samples=4:32', 'planner.iterations=1:1', 'planner.horizon=3:10'))

    def interrupt(name, done, total, figures):
        if stage in name:
            raise KeyboardInterrupt
    tuning = run.Tuning(request)
    tuning.run(interrupt)
    assert tuning.interrupted and tuning.study.tried == trials and tuning.best is not None
    path = tmp_path / 'tuned.yaml'
    report.write(tuning, path)
    read = parameters(Request('reach', 1, params_files=(str(path),), settings=request.settings))
    assert read[MPC]['planner.num_samples'] == tuning.parameters(tuning.best)[
        'planner.num_samples']
    before = tuning.study.trials()
    if stage == 'offline':
        assert 'interrupted' in path.read_text()
        assert tuning.best.gain == max(trial.gain for trial in before)
    again = run.Tuning(request)
    again.run()
    assert not again.interrupted and again.study.tried == 3
    assert again.study.trials()[:trials] == before


def test_nothing_to_show_for_an_interruption_is_one(quick):
    def interrupt(name, done, total, figures):
        raise KeyboardInterrupt
    with pytest.raises(KeyboardInterrupt):
        run.Tuning(run.TuningRequest('reach', trials=1, episodes=1)).run(interrupt)


def test_no_plans_in_time_are_an_error_after_the_figures(quick, tmp_path, capsys):
    line = ['tune', '--task', 'reach', '--episodes', '1', '--jobs', '1', '--trials', '2',
            '--period', '0.0001', *SMALL[4:], '--search', 'planner.num_samples=4:32',
            '--output', str(tmp_path / 'tuned.yaml'), '--json', str(tmp_path / 'tuned.json')]
    assert main(line) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith('wm_ros: error: no plans were in time') and '--period' in error
    found = figures_of(tmp_path)
    assert found['best'] is None and found['too_slow'] == 1
    assert not (tmp_path / 'tuned.yaml').exists() and (tmp_path / 'tuned.png').exists()


@pytest.mark.parametrize('line, word', [
    (('--trials', '0'), '--trials: got 0'), (('--episodes', '0'), '--episodes: got 0'),
    (('--jobs', '0'), '--jobs: got 0'), (('--seed', '-1'), '--seed: got -1'),
    (('--seed', '498000', '--episodes', '500'), '--seed: got 498000'),
    (('--period', '0'), '--period: got 0'), (('--period', '150'), 'safety.plan_timeout'),
    (('--planner', 'prior'), 'nothing to tune'), (('--planner', 'oracle'), 'planner.type'),
    (('--task', 'juggle'), 'unknown task'), (('--search', 'planner.horizon'), '--search'),
    (('--params-file', '{here}/none.yaml'), 'none.yaml'), (('--output', '{here}'), '--output'),
    (('--plot', '{here}/none/x.png'), '--plot'), (('--json', '{here}/none/x.json'), '--json'),
    (('--study', '{here}/none/x.log'), '--study'), (('--study', '{here}/notes'), '--study'),
    (('--json', '{here}/same', '--study', '{here}/same'), 'as well')])
def test_bad_arguments_are_one_line_before_anything_is_measured(tmp_path, capsys, line, word):
    (tmp_path / 'notes').write_text('to do')
    assert main(['tune', '--task', 'reach', '--output', str(tmp_path / 'x.yaml'), *(
        part.format(here=tmp_path) for part in line)]) == 2
    out, error = capsys.readouterr()
    assert error.startswith('wm_ros: error: ') and error.count('\n') == 1 and word in error
    assert out == '' and list(tmp_path.iterdir()) == [tmp_path / 'notes']
