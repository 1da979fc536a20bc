"""Alarms are in units of the usual, and what goes one way again and again adds up."""

import numpy as np
import pytest
import torch
from wm_ros.world_model.alarm import Alarm, lasting, parts_of
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


def test_alarms_are_in_units_of_the_usual():
    usual = {'a': np.linspace(0, 1, 1001)[:, None, None],
             'b': np.linspace(0, 5, 1001)[:, None, None] * [1.0, 0.0]}
    alarm = Alarm.fit(usual, {'b': 2.0})
    seen = {'a': np.array([[[0.5]]]), 'b': np.array([[[10.0, 1.0]]])}
    assert alarm(seen) == pytest.approx(2.0, rel=0.01)
    assert alarm.parts(seen)['a'] == pytest.approx(0.5, rel=0.01)
    seen['b'][..., 1] = 8.0
    assert alarm(seen) == pytest.approx(4.0)
    rng = np.random.default_rng(0)
    noise = {'many': np.abs(rng.normal(size=(4000, 1, 30)))}
    assert (Alarm.fit(noise)(noise) > 1).mean() == pytest.approx(1e-3, abs=5e-4)


def test_states_are_of_the_robot_and_of_objects():
    values = torch.arange(29.0)
    parts = parts_of(Senses({'wrench': 6, 'states': 23}, 4, 4), values)
    assert {name: (part[0], part[-1]) for name, part in parts.items()} == {
        'wrench': (0, 5), 'robot': (6, 20), 'objects': (21, 28)}
    assert list(parts_of(Senses({'states': 15}, 4, 4), values[:15])) == ['robot']


@pytest.mark.parametrize('scale, limit', [
    ([1.0, 0.0], 1.0), ([1.0, np.nan], 1.0), ([1.0], 0.0), ([1.0], np.inf), ([1.0], None)])
def test_scales_that_make_no_sense_are_refused(scale, limit):
    with pytest.raises(ValueError, match='alarm, a'):
        Alarm({'a': scale}, {} if limit is None else {'a': limit})
