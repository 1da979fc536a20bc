"""The memory of a tuning: a journal that is gone on with, whatever ended it."""

import sys

import numpy as np
import pytest
from wm_ros.evaluation.run import parameters, Request
from wm_ros.param_table import MPC
from wm_ros.tuning.imagined import Measured
from wm_ros.tuning.space import settled, space
from wm_ros.tuning.study import Study
from wm_ros.types import WmRosError

START = parameters(Request('reach', 1))[MPC]


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
