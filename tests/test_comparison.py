"""Two reports compared pair by pair: by hand, turned around, and what is refused."""

import json

import numpy as np
import pytest
from wm_ros.cli import main
from wm_ros.evaluation.comparison import compare, load
from wm_ros.evaluation.statistics import paired, wilson
from wm_ros.types import WmRosError

TIMES = {'a': [1.0, 5.0, 2.0, 5.0, 3.0, 1.5], 'b': [1.5, 2.0, 2.0, 5.0, 5.0, 1.0]}
FAILED = {'a': [8, 10], 'b': [10, 11]}


def report(side='a', **changes):
    """Return what there has to be of a report of reach, and its planner."""
    return {'task': 'reach', 'seed': 7, 'episodes': 6, 'times': TIMES[side],
            'failed_seeds': FAILED[side], 'planner': 'mppi', 'horizon': 10, 'plan_ms_p50': 9.0,
            'parameters': {'planner.horizon': 10}, 'changed_parameters': [], **changes}


def test_a_comparison_by_hand():
    found = compare(report('a'), report('b'), ('one', 'two'))
    assert (found['task'], found['seed'], found['episodes']) == ('reach', 7, 6)
    assert [found[side]['file'] for side in 'ab'] == ['one', 'two']
    for side in 'ab':
        assert found[side]['success_rate'] == pytest.approx(4 / 6)
        assert found[side]['success_ci95'] == list(wilson(4, 6))
        assert found[side]['time_to_goal_mean'] == pytest.approx(np.mean(TIMES[side]))
    assert found['time_difference'] == list(paired(TIMES['b'], TIMES['a']))
    assert found['success_difference'][0] == 0.0 and found['failure_ratio'][0] == 1.0
    assert (found['failed_only_a'], found['failed_only_b'], found['failed_both']) \
        == ([8], [11], [10])
    # Seeds 7, 9 and 12 succeed in both.
    assert found['both_succeed'] == 3
    assert found['time_difference_both_succeed'][0] == pytest.approx(0.0)
    assert found['differs'] == []


def test_differences_are_of_the_second_from_the_first():
    worse = report('b', failed_seeds=[8, 10, 11, 12])
    found, turned = compare(report(), worse), compare(worse, report())
    assert found['success_difference'][0] == pytest.approx(-2 / 6)
    assert found['failure_ratio'][0] == 2.0 and turned['failure_ratio'][0] == 0.5
    assert turned['success_difference'][0] == pytest.approx(2 / 6)
    for _, low, high in (found['success_difference'], found['time_difference']):
        assert low <= high


def test_without_failures_there_is_no_ratio_and_with_none_alone_it_is_infinite():
    none = report(failed_seeds=[])
    assert np.isnan(compare(none, none)['failure_ratio']).all()
    assert compare(none, report())['failure_ratio'][0] == np.inf
    assert compare(report(), none)['failure_ratio'] == [0.0, 0.0, 0.0]
    everything = report(failed_seeds=list(range(7, 13)))
    assert compare(everything, report())['time_difference_both_succeed'] is None


def test_what_differs_is_told_with_what_was_shipped_where_only_one_has_changed_it():
    row = {'name': 'safety.rate', 'nodes': ['safety_node'], 'value': 100.0, 'shipped': 120.0}
    found = compare(report(engine='pybullet'), report(
        engine='mujoco', changed_parameters=[row], parameters={'planner.horizon': 5}))
    assert found['differs'] == [
        {'name': 'engine', 'a': 'pybullet', 'b': 'mujoco'},
        {'name': 'safety.rate', 'a': 120.0, 'b': 100.0},
        {'name': 'planner.horizon', 'a': 10, 'b': 5}]


def test_worlds_of_one_name_that_were_drawn_otherwise_are_told_of():
    """As where the file was edited between the two."""
    sides = [report(episodes=2, times=[1.0, 1.0], failed_seeds=[], randomization='mine',
                    episodes_drawn=[{'actuation.lag': lag, 'object.mass': mass}
                                    for mass in (0.1, 0.2)]) for lag in (0.0, 0.4)]
    assert compare(*sides)['differs'] == [
        {'name': 'actuation.lag, as drawn', 'a': '0 to 0', 'b': '0.4 to 0.4'}]
    assert compare(sides[0], sides[0])['differs'] == []
    other = {**sides[1], 'randomization': 'another'}
    assert [row['name'] for row in compare(sides[0], other)['differs']] == ['randomization']


@pytest.mark.parametrize('changes, said', [
    ({'task': 'push'}, 'A is of task reach, B of push'), ({'seed': 6}, 'of seed 7, B of 6'),
    ({'episodes': 5, 'times': TIMES['a'][:5]}, 'of episodes 6, B of 5')])
def test_other_episodes_are_refused(changes, said):
    with pytest.raises(WmRosError, match=f'{said}; expected the same episodes'):
        compare(report(), report(**changes))


@pytest.mark.parametrize('text, said', [
    ('{', 'line 1'), ('[]', 'got no report'), ('{"task": "reach"}', 'got no seed'),
    (json.dumps(report(plan_ms_p50='x')), 'got a plan_ms_p50 that is no number'),
    (json.dumps(report(changed_parameters=[1])), 'got changed_parameters without name'),
    (json.dumps(report(times=[1.0])), 'a finite time of each of 6'),
    (json.dumps(report(times=[None] * 6)), 'a finite time of each of 6'),
    (json.dumps(report(failed_seeds=[3])), 'failed_seeds that were not played'),
    (json.dumps(report(failed_seeds=[[]])), 'failed_seeds that were not played')])
def test_what_is_no_report_is_one_line(tmp_path, capsys, text, said):
    good, bad = tmp_path / 'good.json', tmp_path / 'bad.json'
    good.write_text(json.dumps(report()))
    bad.write_text(text)
    assert main(['evaluate', '--compare', str(good), str(bad)]) == 2
    out, error = capsys.readouterr()
    assert str(bad) in error and said in error and error.count('\n') == 1 and out == ''


def test_a_file_that_is_not_there():
    with pytest.raises(WmRosError, match='none.json'):
        load('none.json')


@pytest.fixture
def files(tmp_path):
    """Return the paths of two reports."""
    paths = [tmp_path / 'a.json', tmp_path / 'b.json']
    for path, side in zip(paths, 'ab'):
        path.write_text(json.dumps(report(side)))
    return [str(path) for path in paths]


def test_the_command_compares_prints_and_writes(files, tmp_path, capsys):
    assert main(['evaluate', '--compare', *files, '--json', str(tmp_path / 'out.json')]) == 0
    found = json.loads((tmp_path / 'out.json').read_text())
    expected = compare(*map(load, files), names=files)
    assert expected['failure_ratio'] == [1.0, 0.0, np.inf]      # JSON knows no infinity
    assert found == {**expected, 'failure_ratio': [1.0, 0.0, None]}
    shown = capsys.readouterr().out
    assert f'A {files[0]}: success 0.667' in shown
    assert 'only A fails 1, only B 1, both 1 of 6' in shown


@pytest.mark.parametrize('line, said', [
    ((), 'one of the arguments --task --env --compare is required'),
    (('--compare', 'a.json'), 'expected 2 arguments'),
    (('--task', 'reach', '--compare', 'a.json', 'b.json'), 'not allowed with argument')])
def test_what_to_do_has_to_be_clear(capsys, line, said):
    with pytest.raises(SystemExit) as left:
        main(['evaluate', *line])
    assert left.value.code == 2 and said in capsys.readouterr().err


@pytest.mark.parametrize('line, said', [
    (('--ros',), '--ros'), (('--planner', 'prior'), '--planner'), (('--set', 'a:=1'), '--set'),
    (('--params-file', 'x.yaml'), '--params-file'), (('--sweep', 'x'), '--sweep'),
    (('--seed', '0'), '--seed'), (('--episodes', '6'), '--episodes'), (('--jobs', '2'), '--jobs')])
def test_options_of_an_evaluation_are_refused(files, capsys, line, said):
    assert main(['evaluate', '--compare', *files, *line]) == 2
    assert f'{said}: nothing is played' in capsys.readouterr().err
