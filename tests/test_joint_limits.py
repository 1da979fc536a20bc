"""Joint limits, and ros2_control's overrides of them."""

import numpy as np
import pytest
from wm_ros.robot.limits import JointLimits
from wm_ros.types import WmRosError

LIMITS = JointLimits(
    names=('a', 'b'), lower=[-1, -2], upper=[1, 2], velocity=[2, 3], acceleration=[10, 20],
    effort=[5, 5])


def override(**entry):
    return LIMITS.override({'b': entry})


def test_tighter_positions_count():
    limits = override(has_position_limits=True, min_position=-1.5, max_position=0.5)
    assert limits.lower.tolist() == [-1, -1.5] and limits.upper.tolist() == [1, 0.5]
    assert LIMITS.lower.tolist() == [-1, -2]


@pytest.mark.parametrize('kind', ['velocity', 'acceleration'])
def test_tighter_rates_count(kind):
    limits = override(**{f'has_{kind}_limits': True, f'max_{kind}': 0.5})
    assert getattr(limits, kind).tolist() == [getattr(LIMITS, kind)[0], 0.5]


def test_overrides_never_loosen():
    limits = override(
        has_position_limits=True, min_position=-9, max_position=9, has_velocity_limits=True,
        max_velocity=99, has_acceleration_limits=True, max_acceleration=99)
    for name in ('lower', 'upper', 'velocity', 'acceleration'):
        np.testing.assert_array_equal(getattr(limits, name), getattr(LIMITS, name))


def test_jerk_is_limited_where_asked():
    assert override(has_jerk_limits=False, max_jerk=50).jerk is None
    limits = override(has_jerk_limits=True, max_jerk=50)
    assert limits.jerk[1] == 50 and limits.jerk[0] >= 1e6 and np.isfinite(limits.jerk).all()
    assert limits.override({'b': {'has_jerk_limits': True, 'max_jerk': 90}}).jerk[1] == 50


def test_a_value_without_its_flag_does_not_count():
    limits = override(min_position=0, max_position=0.1, max_velocity=0.1)
    np.testing.assert_array_equal(limits.velocity, LIMITS.velocity)
    np.testing.assert_array_equal(limits.lower, LIMITS.lower)


@pytest.mark.parametrize('entry, said', [
    ({'has_position_limits': True, 'min_position': 0}, 'max_position'),
    ({'has_position_limits': True, 'min_position': np.nan, 'max_position': 1}, 'min_position'),
    ({'has_velocity_limits': True}, 'b.max_velocity: got None'),
    ({'has_velocity_limits': True, 'max_velocity': np.nan}, 'max_velocity: got nan'),
    ({'has_velocity_limits': True, 'max_velocity': 0}, 'velocity limit must be positive'),
    ({'has_acceleration_limits': True, 'max_acceleration': -1}, 'must be positive'),
    ({'has_jerk_limits': True, 'max_jerk': np.inf}, 'max_jerk'),
    ({'has_position_limits': True, 'min_position': 1, 'max_position': 0}, 'below its upper')])
def test_bad_overrides(entry, said):
    with pytest.raises(WmRosError, match=said):
        override(**entry)


def test_unknown_joints_are_refused():
    with pytest.raises(WmRosError, match='joint_limits.c: no such joint.*a, b'):
        LIMITS.override({'c': {}})


@pytest.mark.parametrize('name, value', [
    ('lower', [0]), ('upper', [0, np.nan]), ('velocity', [1, 0]), ('lower', [3, 0])])
def test_bad_limits(name, value):
    values = {key: getattr(LIMITS, key) for key in
              ('names', 'lower', 'upper', 'velocity', 'acceleration', 'effort')}
    with pytest.raises(WmRosError):
        JointLimits(**{**values, name: value})


def test_limits_are_read_only():
    with pytest.raises(ValueError):
        LIMITS.lower[0] = -9
