"""Alarms tell how seldom the usual is so great, and what goes one way again and again adds up."""

import numpy as np
import pytest
import torch
from wm_ros.world_model.alarm import Alarm, lasting, parts_of, SHARES
from wm_ros.world_model.senses import Senses


def test_errors_that_go_one_way_add_up_and_blows_are_forgotten():
    same, blow = np.full((20, 1, 1), -2.0), np.zeros((20, 1, 1))
    blow[3], same[15:] = 6.0, np.nan
    kept = lasting({'same': same, 'blow': blow}, 4)
    np.testing.assert_allclose(kept['same'][:5, 0, 0], [0.5, 1.0, 1.5, 2.0, 2.0])
    assert np.isnan(kept['same'][15:]).all() and kept['same'][14] == 2.0
    np.testing.assert_allclose(kept['blow'][:9, 0, 0], [0, 0, 0, 1.5, 1.5, 1.5, 1.5, 0, 0])
    swinging = {'a': np.where(np.arange(20) % 2, 2.0, -2.0)[:, None, None]}
    assert lasting(swinging, 4)['a'][3:].max() == 0.0


@pytest.fixture
def noise():
    """Return errors of three parts: of one number, of many, and of one that is always 0."""
    rng = np.random.default_rng(0)
    return {'one': rng.exponential(size=(20_000, 1, 1)),
            'many': np.abs(rng.normal(size=(20_000, 1, 30))), 'none': np.zeros((20_000, 1, 2))}


def test_alarms_tell_how_seldom_the_usual_is_so_great(noise):
    alarm = Alarm.fit(noise)
    for name, values in alarm.parts(noise).items():
        assert (values > 1).mean() == pytest.approx(0.0 if name == 'none' else 1e-3, abs=3e-4)
    # An exponential distribution reaches 6.9 once in a thousand, 13.8 once in a million.
    seen = {'one': np.array([[0.0], [np.log(1e3)], [np.log(1e6)], [np.nan]])}
    np.testing.assert_allclose(alarm.parts(seen)['one'][[0, 1]], [0, 1], atol=0.1)
    assert 1.5 < alarm.parts(seen)['one'][2] < 6 and np.isnan(alarm.parts(seen)['one'][3])


def test_one_clear_number_shows_among_many(noise):
    alarm, row = Alarm.fit(noise), np.full((1, 30), 0.7)
    assert alarm.parts({'many': row})['many'] < 0.2
    row[0, 7] = 6.0
    assert alarm.parts({'many': row})['many'] > 1.0
    assert alarm.parts({'many': np.full((1, 30), 1.9)})['many'] > 1.0   # many half ones as well


def test_what_is_always_the_same_needs_no_more_than_its_least(noise):
    alarm = Alarm.fit(noise, {'none': 2.0})
    assert alarm({'none': np.array([[0.5, 0.0]])}) < 1 < alarm({'none': np.array([[9.0, 0.0]])})


def test_an_alarm_comes_back_from_what_it_is_written_as(noise):
    alarm = Alarm.fit(noise)
    again = Alarm(**alarm.to_dict())
    np.testing.assert_array_equal(again(noise), alarm(noise))


def test_states_are_of_the_robot_and_of_objects():
    values = torch.arange(29.0)
    parts = parts_of(Senses({'wrench': 6, 'states': 23}, 4, 4), values)
    assert {name: (part[0], part[-1]) for name, part in parts.items()} == {
        'wrench': (0, 5), 'robot': (6, 20), 'objects': (21, 28)}
    assert list(parts_of(Senses({'states': 15}, 4, 4), values[:15])) == ['robot']


KNOTS = np.linspace(1, 2, len(SHARES))[:, None]


@pytest.mark.parametrize('knots', [
    np.ones_like(KNOTS), KNOTS - 1.0, KNOTS[::-1], np.where(KNOTS > 1.5, np.nan, KNOTS),
    np.where(KNOTS == 2, np.inf, KNOTS), KNOTS[1:], KNOTS[:, 0]])
def test_tails_that_make_no_sense_are_refused(knots):
    assert Alarm({'a': KNOTS}, {'a': KNOTS})
    for told in ((knots, KNOTS), (KNOTS, knots)):
        with pytest.raises(ValueError, match='alarm: got knots'):
            Alarm(*({'a': part} for part in told))


def test_parts_without_a_whole_are_refused():
    with pytest.raises(ValueError, match='expected the same parts'):
        Alarm({'a': KNOTS}, {})
