"""The last plan's actions, moved on by the time that passed."""

import numpy as np
import pytest
from wm_ros.planning.mpc import shift


@pytest.mark.parametrize('steps, expected', [
    (0.0, [0, 1, 2, 3, 4]), (1.0, [1, 2, 3, 4, 5]), (0.5, [0.5, 1.5, 2.5, 3.5, 4.5]),
    (2.25, [2.25, 3.25, 4.25, 5, 5]), (20.0, [5, 5, 5, 5, 5]), (-1.0, [0, 1, 2, 3, 4])])
def test_a_warm_start_is_shifted_by_the_time_that_passed(steps, expected):
    actions = np.arange(6)[:, None] * np.ones(5)
    np.testing.assert_allclose(shift(actions, steps, 5)[:, 2], expected, atol=1e-9)


@pytest.mark.parametrize('horizon', [1, 5, 9])
def test_a_warm_start_has_the_horizon_of_now(horizon):
    moved = shift(np.arange(6)[:, None] * np.ones(5), 1.0, horizon)
    np.testing.assert_allclose(moved[:, 0], np.minimum(1 + np.arange(horizon), 5))
