"""Nothing malformed gets into an observation, and what was good before stays."""

import numpy as np
import pytest
from sensing_testing import feed, make_builder, NAMES, POSE, Q, V
from wm_ros.sensing import SensingError

BAD_JOINT_STATES = {
    'joint missing': {'names': NAMES[1:], 'positions': Q[1:], 'velocities': V[1:]},
    'name twice': {'names': NAMES[:-1] + NAMES[:1]},
    'one name twice more': {'names': NAMES + NAMES[:1]},
    'no names': {'names': (), 'positions': (), 'velocities': ()},
    'too few positions': {'positions': Q[:-1]},
    'too many positions': {'positions': np.append(Q, 0.0)},
    'no positions': {'positions': ()},
    'ragged velocities': {'velocities': V[:3]},
    'ragged efforts': {'efforts': V[:3]},
    'nested positions': {'positions': [[0.0], [0.0, 1.0]]},
    'NaN': {'positions': np.where(np.arange(9) == 3, np.nan, Q)},
    'infinity': {'positions': np.where(np.arange(9) == 3, np.inf, Q)},
    'NaN finger': {'positions': np.where(np.arange(9) == 8, np.nan, Q)},
    'one NaN velocity': {'velocities': np.where(np.arange(9) == 3, np.nan, V)},
    'infinite velocity': {'velocities': np.where(np.arange(9) == 3, -np.inf, V)},
    'infinite effort': {'efforts': np.where(np.arange(9) == 3, np.inf, V)},
    'absurd': {'positions': Q + 1e30},
    'text': {'positions': ['a'] * 9},
    'None': {'positions': None},
    'names are a string': {'names': 'panda_joint1'},
    'names are numbers': {'names': 3},
    'names are lists': {'names': [[name] for name in NAMES]},
    'stamp NaN': {'stamp': np.nan},
    'stamp infinite': {'stamp': np.inf},
    'stamp text': {'stamp': 'now'},
    'stamp None': {'stamp': None},
    'stamp the same': {'stamp': 10.0},
    'stamp older': {'stamp': 9.99},
}


@pytest.mark.parametrize('name', BAD_JOINT_STATES)
def test_a_bad_joint_state_is_refused_and_the_last_one_stays(name):
    builder = feed(make_builder())
    with pytest.raises(SensingError) as caught:
        feed(builder, **{'stamp': 10.01, 'positions': Q + 0.5, **BAD_JOINT_STATES[name]})
    assert '\n' not in str(caught.value) and len(str(caught.value)) > 15
    np.testing.assert_array_equal(builder.build(10.01).joint_positions, Q[:7])
    feed(builder, 10.02, positions=Q + 0.1)
    np.testing.assert_array_equal(builder.build(10.02).joint_positions, Q[:7] + 0.1)


@pytest.mark.parametrize('kind, data', [
    ('object_poses', np.zeros((0, 7))), ('object_poses', [POSE, POSE]),
    ('object_poses', [POSE[:6]]), ('object_poses', [[np.nan] + POSE[1:]]),
    ('object_poses', [POSE[:6] + [np.inf]]), ('object_poses', [POSE[:3] + [0, 0, 0, 0]]),
    ('object_poses', [POSE[:3] + [0, 0, 0, 2]]), ('object_poses', None),
    ('wrench', np.zeros(5)), ('wrench', np.full(6, np.nan)), ('wrench', 'push'),
    ('image', np.zeros((0, 0, 3), np.uint8)), ('image', np.zeros((4, 4), np.uint8)),
    ('image', np.zeros((4, 4, 4), np.uint8)), ('image', np.zeros((4, 4, 3))),
    ('image', [[[0, 0, 0]]]), ('image', None),
    ('depth', np.zeros((0, 4))), ('depth', np.zeros((4, 4, 1))), ('depth', -np.ones((2, 2))),
    ('depth', np.ones((2, 2), np.uint16)), ('depth', None)])
def test_bad_data_of_the_other_senses_is_refused(kind, data):
    builder = feed(make_builder())
    with pytest.raises(SensingError):
        getattr(builder, kind)(10.0, data)
    assert not builder.build(10.0).valid[kind]
