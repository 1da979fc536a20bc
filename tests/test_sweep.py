"""Sweeps: the same episodes at one value after another, and what cannot be swept."""

import json

import pytest
from sim.randomize import NOTHING, TERMS
from sim.randomize.config import parse
from sim.tasks import make_task
from wm_ros.cli import main
from wm_ros.evaluation.run import Evaluation, Request
from wm_ros.evaluation.sweep import read, spaced
from wm_ros.types import WmRosError

BOXES = make_task('push').boxes
QUICK = ['evaluate', '--task', 'reach', '--jobs', '1', '--planner', 'prior', '--episodes', '2']


@pytest.fixture(scope='module')
def push():
    return Evaluation(Request('push', 2, planner='prior'))


@pytest.mark.parametrize('told, values', [
    ((0.0, 1.0, 5), (0.0, 0.25, 0.5, 0.75, 1.0)), ((1.0, 4.0, 3), (1.0, 2.5, 4.0)),
    ((1.0, 100.0, 3), (1.0, 10.0, 100.0)), ((0.1, 0.3, 3), (0.1, 0.2, 0.3)),
    ((-1.0, 9.0, 2), (-1.0, 9.0))])
def test_values_are_in_equal_steps_or_where_far_apart_in_equal_ratios(told, values):
    assert spaced(*told) == values


def drawn(randomization, seed=3):
    return randomization.draw(seed, BOXES, 7)


def test_a_fixed_term_takes_the_place_of_what_varied_and_leaves_the_rest():
    base = parse({'terms': [
        {'term': 'object.mass', 'when': 'interval', 'how': 'scale', 'uniform': [0.5, 2.0]},
        {'term': 'physics.motor_gain', 'uniform': [0.3, 0.5]}]}, 'made', 'made')
    heavy = base.with_value(TERMS['object.mass'], 3.0)
    assert drawn(heavy).boxes[0].mass == pytest.approx(3.0 * BOXES[0].mass)
    assert heavy.changes(3, 5.0) == () and base.changes(3, 5.0)     # nor does it change later
    assert drawn(heavy).physics == drawn(base).physics
    strong = base.with_value(TERMS['physics.motor_gain'], 0.9)
    assert drawn(strong).physics.motor_gain == 0.9      # not times what was drawn
    assert drawn(strong).boxes == drawn(base).boxes


def test_nothing_else_is_other_than_usual():
    found = drawn(NOTHING.with_value(TERMS['sensing.joint_bias'], 0.01))
    assert found.drawn == {'sensing.joint_bias': (0.01,) * 7}
    assert found.physics == drawn(NOTHING).physics and found.boxes == BOXES


def test_a_sweep_plays_the_same_episodes_at_each_value(tmp_path, capsys):
    """At what is usual they are those of the evaluation; weak motors get nowhere."""
    file = tmp_path / 'out.json'
    assert main([*QUICK, '--seed', '5', '--sweep', 'physics.motor_gain=0.02:1:2',
                 '--json', str(file)]) == 0
    figures = json.loads(file.read_text())
    weak, usual = figures['sweeps']['physics.motor_gain']
    assert (weak['value'], usual['value']) == (0.02, 1.0)
    names = ('episodes', 'success_rate', 'success_ci95', 'time_to_goal_mean', 'failed_seeds',
             'times')
    for name in names:
        assert usual[name] == figures[name]
    assert set(weak) == set(usual) == {'value', *names} and weak['failed_seeds'] == [5, 6]
    assert (weak['success_rate'], weak['time_to_goal_mean']) == (0.0, 5.0)
    assert 'physics.motor_gain 0.02: success 0.000' in capsys.readouterr().out
    assert 'episodes_drawn' not in figures      # the evaluation itself had nothing drawn


@pytest.mark.parametrize('text, said', [
    ('physics.motor_gain', 'expected TERM=LOW:HIGH:COUNT'),
    ('physics.motor_gain=0.1:1', 'expected TERM=LOW:HIGH:COUNT'),
    ('physics.motor_gains=0.1:1:3', "got 'physics.motor_gains', expected one of object.mass"),
    ('physics.motor_gain=a:1:3', 'expected two numbers'),
    ('physics.motor_gain=0.1:1:2.5', 'expected two numbers'),
    ('physics.motor_gain=1:0.1:3', 'the lower one first'),
    ('physics.motor_gain=0.1:.nan:3', 'expected two numbers'),
    ('physics.motor_gain=nan:1:3', 'expected finite numbers'),
    ('physics.motor_gain=0.1:1:1', 'got 1 values, expected at least 2'),
    ('physics.motor_gain=0.01:1:3', 'from 0.01 to 1, expected within 0.02 and 5'),
    ('actuation.delay=0:0.6:3', 'from 0 to 0.6 s, expected within 0 and 0.5'),
    ('object.mass=0.5:2:3', 'reach has no objects'),
    ('camera.noise=0:0.1:3', 'add --sensors camera'),
    ('object.colour=0.5:1:2', 'add --sensors camera'),
    ('sensing.pose_noise=0:0.01:2', 'reach has no objects'),
    ('delay=0:0.1:2', "got 'delay', expected one of object.mass")])
def test_what_cannot_be_swept_is_one_line_before_anything_is_played(capsys, text, said):
    assert main([*QUICK, '--sweep', text]) == 2
    out, error = capsys.readouterr()
    assert error.startswith(f'wm_ros: error: --sweep {text}: ') and error.count('\n') == 1
    assert said in error and out == ''


def test_live_episodes_are_not_swept(capsys):
    assert main([*QUICK, '--ros', '--sweep', 'physics.motor_gain=0.1:1:2']) == 2
    assert 'leave --ros away' in capsys.readouterr().err


def test_times_the_tasks_own_is_checked_against_what_comes_of_it(push):
    """A block of 0.2 kg; what is beyond the limits would be cut off there without a word."""
    assert read(['object.mass=0.5:100:3'], push)[0].values[-1] == 100.0
    with pytest.raises(WmRosError, match='from 0.1 to 40 kg, expected within 0.001 and 20'):
        read(['object.mass=0.5:200:3'], push)


def test_a_term_goes_by_its_last_name_where_no_other_has_it(push):
    (sweep,) = read(['friction=0.2:2:5'], push)
    assert sweep.term.name == 'object.friction'


def test_things_are_counted_in_whole_ones(push):
    (sweep,) = read(['scenery.distractors=1:5:5'], push)
    assert sweep.values == (1.0, 2.0, 3.0, 5.0)


def test_what_a_camera_takes_the_place_of_is_not_swept():
    seen = Evaluation(Request('push', 1, planner='prior', sensors='camera'))
    for name in ('pose_noise', 'yaw_noise', 'pose_bias', 'height_bias', 'pose_delay'):
        with pytest.raises(WmRosError, match='poses are not in use; leave --sensors camera away'):
            read([f'sensing.{name}=0:0.01:2'], seen)


def test_a_term_is_swept_once(push):
    with pytest.raises(WmRosError, match='object.mass is swept already'):
        read(['object.mass=0.5:2:3', 'object.friction=0.5:2:3', 'object.mass=1:2:3'], push)
