"""A sentinel sees every step of its model, begins anew after gaps, and knows what is usual."""

from contextlib import closing
import json
from pathlib import Path

from model_testing import ROBOT
import numpy as np
import pytest
from sentinel_testing import flat_alarm, make_sequence_model
import torch
from wm_ros.cli import main
from wm_ros.evaluation import vigil
from wm_ros.evaluation.run import make_loop, parameters, Request
from wm_ros.types import CheckpointError, WmRosError
from wm_ros.world_model.alarm import ROWS
from wm_ros.world_model.sentinel import load_sentinel, save_usual, Sentinel, usual_file
from wm_ros.world_model.weights import write_weights

STATE = np.linspace(-0.5, 0.5, 15)


@pytest.fixture
def sentinel():
    return Sentinel(make_sequence_model(), flat_alarm(), ROBOT, 0)


def test_it_says_something_once_a_step(sentinel):
    said = [sentinel.see(0.025 * k, STATE, np.zeros(6)) is not None for k in range(9)]
    assert said == [False, False, True, False, True, False, True, False, True]


def test_after_a_gap_or_a_clock_set_back_it_begins_anew(sentinel):
    for stamp in (1.0, 1.05, 1.1):
        before = sentinel.see(stamp, STATE, np.zeros(6))
    assert sentinel.see(1.3, STATE, np.zeros(6)) is None
    after = sentinel.see(1.35, STATE, np.zeros(6))
    assert after['robot'].sum() < before['robot'].sum()      # fewer errors have added up
    assert sentinel.see(0.5, STATE, np.zeros(6)) is None


def test_errors_add_up_and_what_is_not_sensed_is_no_error(sentinel):
    found = [sentinel.see(0.05 * k, STATE) for k in range(2 * ROWS)]
    assert all((row['wrench'] == 0).all() for row in found[1:])
    robot = np.array([row['robot'].max() for row in found[1:]])
    assert robot[ROWS - 1] > 2 * robot[0]
    alarms = sentinel.alarms(found[-1])
    assert alarms['wrench'] == 0 < alarms['robot'] and set(alarms) == {'robot', 'wrench'}


def test_it_foresees_what_the_model_does(sentinel):
    """The same sequence, filtered in one go."""
    rng = np.random.default_rng(0)
    states, wrenches = rng.normal(size=(5, 15)), rng.normal(size=(5, 6))
    states[:, 10:14] *= 0.1         # the setpoint's velocity, within full speed
    found = [sentinel.see(0.05 * k, *row) for k, row in enumerate(zip(states, wrenches))]
    model = sentinel._model
    numbers = torch.tensor(np.hstack([states, wrenches]), dtype=torch.float32)[:, None]
    twist = torch.tensor(states[:, 10:14] / sentinel._rule.speed, dtype=torch.float32)
    actions = torch.cat([twist, torch.zeros(5, 1)], 1)[:, None]
    actions[0] = 0.0
    with torch.no_grad():
        features = model.filter(numbers, actions).features
        forecast = model.forecast(features[:-1], actions[1:], numbers[:-1])
    off = ((model.senses.normalised(numbers[1:]) - forecast.mean) / forecast.spread)[:, 0]
    np.testing.assert_allclose(found[1]['robot'], off[0, :15].abs() / ROWS, atol=2e-3)
    np.testing.assert_allclose(found[-1]['wrench'], off[:, 15:].sum(0).abs() / ROWS, atol=2e-2)


@pytest.mark.parametrize('streams', [
    {'wrench': 6}, {'states': 23}, {'states': 15, 'frames': 12}, {'states': 15, 'wrench': 3}])
def test_models_of_something_else_are_refused(streams):
    with pytest.raises(WmRosError, match='expected states'):
        Sentinel(make_sequence_model(streams), flat_alarm(), ROBOT, 0)


@pytest.fixture
def saved(tmp_path):
    """Return the name of a saved model."""
    model = make_sequence_model()
    write_weights(tmp_path / 'watchful', model, {'kind': 'sequence_model',
                                                 'config': model.config.to_dict()})
    return str(tmp_path / 'watchful')


def test_what_is_usual_lies_beside_the_model(saved):
    assert load_sentinel('', ROBOT, 0) is None
    with pytest.raises(CheckpointError, match='wm_ros calibrate --sentinel'):
        load_sentinel(saved, ROBOT, 0)
    save_usual(saved, flat_alarm(scale=2.0), {'episodes': 3})
    off = {'robot': np.array([3.0] + 14 * [0.0]), 'wrench': np.zeros(6)}
    assert load_sentinel(saved, ROBOT, 0).alarms(off) == {
        'robot': pytest.approx(1.5 ** 2), 'wrench': 0.0}
    retrained = make_sequence_model(seed=1)
    write_weights(Path(saved), retrained, {'kind': 'sequence_model',
                                           'config': retrained.config.to_dict()})
    with pytest.raises(CheckpointError, match='other weights .* wm_ros calibrate'):
        load_sentinel(saved, ROBOT, 0)
    bad = '{"numbers": {"robot": [[0.0]]}, "wholes": {"robot": [[1.0]]}}'
    for text in ('{', '{}', bad, '[1]'):
        usual_file(saved).write_text(text)
        with pytest.raises(CheckpointError, match='damaged'):
            load_sentinel(saved, ROBOT, 0)


def test_it_is_calibrated_in_episodes_of_the_agent(saved, capsys):
    assert main(['calibrate', '--task', 'reach', '--sentinel', saved, '--episodes', '2']) == 2
    assert 'expected at least 2000: more episodes' in capsys.readouterr().err
    assert main(['calibrate', '--task', 'reach', '--sentinel', saved, '--episodes', '901']) == 2
    assert '--episodes: got 901, expected at most 900' in capsys.readouterr().err
    assert not usual_file(saved).exists()


@pytest.mark.slow
def test_what_is_usual_seldom_alarms(saved, monkeypatch):
    monkeypatch.setattr(vigil, '_LEAST_ROWS', 800)
    request = Request('reach', 1, settings=('mpc_node:planner.type:=prior',))
    with closing(make_loop('reach', parameters(request))) as loop:
        sentinel = Sentinel(make_sequence_model(), None, ROBOT, 0)
        alarm = vigil.usual(loop, sentinel, range(999_100, 999_140))
        rows = [row for seed in range(10) for row in vigil.keep_watch(loop, sentinel, seed)]
        greatest = np.array([max(alarm.parts(row).values()) for row in rows])
        assert len(rows) > 200 and np.mean(greatest > 1) < 0.25 and greatest.max() < 5
        assert np.median(greatest) > 0.05
        assert all(row['wrench'].max() > 0 for row in rows)
    save_usual(saved, alarm, {})
    assert set(json.loads(usual_file(saved).read_text())) == {
        'numbers', 'wholes', 'weights_sha256'}
