"""Tuning as a library: what is searched, how it is judged, and the file that comes of it."""

from dataclasses import replace
import math

import numpy as np
import pytest
from wm_ros.evaluation.run import make_loop, parameters, Request
from wm_ros.param_table import MPC, SAFETY
from wm_ros.tuning import imagined, parameter_file
from wm_ros.tuning.choice import fronts, promising
from wm_ros.tuning.closed_loop import Played, rounds
from wm_ros.tuning.imagined import Imagination
from wm_ros.tuning.moments import record
from wm_ros.tuning.space import settled, space
from wm_ros.tuning.timing import in_time, period_of
from wm_ros.types import WmRosError

START = parameters(Request('reach', 1))[MPC]


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
    assert ranges['planner.num_policy_samples'].kind == 'int'
    assert not ranges['planner.num_policy_samples'].log        # there is no logarithm of 0
    fixed = {item.name: item for item in space(START, ['planner.around_prior=true:true'])}
    assert fixed['planner.around_prior'].text == 'true:true'
    assert ranges['planner.around_prior'].text == 'false:true'


@pytest.mark.parametrize('asked, said', [
    ('planner.horizon=12:20', 'the start has 10'), ('planner.horizon=3', 'two integers'),
    ('planner.horizon=2.5:20', 'two integers'), ('planner.horizon=20:3', 'lower bound first'),
    ('planner.horizon=0:20', 'expected an integer from 1'),
    ('planner.noise_std=0.1:nan', 'finite'), ('planner.horizonn=3:20', 'cannot be searched'),
    ('planner.around_prior=false:false', 'the start has true'),
    ('planner.around_prior=0:1', 'false:true'),
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


def test_the_body_is_judged_as_well(imagination, monkeypatch):
    """A box in which the arm stands all the time costs the prior what it costs every plan."""
    monkeypatch.setattr(imagined, '_PLANS', 4)
    start = {**imagination._start, 'planner.keep_out': [0.5, 0.0, 0.3, 2.0, 2.0, 2.0]}
    boxed = Imagination(*imagination._parts, imagination._moments, start, 25)
    assert all(inside < free - 100.0
               for inside, free in zip(boxed._priors, imagination._priors))
    found = boxed.measure({'planner.type': 'prior', 'planner.horizon': 5}, math.inf)
    assert found.gain == pytest.approx(0.0, abs=0.05)


def test_what_a_search_goes_on_from_is_there_whatever_the_start_was(imagination):
    """Plans of a start that searches among actions have no offsets from the prior."""
    bare = [moment._replace(previous=moment.previous and replace(moment.previous, offsets=None))
            for moment in imagination._moments]
    other = Imagination(*imagination._parts, bare, imagination._start, 25)
    assert imagination._moments[1].previous.offsets is not None
    for ours, theirs in zip(other._moments[1:], imagination._moments[1:]):
        off = ours.previous.offsets - theirs.previous.offsets
        assert np.abs(off).max() < 0.3      # they are one plan apart


def test_plans_that_take_far_too_long_are_not_judged(imagination):
    found = imagination.measure({}, 1e-6)
    assert found.gain is None and found.plan_ms_p99 > 0.0


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
