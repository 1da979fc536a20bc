"""The box of a randomization: shares from 0 to 1, and the worlds that lie there."""

import numpy as np
import pytest
from sim.randomize.box import Box
from sim.randomize.config import parse
from sim.tasks import make_task

PUSH, STACK = (make_task(name).blocks(np.random.default_rng(0)) for name in ('push', 'stack'))


def box_of(*rows, objects=1, **wanted):
    return Box(parse({'terms': list(rows)}, 'made', 'made.yaml'), objects, 7, **wanted)


@pytest.mark.parametrize('told, shares, expected', [
    ({'uniform': [0.5, 2.5]}, (0.0, 0.25, 1.0), (0.5, 1.0, 2.5)),
    ({'uniform': [0.5, 1.0, 2.0, 2.5]}, (0.25, 0.75, 1.0), (0.75, 2.25, 2.5)),
    ({'uniform': [0.7, 0.7]}, (0.0, 1.0), (0.7, 0.7)),
    ({'log_uniform': [0.5, 2.0]}, (0.0, 0.5, 1.0), (0.5, 1.0, 2.0)),
    ({'normal': [1.0, 0.1]}, (0.0, 0.5, 0.8413447, 1.0), (0.7, 1.0, 1.1, 1.3)),
    ({'choice': [0.5, 1.0, 2.0]}, (0.0, 0.4, 0.99, 1.0), (0.5, 1.0, 2.0, 2.0))])
def test_a_share_is_of_what_is_drawn(told, shares, expected):
    box = box_of({'term': 'physics.motor_gain', **told})
    found = [box.draw([share], 3, PUSH).physics.motor_gain for share in shares]
    assert found == pytest.approx(expected)


@pytest.mark.parametrize('told', [
    {'uniform': [0.5, 0.6, 1.0, 2.0]}, {'log_uniform': [0.3, 3.0]}, {'normal': [1.0, 0.2]},
    {'choice': [0.5, 1.0, 2.0]}])
def test_even_shares_make_worlds_as_they_are_usually_drawn(told):
    randomization = parse({'terms': [{'term': 'physics.motor_gain', **told}]}, 'made', 'made.yaml')
    box = Box(randomization, 1, 7)
    drawn = [randomization.draw(seed, PUSH, 7).physics.motor_gain for seed in range(3000)]
    even = [box.draw([share], 0, PUSH).physics.motor_gain
            for share in (np.arange(3000) + 0.5) / 3000]
    np.testing.assert_allclose(np.quantile(drawn, [0.1, 0.45, 0.8]),
                               np.quantile(even, [0.1, 0.45, 0.8]), rtol=0.06)


def test_it_has_an_edge_for_each_number_and_none_for_what_never_varies():
    box = box_of({'term': 'object.mass', 'how': 'scale', 'uniform': [0.5, 2.0]},
                 {'term': 'physics.gravity', 'value': 9.0},
                 {'term': 'sensing.joint_bias', 'uniform': [-0.01, 0.01]},
                 {'term': 'camera.noise', 'uniform': [0.0, 0.1]}, objects=2,
                 wanted=lambda entry: not entry.term.name.startswith('camera.'))
    assert box.names == ('object.mass',) * 2 + ('sensing.joint_bias',) * 7
    found = box.draw([0.0, 1.0, *np.linspace(0, 1, 7)], 3, STACK)
    assert [one.mass / usual.mass for one, usual in zip(found.boxes, STACK)] == [0.5, 2.0]
    assert found.sensing.joint_bias == pytest.approx(np.linspace(-0.01, 0.01, 7))
    assert found.physics.gravity == 9.0 and 'camera.noise' not in found.drawn


def test_what_changes_on_the_way_is_searched_at_its_begin():
    box = box_of({'term': 'physics.gravity', 'when': 'interval', 'how': 'scale',
                  'uniform': [0.5, 1.5]})
    assert box.draw([1.0], 3, PUSH).physics.gravity == pytest.approx(1.5 * 9.81)
