"""Two reports of episodes of a Gymnasium environment, compared pair by pair."""

import json

from env_testing import NAMES, register
import numpy as np
import pytest
from wm_ros.cli import main
from wm_ros.evaluation.comparison import compare, load
from wm_ros.evaluation.report.comparison_page import comparison_page, verdict
from wm_ros.evaluation.statistics import paired, paired_ratio, paired_shares, wilson
from wm_ros.types import WmRosError

RETURNS = {'a': [-12.0, -3.0, -12.0, -1.0], 'b': [-12.0, -12.0, -4.0, -2.0]}
FAILED = {'a': [5, 7], 'b': [5, 6]}
register()


def report(side='a', **changes):
    """Return what there has to be of a report of point, and its planner."""
    return {'env': NAMES['point'], 'env_args': {}, 'trained_in': NAMES['point'], 'seed': 5,
            'episodes': 4, 'success_rate': 0.5, 'returns': RETURNS[side],
            'failed_seeds': FAILED[side], 'planner': 'mppi', 'horizon': 3, 'return_mean': -7.0,
            'parameters': {'planner.horizon': 3}, **changes}


def silent(side='a'):
    """Return one of an environment that says nothing of success."""
    return report(side, success_rate=None, failed_seeds=[])


def test_a_comparison_by_hand():
    found = compare(report('a'), report('b'), ('one', 'two'))
    assert (found['env'], found['seed'], found['episodes']) == (NAMES['point'], 5, 4)
    assert 'task' not in found and 'time_difference' not in found
    assert found['return_difference'] == list(paired(RETURNS['b'], RETURNS['a']))
    assert found['return_difference'][0] == pytest.approx(-0.5)
    successes = {'a': [0, 1, 0, 1], 'b': [0, 0, 1, 1]}
    assert found['success_difference'] == list(paired_shares(successes['b'], successes['a']))
    assert found['failure_ratio'] == list(paired_ratio([1, 1, 0, 0], [1, 0, 1, 0]))
    assert (found['failed_only_a'], found['failed_only_b'], found['failed_both']) \
        == ([7], [6], [5])
    for side in 'ab':
        assert found[side]['success_ci95'] == list(wilson(2, 4))
        assert found[side]['returns'] == RETURNS[side]
    assert found['differs'] == []


def test_without_a_word_of_success_returns_are_compared():
    for first, second in ((silent('a'), silent('b')), (report('a'), silent('b'))):
        found = compare(first, second)
        assert found['return_difference'] == list(paired(RETURNS['b'], RETURNS['a']))
        assert not any(name.startswith(('success', 'fail', 'both')) for name in found)
    assert 'success_rate' not in found['b'] and found['a']['success_rate'] == 0.5
    assert verdict(found) == 'These episodes do not tell which of the two gets the higher return.'


def test_what_differs_is_told():
    found = compare(report(), report(env_args={'lasting': True}, trained_in='Other-v0',
                                     parameters={'planner.horizon': 5}))
    assert found['differs'] == [
        {'name': 'env_args', 'a': {}, 'b': {'lasting': True}},
        {'name': 'trained_in', 'a': NAMES['point'], 'b': 'Other-v0'},
        {'name': 'planner.horizon', 'a': 3, 'b': 5}]


@pytest.mark.parametrize('changes, said', [
    ({'env': 'Other-v0'}, f'A is of env {NAMES["point"]}, B of Other-v0'),
    ({'seed': 6}, 'of seed 5, B of 6'),
    ({'episodes': 3, 'returns': [0.0] * 3}, 'of episodes 4, B of 3')])
def test_other_episodes_are_refused(changes, said):
    with pytest.raises(WmRosError, match=f'{said}; expected the same episodes'):
        compare(report(), report(**changes))


def test_a_task_and_an_environment_are_refused():
    task = {'task': 'reach', 'seed': 5, 'episodes': 4, 'times': [1.0] * 4, 'failed_seeds': []}
    with pytest.raises(WmRosError, match='A is of task reach, B of none; expected the same'):
        compare(task, report())
    with pytest.raises(WmRosError, match='A is of task none, B of reach; expected the same'):
        compare(report(), task)


@pytest.mark.parametrize('changes, said', [
    ({'returns': [1.0]}, 'a finite return of each of 4'), ({'env': 3}, 'got no env'),
    ({'returns': [None] * 4}, 'a finite return of each of 4'), ({'returns': 3}, 'got no returns'),
    ({'success_rate': 'all'}, 'got no success_rate'),
    ({'failed_seeds': [3]}, 'failed_seeds that were not played')])
def test_what_is_no_report_is_one_line(tmp_path, changes, said):
    file = tmp_path / 'bad.json'
    file.write_text(json.dumps(report(**changes)))
    with pytest.raises(WmRosError, match=said) as error:
        load(str(file))
    assert str(file) in str(error.value)


@pytest.fixture(scope='module')
def files(tmp_path_factory):
    """Return the reports of one agent, with its policy and at random, of two environments."""
    folder, found = tmp_path_factory.mktemp('reports'), {}
    for name in ('point', 'plain'):
        line = ['--env', NAMES[name], '--output', str(folder / name)]
        assert main(['train', *line, '--steps', '400', '--debug-run']) == 0
        found[name] = []
        for planner in ('prior', 'random'):
            file = str(folder / f'{name}_{planner}.json')
            assert main(['evaluate', '--env', NAMES[name], '--checkpoint', str(folder / name),
                         '--planner', planner, '--episodes', '12', '--json', file]) == 0
            found[name].append(file)
    return found


@pytest.mark.parametrize('name', ['point', 'plain'])
def test_what_evaluate_writes_can_be_compared(files, tmp_path, capsys, name):
    out, page = tmp_path / 'both.json', tmp_path / 'both.html'
    capsys.readouterr()
    assert main(['evaluate', '--compare', *files[name], '--json', str(out),
                 '--report', str(page)]) == 0
    found, reports = json.loads(out.read_text()), list(map(load, files[name]))
    returns = [np.array(part['returns']) for part in reports]
    assert found['return_difference'][0] == pytest.approx(np.mean(returns[1] - returns[0]))
    assert {'name': 'planner.type', 'a': 'prior', 'b': 'random'} in found['differs']
    shown = capsys.readouterr().out
    assert 'return, B minus A: ' in shown and f'A {files[name][0]}: ' in shown
    assert ('success' in shown) == (name == 'point') == ('success_difference' in found)
    text = page.read_text(encoding='utf-8')
    assert text == comparison_page(compare(*reports, names=files[name]))
    assert NAMES[name] in text and 'return, B minus A' in text
    assert ('Failed seeds' in text) == (name == 'point') and 'time to goal' not in text


def test_reports_of_two_environments_are_one_line(files, capsys):
    capsys.readouterr()
    assert main(['evaluate', '--compare', files['point'][0], files['plain'][0]]) == 2
    said = capsys.readouterr().err
    assert 'expected the same episodes' in said and said.count('\n') == 1
