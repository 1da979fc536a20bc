"""Randomizations: what files may say, and what is drawn of them."""

import numpy as np
import pytest
from sim.randomize import load_randomization, Physics, TERMS
from sim.randomize.config import parse
from sim.randomize.report import draw, drawn
from sim.tasks import make_task
from wm_ros import paths
from wm_ros.cli import main
from wm_ros.robot.robot import load_robot
from wm_ros.types import WmRosError

BOXES = make_task('push').boxes
SHIPPED = sorted(file.stem for file in (paths.config_dir() / 'randomization').glob('*.yaml'))


def made(*rows, seed=0):
    return parse({'terms': list(rows)}, 'made', 'made.yaml', seed)


def conditions(randomization, seed=3, boxes=BOXES):
    return randomization.draw(seed, boxes, 7)


@pytest.mark.parametrize('how, told, expected', [
    ('absolute', {'value': 0.7}, 0.7), ('scale', {'value': 0.7}, 0.7),
    ('add', {'value': -0.3}, 0.7)])
def test_a_value_is_taken_as_it_is_added_or_multiplied(how, told, expected):
    found = conditions(made({'term': 'physics.table_friction', 'how': how, **told}))
    assert found.physics.table_friction == pytest.approx(expected)
    assert found.drawn == {'physics.table_friction': (pytest.approx(expected),)}
    assert found.physics.gravity == Physics().gravity and found.boxes == BOXES


@pytest.mark.parametrize('told, low, high', [
    ({'uniform': [0.5, 2.0]}, 0.5, 2.0), ({'log_uniform': [0.5, 2.0]}, 0.5, 2.0),
    ({'normal': [1.0, 0.1]}, 0.7, 1.3), ({'choice': [0.5, 1.0, 2.0]}, 0.5, 2.0)])
def test_distributions_keep_their_limits_and_fill_them(told, low, high):
    randomization = made({'term': 'physics.motor_gain', **told})
    found = np.array([conditions(randomization, seed).physics.motor_gain for seed in range(600)])
    assert low <= found.min() < low + 0.2 and high - 0.2 < found.max() <= high
    middle = 1.0 if 'uniform' not in told else 1.25
    assert np.median(found) == pytest.approx(middle, abs=0.12)


@pytest.mark.parametrize('told, said', [
    ({'how': 'scale', 'uniform': [0.5, 1000.0]}, 'from 0.1 to 200 kg'),
    ({'how': 'add', 'uniform': [-5.0, 1.0]}, 'from -4.8 to 1.2 kg')])
def test_what_comes_of_a_tasks_blocks_has_limits(told, said):
    """Cut off there, half of what is drawn would be one number."""
    drawn = parse({'terms': [{'term': 'object.mass', **told}]}, 'made', 'made')
    with pytest.raises(WmRosError, match=f'made: object.mass: {said}, expected within 0.001 and'):
        drawn.draw(0, make_task('push').boxes, 7)


def test_several_ranges_are_filled_alike():
    randomization = made({'term': 'object.mass', 'uniform': [0.1, 0.2, 0.5, 0.8]})
    found = np.array([conditions(randomization, seed).boxes[0].mass for seed in range(800)])
    inside = (found <= 0.2) | (found >= 0.5)
    assert inside.all() and np.mean(found <= 0.2) == pytest.approx(0.25, abs=0.06)


def test_episodes_are_drawn_by_their_seed_and_nothing_else():
    mass = {'term': 'object.mass', 'how': 'scale', 'uniform': [0.5, 2.0]}
    friction = {'term': 'object.friction', 'how': 'scale', 'uniform': [0.5, 2.0]}
    alone, both = made(mass), made(friction, mass)
    assert conditions(alone) == conditions(alone)
    assert conditions(alone, 4) != conditions(alone)
    assert conditions(alone).boxes[0].mass == conditions(both).boxes[0].mass
    assert conditions(both).drawn['object.mass'] != conditions(both).drawn['object.friction']


def test_at_intervals_it_changes_on_the_way():
    randomization = made({'term': 'physics.gravity', 'when': 'interval', 'every': [0.5, 1.0],
                          'how': 'scale', 'uniform': [0.5, 1.5]})
    changes = randomization.changes(3, 5.0)
    assert np.all(np.diff([0.0, *(time for time, _, _ in changes), 5.0]) <= 1.0)
    assert np.all(np.diff([0.0, *(time for time, _, _ in changes)]) >= 0.5)
    found = conditions(randomization)
    gravities = [found.physics.gravity]
    for _, index, count in changes:
        found = randomization.changed(found, 3, index, count, BOXES, 7)
        gravities.append(found.physics.gravity)
    # Of what is usual, and not of what it was before: it does not wander off.
    assert len(set(gravities)) == len(gravities) and 4.9 < min(gravities) < max(gravities) < 14.8


def test_numbers_of_joints_and_of_axes_are_drawn_one_by_one():
    found = conditions(made({'term': 'sensing.joint_bias', 'uniform': [-0.01, 0.01]},
                            {'term': 'sensing.pose_bias', 'value': [0.01, 0.02, -0.01]}))
    assert len(set(found.sensing.joint_bias)) == 7
    assert found.sensing.pose_bias == (0.01, 0.02, -0.01)


def test_objects_are_drawn_one_by_one():
    boxes = make_task('stack').boxes
    found = conditions(made(
        {'term': 'object.size', 'how': 'scale', 'uniform': [0.8, 1.2]},
        {'term': 'object.height', 'value': 0.05}, {'term': 'object.mass', 'value': 0.3},
        {'term': 'object.round', 'value': 1.0},
        {'term': 'object.colour', 'uniform': [0.0, 1.0]}), boxes=boxes).boxes
    assert found[0].size[0] != found[1].size[0] and found[0].size[0] == found[0].size[1]
    for box, like in zip(found, boxes):
        assert 0.8 <= box.size[0] / like.size[0] <= 1.2 and box.size[2] == 0.05
        assert box.mass == 0.3 and box.shape == 'cylinder' and box.colour != like.colour


@pytest.mark.parametrize('term, values, field, expected', [
    ('object.mass', [0.1, 0.3], 'mass', (0.1, 0.3)), ('object.mass', 0.2, 'mass', (0.2, 0.2)),
    ('object.round', [1, 0], 'shape', ('cylinder', 'box')),
    ('object.colour', [0.1, 0.2, 0.3], 'colour', ((0.1, 0.2, 0.3, 1.0),) * 2),
    ('object.colour', [0.1, 0.2, 0.3, 0.4, 0.5, 0.6], 'colour',
     ((0.1, 0.2, 0.3, 1.0), (0.4, 0.5, 0.6, 1.0)))])
def test_a_value_may_name_each_objects_own(term, values, field, expected):
    boxes = make_task('stack').boxes
    found = conditions(made({'term': term, 'value': values}), boxes=boxes)
    assert tuple(getattr(box, field) for box in found.boxes) == expected
    again = made({'term': term, 'value': list(found.drawn[term])})
    assert conditions(again, boxes=boxes).boxes == found.boxes     # what was drawn, told


@pytest.mark.parametrize('row, word', [
    ('mass', "got 'mass', expected term, when, how"),
    ({'value': 1}, 'term: got None, expected one of object.mass'),
    ({'term': 'object.mas', 'value': 1}, "term: got 'object.mas', expected one of object.mass"),
    ({'term': 'physics.gravity'}, 'distribution: got none, expected one of uniform'),
    ({'term': 'physics.gravity', 'gauss': [1, 2]}, 'distribution: got gauss, expected one of'),
    ({'term': 'physics.gravity', 'uniform': [9, 8]},
     'uniform: got 9, 8, expected the least of each range'),
    ({'term': 'physics.gravity', 'uniform': [9]}, 'uniform: got 1 numbers, expected 2'),
    ({'term': 'physics.gravity', 'uniform': [9, float('nan')]}, 'expected finite numbers'),
    ({'term': 'physics.gravity', 'uniform': [9, '10']}, 'expected finite numbers'),
    ({'term': 'physics.gravity', 'log_uniform': [0, 10]}, 'log_uniform: got 0, expected above 0'),
    ({'term': 'physics.gravity', 'normal': [9.8, -1]}, 'standard deviation of -1, expected at'),
    ({'term': 'physics.gravity', 'value': 50}, 'from 50 to 50 m/s.2, expected within 1 and 20'),
    ({'term': 'physics.motor_gain', 'how': 'scale', 'uniform': [0.001, 1]},
     'physics.motor_gain: from 0.001 to 1, expected within 0.02 and 5'),
    ({'term': 'actuation.delay', 'how': 'scale', 'value': 2}, 'actuation.delay is usually 0'),
    ({'term': 'physics.gravity', 'how': 'times', 'value': 2}, "how: got 'times', expected one"),
    ({'term': 'physics.gravity', 'when': 'often', 'value': 9}, "when: got 'often', expected one"),
    ({'term': 'object.size', 'when': 'interval', 'value': 0.05}, 'object.size cannot change'),
    ({'term': 'physics.gravity', 'every': 1, 'value': 9}, 'with when: reset, expected it with'),
    ({'term': 'physics.gravity', 'when': 'interval', 'every': [0, 1], 'value': 9},
     'at least 0.05')])
def test_what_makes_no_sense_is_refused(row, word):
    with pytest.raises(WmRosError, match=f'made.yaml: entry 1: .*{word}'):
        made(row)


def test_a_term_that_is_there_twice_is_refused():
    reset = {'term': 'physics.gravity', 'how': 'scale', 'uniform': [0.9, 1.1]}
    later = {**reset, 'when': 'interval', 'every': 1.0}
    mass = {'term': 'object.mass', 'value': 0.3}
    made(later, mass)
    for rows, words in (((reset, mass, later), 'when: interval after when: reset of entry 1'),
                        ((mass, mass), 'when: reset after when: reset of entry 1')):
        with pytest.raises(WmRosError, match=f'made.yaml: entry {len(rows)}: term: got .* again, '
                           f'with {words}, expected each term once: leave one of them away'):
            made(*rows)


@pytest.mark.parametrize('row, error', [
    ({'term': 'sensing.joint_bias', 'value': [0.01] * 6},
     'randomization made: sensing.joint_bias: value: got 6 numbers, expected 1 or 7'),
    ({'term': 'object.mass', 'value': [0.1, 0.2], 'when': 'interval'},
     'randomization made: object.mass: value: got 2 numbers, expected 1')])
def test_too_few_or_too_many_numbers_name_their_term_and_file(row, error):
    with pytest.raises(WmRosError) as raised:
        conditions(made(row))
    assert str(raised.value) == error


def test_files_that_are_not_there_or_none_are_refused(tmp_path):
    with pytest.raises(WmRosError, match=f"'nowhere': no such file.*: {', '.join(SHIPPED)}"):
        load_randomization('nowhere')
    file = tmp_path / 'bad.yaml'
    for text, said in (
            ('terms: {', 'expected'), ('a list', 'expected terms, a list'), ('', 'expected terms'),
            ('terms: 3', 'expected terms, a list'),
            ('terms: []\nterm: x', "got 'term', expected description and terms"),
            ('terms:\n- {term: physics.gravity, uniform: [8, 9], uniform: [1, 2]}',
             'got uniform twice, expected it once'),
            ('terms:\n- {term: physics.gravity, uniform: [8e0, 9]}',
             'entry 1: uniform: got the text 8e0, expected a number: YAML wants a point'),
            (f'terms:\n- {{term: physics.gravity, value: 1{"0" * 400}}}', 'entry 1: ')):
        file.write_text(text)
        with pytest.raises(WmRosError, match=f'randomization .*bad.yaml: .*{said}'):
            load_randomization(str(file))


def test_the_stand_in_for_hardware_is_nowhere_that_any_training_was():
    """Each number of reality.yaml lies outside of what usual.yaml draws of it."""
    known = {entry.term.name: entry for entry in load_randomization('usual').entries}
    for entry in load_randomization('reality').entries:
        usual = 0.0 if entry.how == 'add' else 1.0
        if entry.term.usual is not None:
            usual = entry.term.usual
        values = [entry.reach(usual)] if entry.how != 'absolute' else [
            (value, value) for value in entry.distribution.numbers]
        trained = known.get(entry.term.name)
        low, high = (usual, usual) if trained is None else trained.reach(usual)
        for value in {v for pair in values for v in pair} - {0.0}:
            assert value < low or value > high, entry.term.name
    # Heights are off by two of them.
    most = sum(known[f'sensing.{name}'].distribution.high for name in ('pose_bias', 'height_bias'))
    stood_in = {entry.term.name: entry for entry in load_randomization('reality').entries}
    assert stood_in['sensing.pose_bias'].distribution.numbers[2] > most


@pytest.mark.parametrize('name', SHIPPED)
@pytest.mark.parametrize('task', ['push', 'stack'])
def test_shipped_ones_can_be_drawn(name, task, tmp_path):
    randomization = load_randomization(name)
    assert randomization.description
    found = drawn(randomization, task, load_robot('panda'), 50)
    assert set(found) == {entry.term.name for entry in randomization.entries}
    draw(randomization, found, tmp_path / 'drawn.png')
    assert (tmp_path / 'drawn.png').stat().st_size > 10_000


def test_the_command_shows_files_and_terms(tmp_path, capsys):
    picture = tmp_path / 'usual.png'
    assert main(['randomization', 'show', 'usual', '--episodes', '20', '--output',
                 str(picture)]) == 0
    shown = capsys.readouterr().out
    assert 'object.friction' in shown and 'log_uniform' in shown and picture.is_file()
    assert main(['randomization', 'terms']) == 0
    shown = capsys.readouterr().out
    assert all(name in shown for name in TERMS)
    assert main(['randomization', 'show', 'nowhere']) == 2
