"""Commands to set points: the rules of ros2_control, and motion between the points."""

import math

import numpy as np
import pytest
from sim.controller import (
    check_positions, check_trajectory, CommandRefused, Knots, TrajectoryFollower)

NAMES = ('a', 'b')


def point(time, positions, velocities=(), accelerations=(), effort=()):
    """Return one point as the node hands it over."""
    return (time, positions, velocities, accelerations, effort)


def nowhere():
    """Say where the joints are, for tests in which nobody may ask."""
    raise AssertionError('the measured positions were asked for')


def test_order_of_names_does_not_matter():
    """Values go to the joints that they were named for."""
    knots = check_trajectory(('b', 'a'), NAMES, [point(0.1, [2.0, 1.0], [0.2, 0.1]),
                                                 point(0.2, [4.0, 3.0], [0.0, 0.0])])
    assert knots.positions.tolist() == [[1.0, 2.0], [3.0, 4.0]]
    assert knots.velocities.tolist() == [[0.1, 0.2], [0.0, 0.0]]


@pytest.mark.parametrize('names, points', [
    (('a',), [point(0.1, [1.0])]),
    (('a', 'a'), [point(0.1, [1.0, 2.0])]),
    (('a', 'c'), [point(0.1, [1.0, 2.0])]),
    (('a', 'b', 'c'), [point(0.1, [1.0, 2.0, 3.0])]),
    ((), [point(0.1, [])]),
    (NAMES, []),
    (NAMES, [point(0.1, [1.0])]),
    (NAMES, [point(0.1, [])]),
    (NAMES, [point(0.1, [1.0, 2.0], [0.0])]),
    (NAMES, [point(0.1, [1.0, 2.0], [0.0, 0.1])]),
    (NAMES, [point(0.1, [1.0, 2.0], [0.0, 0.0]), point(0.2, [1.0, 2.0])]),
    (NAMES, [point(0.1, [1.0, 2.0], (), [0.0])]),
    (NAMES, [point(0.1, [1.0, 2.0], (), (), [0.0, 0.0])]),
    (NAMES, [point(0.2, [1.0, 2.0]), point(0.2, [1.0, 2.0])]),
    (NAMES, [point(0.2, [1.0, 2.0]), point(0.1, [1.0, 2.0])]),
    (NAMES, [point(-0.1, [1.0, 2.0])]),
    (NAMES, [point(math.nan, [1.0, 2.0])]),
    (NAMES, [point(0.1, [1.0, math.nan])]),
    (NAMES, [point(0.1, [1.0, math.inf])]),
    (NAMES, [point(0.1, [1.0, 2.0], [math.nan, 0.0]), point(0.2, [1.0, 2.0], [0.0, 0.0])]),
])
def test_what_a_controller_refuses_is_refused(names, points):
    """Partial or doubled names, ragged or unsorted points, motion at the end, NaN."""
    with pytest.raises(CommandRefused) as caught:
        check_trajectory(names, NAMES, points)
    assert '\n' not in str(caught.value)


@pytest.mark.parametrize('values', [[1.0], [1.0, 2.0, 3.0], [1.0, math.nan], []])
def test_bad_positions_are_refused(values):
    """A forward command has one finite value for each joint."""
    with pytest.raises(CommandRefused):
        check_positions(values, 2)


def test_nothing_ordered_holds_still():
    """Without commands the joints stay where they were, and nobody looks."""
    follower = TrajectoryFollower([1.0, 2.0], 0.5)
    positions, velocities = follower.setpoint(100.0, nowhere)
    assert positions.tolist() == [1.0, 2.0] and not velocities.any()
    assert follower.setpoint(101.0, nowhere)[0] is positions


def test_straight_lines_without_velocities():
    """From where the joints were wanted when the command came, to each point in turn."""
    follower = TrajectoryFollower([0.0, 0.0], 0.5)
    knots = Knots(np.array([1.0, 2.0]), np.array([[1.0, 0.0], [1.0, 4.0]]), None)
    follower.trajectory(knots, 10.0)
    assert follower.setpoint(10.5, nowhere)[0].tolist() == [0.0, 0.0], 'begins when it is seen'
    assert follower.setpoint(10.75, nowhere)[0] == pytest.approx([0.5, 0.0])
    positions, velocities = follower.setpoint(11.5, nowhere)
    assert positions == pytest.approx([1.0, 2.0]) and velocities == pytest.approx([0.0, 4.0])
    positions, velocities = follower.setpoint(12.0, nowhere)
    assert positions.tolist() == [1.0, 4.0] and not velocities.any()


def test_cubics_match_positions_and_velocities_at_the_points():
    """And the velocity is the derivative of the position in between."""
    follower = TrajectoryFollower([0.0], 0.5)
    knots = Knots(np.array([0.5, 1.0]), np.array([[0.3], [0.4]]), np.array([[1.0], [0.0]]))
    follower.trajectory(knots, 0.0)
    assert follower.setpoint(0.0, nowhere)[0] == pytest.approx([0.0])
    assert follower.setpoint(0.5, nowhere) == (pytest.approx([0.3]), pytest.approx([1.0]))
    for time in (0.1, 0.3, 0.6, 0.9):
        before, after = (follower.setpoint(time + step, nowhere)[0] for step in (-1e-6, 1e-6))
        assert follower.setpoint(time, nowhere)[1] == pytest.approx((after - before) / 2e-6,
                                                                    abs=1e-4)


def test_new_command_takes_over_where_the_last_one_was():
    """The set point does not jump when a trajectory replaces another (MPC streaming)."""
    follower = TrajectoryFollower([0.0], 0.5)
    follower.trajectory(Knots(np.array([1.0]), np.array([[1.0]]), None), 0.0)
    before = follower.setpoint(0.0, nowhere)[0], follower.setpoint(0.5, nowhere)[0]
    follower.trajectory(Knots(np.array([0.1]), np.array([[0.0]]), None), 0.5)
    assert follower.setpoint(0.5, nowhere)[0] == before[1] == pytest.approx([0.5])
    assert follower.setpoint(0.55, nowhere)[0] == pytest.approx([0.25])


def test_a_command_acts_from_its_arrival_on():
    """Not on the part of a leap of time that lay before it."""
    follower = TrajectoryFollower([0.0], 0.5)
    follower.positions(np.array([1.0]), 10.004)
    assert follower.setpoint(10.0, nowhere)[0].tolist() == [0.0]
    assert follower.setpoint(10.00417, nowhere)[0].tolist() == [1.0]


def test_stamps():
    """A start in the past drops what is over; an end in the past is refused."""
    knots = Knots(np.array([0.1, 0.2]), np.array([[1.0], [2.0]]), None)
    follower = TrajectoryFollower([0.0], 0.5)
    with pytest.raises(CommandRefused, match='past'):
        follower.trajectory(knots, 10.0, 9.7)
    follower.trajectory(knots, 10.0, 9.85)
    assert follower.setpoint(10.0, nowhere)[0] == pytest.approx([1.5])
    follower.trajectory(knots, 10.1, 10.2)
    assert follower.setpoint(10.1, nowhere)[0] == pytest.approx([2.0])
    assert follower.setpoint(10.4, nowhere)[0] == pytest.approx([2.0])


def test_commands_that_cease_leave_the_joints_where_they_are():
    """After the timeout the measured positions are held."""
    follower = TrajectoryFollower([0.0], 0.5)
    follower.positions(np.array([1.0]), 0.0)
    assert follower.setpoint(0.4, nowhere)[0].tolist() == [1.0]
    assert follower.setpoint(0.5, lambda: [0.9])[0].tolist() == [0.9]
    assert follower.setpoint(5.0, nowhere)[0].tolist() == [0.9]


def test_long_trajectory_is_no_silence():
    """The timeout counts from the end of a trajectory."""
    follower = TrajectoryFollower([0.0], 0.5)
    follower.trajectory(Knots(np.array([2.0]), np.array([[2.0]]), None), 0.0)
    follower.setpoint(0.0, nowhere)
    assert follower.setpoint(1.9, nowhere)[0] == pytest.approx([1.9])
    assert follower.setpoint(2.4, nowhere)[0].tolist() == [2.0]
    assert follower.setpoint(2.6, lambda: [1.99])[0].tolist() == [1.99]


def test_reset_forgets():
    """Commands under way do not survive a new scene."""
    follower = TrajectoryFollower([0.0], 0.5)
    follower.positions(np.array([1.0]), 0.0)
    follower.reset([3.0])
    assert follower.setpoint(1.0, nowhere)[0].tolist() == [3.0]
