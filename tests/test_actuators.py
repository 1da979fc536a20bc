"""Commands on their way to the motors: late, lost, within the play of joints."""

import numpy as np
import pytest
from sim.actuators import Actuators
from sim.randomize import Actuation

SUBSTEP = 1 / 240


class Arm:
    """Takes note of what reaches the motors."""

    def __init__(self):
        self.heard, self.now = [], 0

    def set_target(self, positions, velocities, width):
        self.heard.append((self.now, positions[0], velocities[0], width))


def run(actuation, steps=240, seed=1, every=1):
    """Return what reaches the motors of a command that is the number of its substep."""
    arm = Arm()
    actuators = Actuators(arm, SUBSTEP)
    actuators.reset(actuation, seed)
    for arm.now in range(steps):
        if arm.now % every == 0:
            actuators.set_target(np.full(7, float(arm.now)), np.ones(7), 0.04)
        actuators.act()
    return np.array(arm.heard)


def test_usually_commands_arrive_at_once():
    heard = run(Actuation())
    assert (heard[:, 0] == heard[:, 1]).all() and len(heard) == 240
    assert (heard[:, 2] == 1.0).all() and (heard[:, 3] == 0.04).all()


def test_a_delay_is_the_same_for_all():
    heard = run(Actuation(delay=0.05))
    assert (heard[:, 0] - heard[:, 1] == 12).all() and heard[0, 0] == 12


def test_jitter_delays_by_up_to_so_much_and_none_overtakes_another():
    heard = run(Actuation(delay=0.05, jitter=0.05), steps=2400)
    late = heard[:, 0] - heard[:, 1]
    assert late.min() >= 12 and late.max() <= 24 and np.ptp(late) >= 10
    assert (np.diff(heard[:, 1]) > 0).all()


def test_a_share_is_lost_however_often_commands_are_given():
    often, seldom = (run(Actuation(loss=0.3), 24000, every=every) for every in (1, 3))
    for heard, count in ((often, 24000), (seldom, 8000)):
        assert len(heard) == pytest.approx(0.7 * count, rel=0.03)
    # The same hundredths of a second are lost.
    assert set(seldom[:, 1]) <= set(often[:, 1])


def test_equal_seeds_lose_the_same():
    lossy = Actuation(loss=0.3, jitter=0.05)
    np.testing.assert_array_equal(run(lossy), run(lossy))
    assert len(run(lossy, seed=2)) != len(run(lossy))


def test_a_lag_is_a_low_pass_that_goes_on_without_news():
    arm = Arm()
    actuators = Actuators(arm, SUBSTEP)
    actuators.reset(Actuation(lag=0.1), 0)
    actuators.set_target(np.zeros(7), np.zeros(7), 0.04)
    actuators.act()
    actuators.set_target(np.ones(7), np.zeros(7), 0.0)
    for _ in range(round(0.1 / SUBSTEP)):
        actuators.act()
    heard = np.array(arm.heard)
    assert len(heard) == 1 + round(0.1 / SUBSTEP) and heard[0, 1] == 0.0
    assert heard[-1, 1] == pytest.approx(1.0 - np.exp(-1.0), abs=1e-6)
    actuators.reset(Actuation(lag=0.1), 1)
    actuators.act()
    assert len(arm.heard) == len(heard)


@pytest.mark.parametrize('told', [{'backlash': 0.01}, {'sticking': 0.01},
                                  {'backlash': 0.004, 'sticking': 0.006}])
def test_within_its_play_a_joint_stays(told):
    arm = Arm()
    actuators = Actuators(arm, SUBSTEP)
    actuators.reset(Actuation(**told), 0)
    for position in (0.0, 0.005, 0.03, 0.015, 0.0):
        actuators.set_target(np.full(7, position), np.zeros(7), 0.0)
        actuators.act()
    np.testing.assert_allclose(np.array(arm.heard)[:, 1], [0.0, 0.0, 0.02, 0.02, 0.01])


def test_a_new_episode_forgets_what_was_under_way():
    arm = Arm()
    actuators = Actuators(arm, SUBSTEP)
    actuators.reset(Actuation(delay=0.1), 0)
    actuators.set_target(np.zeros(7), np.zeros(7), 0.0)
    actuators.reset(Actuation(delay=0.1), 1)
    for _ in range(48):
        actuators.act()
    assert not arm.heard
