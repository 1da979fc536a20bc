"""Tuning: what is searched and judged, a small real run, its files, and going on with it."""

import json
import math
import sys

import imageio.v3 as imageio
import numpy as np
import pytest
from wm_ros.cli import main
from wm_ros.evaluation.run import make_loop, parameters, Request
from wm_ros.param_table import MPC, SAFETY
from wm_ros.tuning import imagined, parameter_file, report, run
from wm_ros.tuning.choice import fronts, promising
from wm_ros.tuning.closed_loop import Played, rounds
from wm_ros.tuning.imagined import Imagination, Measured
from wm_ros.tuning.moments import record
from wm_ros.tuning.space import settled, space
from wm_ros.tuning.study import Study
from wm_ros.tuning.timing import in_time, period_of
from wm_ros.types import WmRosError

#: The small tuning is run once, by one process.
pytestmark = pytest.mark.xdist_group('tune')
START = parameters(Request('reach', 1))[MPC]
#: However busy the computer is, plans are in time, and the gate waits for them.
PATIENT = ('--period', '900', '--set', 'safety_node:safety.plan_timeout:=2.0')
SMALL = ('--search', 'planner.num_samples=4:12', '--search', 'planner.horizon=2:6',
         '--search', 'planner.iterations=1:2')


# ---- what is searched

@pytest.mark.parametrize('planner', ['mppi', 'cem', 'gradient', 'tree', 'nlp'])
def test_the_start_is_inside_what_is_searched(planner):
    start = {**START, 'planner.type': planner, 'planner.horizon': 40, 'planner.noise_std': 0.0}
    ranges = space(start)
    assert 'planner.horizon' in [item.name for item in ranges]
    for item in ranges:
        assert item.low <= start[item.name] <= item.high
        assert item.low < item.high


def test_bounds_that_were_asked_for_take_the_place_of_the_usual_ones():
    asked = ['planner.horizon=5:10', 'planner.num_policy_samples=0:64']
    ranges = {item.name: item for item in space(START, asked)}
    assert (ranges['planner.horizon'].low, ranges['planner.horizon'].high) == (5, 10)
    assert ranges['planner.num_policy_samples'].whole
    assert not ranges['planner.num_policy_samples'].log        # there is no logarithm of 0


@pytest.mark.parametrize('asked, said', [
    ('planner.horizon=12:20', 'the start has 10'), ('planner.horizon=3', 'two integers'),
    ('planner.horizon=2.5:20', 'two integers'), ('planner.horizon=20:3', 'lower bound first'),
    ('planner.horizon=0:20', 'expected an integer from 1'),
    ('planner.noise_std=0.1:nan', 'finite'), ('planner.horizonn=3:20', 'cannot be searched'),
    ('', 'cannot be searched'), ('planner.type=1:2', 'cannot be searched'),
    ('planner.seed=0:9', 'cannot be searched'), ('planner.action_delay=0:1', 'cannot be searched'),
    ('objective.goal=0:9', 'cannot be searched'),
    ('safety.speed_scale=0.1:1', 'cannot be searched')])
def test_what_cannot_be_searched_is_refused(asked, said):
    """Among it all that is about safety, and what plans are judged by."""
    with pytest.raises(WmRosError, match=said):
        space(START, [asked])


def test_what_does_not_search_cannot_be_tuned():
    with pytest.raises(WmRosError, match='--planner: prior has nothing to tune'):
        space({**START, 'planner.type': 'prior'})


def test_what_is_tried_goes_together():
    tried = settled({'planner.num_samples': 8, 'planner.num_elites': 20,
                     'planner.temperature': 0.123456}, START)
    assert tried == {'planner.num_samples': 8, 'planner.num_elites': 8,
                     'planner.temperature': 0.123, 'planner.num_policy_samples': 8}
    assert settled({'planner.num_samples': 64}, START) == {'planner.num_samples': 64}


# ---- time

def test_the_period_is_the_planners_unless_asked():
    params = parameters(Request('reach', 1))
    assert period_of(params, None) == pytest.approx(25.0)
    assert period_of(params, 40.0) == 40.0
    limit = 1e3 * params[SAFETY]['safety.plan_timeout']
    for bad in (0.0, -5.0, math.nan, limit):
        with pytest.raises(WmRosError, match='--period: got'):
            period_of(params, bad)


def test_slow_plans_come_less_often_and_act_later():
    assert in_time(START, 25.0, 4.0) == {}
    assert in_time(START, 25.0, 21.3) == {'planner.action_delay': 0.022}
    assert in_time(START, 50.0, 4.0) == {'planner.rate': 20.0}
    assert in_time(START, 30.0, 99.0)['planner.action_delay'] == 0.03


# ---- choice

def test_fronts_are_those_of_the_definition():
    rng = np.random.default_rng(0)
    points = [tuple(point) for point in rng.integers(0, 6, (30, 2)).tolist()]
    found = fronts(points, lambda point: point)
    assert sorted(point for front in found for point in front) == sorted(points)
    for number, front in enumerate(found):
        assert front == sorted(front)
        rest = [point for later in found[number:] for point in later]
        for x, y in front:
            assert not any(a <= x and b <= y and (a, b) != (x, y) for a, b in rest)
        for x, y in (found[number + 1] if number + 1 < len(found) else ()):
            assert any(a <= x and b <= y and (a, b) != (x, y) for a, b in front)


def test_the_promising_ones_are_those_of_the_first_fronts():
    points = [(3, 3), (1, 5), (5, 1), (2, 6), (9, 9)]
    assert promising(points, lambda point: point, 4) == [(1, 5), (3, 3), (5, 1), (2, 6)]


def test_fewer_play_more_from_round_to_round():
    assert rounds(12, 100) == [(12, 25), (6, 50), (3, 100)]
    assert rounds(1, 1) == [(1, 1), (1, 1), (1, 1)]


def test_differences_are_those_of_the_episodes_of_both():
    mine, other = Played((1.0, 2.0), (True, True)), Played((2.0, 3.0, 9.0), (True, True, False))
    assert mine.minus(other) == pytest.approx((-1.0, -1.0, -1.0))
    assert other.figures()['success_rate'] == pytest.approx(2 / 3)
    assert other.figures()['time_to_goal_mean'] == pytest.approx(14 / 3)


# ---- judgement

@pytest.fixture(scope='module')
def imagination():
    params = parameters(Request('reach', 1))
    loop = make_loop('reach', params)
    start = {name: value for name, value in params[MPC].items()
             if name.startswith(('planner.', 'objective.'))}
    made = Imagination(loop.model, loop.robot, loop.task, record(loop, [500_000], 4), start, 25)
    loop.close()
    return made


def test_moments_are_from_all_of_an_episode():
    loop = make_loop('reach', parameters(Request('reach', 1, planner='prior')))
    heard = []
    moments = record(loop, [500_000, 500_001], 3, heard.append)
    loop.close()
    assert len(moments) == 6 and heard == [1, 2]
    stamps = [moment.belief.stamp for moment in moments]
    assert stamps[0] < stamps[1] < stamps[2] and moments[0].previous is None
    assert moments[1].previous is not None
    for moment in moments:
        assert moment.act_at - moment.belief.stamp == pytest.approx(0.02, abs=0.005)
    assert not np.array_equal(moments[0].goal, moments[3].goal)


@pytest.mark.parametrize('horizon', [3, 25])
def test_a_plan_that_follows_the_prior_gains_nothing(imagination, horizon, monkeypatch):
    monkeypatch.setattr(imagined, '_PLANS', 4)
    found = imagination.measure({'planner.type': 'prior', 'planner.horizon': horizon}, math.inf)
    assert found.gain == pytest.approx(0.0, abs=1e-3)
    assert 0.0 < found.plan_ms_p50 <= found.plan_ms_p99


def test_chance_loses_against_the_prior(imagination, monkeypatch):
    """The longer it goes on, the more."""
    monkeypatch.setattr(imagined, '_PLANS', 4)
    gains = [imagination.measure({'planner.type': 'random', 'planner.horizon': horizon},
                                 math.inf).gain for horizon in (3, 25)]
    assert gains[1] < gains[0] < 0.0


def test_plans_that_take_far_too_long_are_not_judged(imagination):
    found = imagination.measure({}, 1e-6)
    assert found.gain is None and found.plan_ms_p99 > 0.0


# ---- the study

def new_study(path=None, about=None, seed=0):
    ranges = space(START, ['planner.horizon=3:25'])
    return Study(path, about or {'task': 'reach', 'start': {'planner.horizon': 10}}, ranges, seed)


def fill(study, count):
    """Try ``count`` sets of which the gain is the horizon; return what was tried."""
    tried = []

    def measure(values):
        tried.append(values)
        return Measured(float(values['planner.horizon']), 1.0, 2.0)
    for _ in range(count):
        study.attempt(lambda values: settled(values, START), measure, 25.0)
    return tried


def begun(path=None):
    study = new_study(path)
    study.begin({item.name: START[item.name] for item in space(START)}, Measured(5.0, 1.0, 2.0),
                25.0)
    return study


def test_a_study_goes_on_where_it_was(tmp_path):
    path = tmp_path / 'study.log'
    study = begun(path)
    fill(study, 3)
    study.note('played 0', {'times': [1.0]})
    before = study.trials()
    again = new_study(path)
    assert again.trials() == before and again.tried == 4
    assert [trial.number for trial in before] == [0, 1, 2, 3]
    assert before[0].parameters['planner.horizon'] == 10 and before[0].gain == 5.0
    assert again.noted('played 0') == {'times': [1.0]} and again.noted('played 1') is None
    # What a later process tries is not what an earlier one has tried.
    assert fill(again, 1)[0] not in [dict(trial.parameters) for trial in before]


def test_a_study_of_something_else_is_refused(tmp_path):
    path = tmp_path / 'study.log'
    begun(path)
    with pytest.raises(WmRosError, match=r'another tuning \(start planner.horizon: 10, now 11\)'):
        new_study(path, {'task': 'reach', 'start': {'planner.horizon': 11}})


def test_a_study_whose_last_line_was_cut_off_goes_on(tmp_path):
    path = tmp_path / 'study.log'
    fill(begun(path), 2)
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"op_code":4,"wor')
    again = new_study(path)
    assert len(again.trials()) == 3
    fill(again, 1)
    assert len(new_study(path).trials()) == 4


@pytest.mark.parametrize('content', ['to do: buy milk', 'a,b\n1,2\n', '{"a": 1}\n{}', '5\n'])
def test_a_file_that_is_no_study_is_refused_and_left_alone(tmp_path, content):
    path = tmp_path / 'notes.txt'
    path.write_text(content)
    with pytest.raises(WmRosError, match='not the journal of a tuning'):
        new_study(path)
    assert path.read_text() == content and list(tmp_path.iterdir()) == [path]


def test_what_is_interrupted_leaves_no_trial():
    study = begun()

    def interrupt(values):
        raise KeyboardInterrupt
    with pytest.raises(KeyboardInterrupt):
        study.attempt(dict, interrupt, 25.0)
    assert study.tried == 1 and fill(study, 1)
    assert len(study.trials()) == study.tried == 2


def test_what_is_far_too_slow_counts_but_is_no_candidate():
    study = begun()
    study.attempt(dict, lambda values: Measured(None, 90.0, 99.0), 25.0)
    assert study.tried == 2 and [trial.number for trial in study.trials()] == [0]


def test_the_search_learns():
    """Long horizons are what it is asked for; by chance they would be 14 steps in the mean."""
    tried = fill(begun(), 60)
    assert np.mean([values['planner.horizon'] for values in tried[30:]]) > 17


def test_without_optuna_the_way_out_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, 'optuna', None)
    with pytest.raises(WmRosError, match=r"pip install 'wm_ros\[tune\]'"):
        new_study()


# ---- the parameter file

def test_the_file_says_what_differs_and_reads_back(tmp_path):
    shipped = parameters(Request('push', 1))[MPC]
    wanted = {**shipped, 'planner.horizon': 7, 'planner.temperature': 1e-5,
              'objective.arrival': 2.0, 'robot': 'another'}
    values = parameter_file.changed(wanted, shipped)
    assert values == {'planner.type': 'mppi', 'planner.horizon': 7, 'planner.temperature': 1e-5,
                      'objective.arrival': 2.0}
    path = tmp_path / 'tuned.yaml'
    parameter_file.write(path, values, ['one', 'two'])
    assert path.read_text().startswith('# one\n# two\nmpc_node:\n  ros__parameters:\n    planner:')
    read = parameters(Request('push', 1, params_files=(str(path),)))[MPC]
    assert read == {**shipped, **values}


@pytest.mark.parametrize('name, value', [
    ('planner.temperature', 1e-5), ('planner.horizon', 7), ('planner.type', 'cem'),
    ('planner.warm_start', True), ('planner.noise_std', 0.125)])
def test_settings_read_back(name, value):
    told = parameters(Request('reach', 1, settings=(parameter_file.setting(name, value),)))
    assert told[MPC][name] == value


# ---- all of it

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
