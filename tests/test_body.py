"""The body's spheres: that they cover the arm, and move as its links do."""

from dataclasses import replace

from body_testing import assert_covered
import numpy as np
import pytest
from wm_ros.robot.body import Body
from wm_ros.robot.robot import load_robot
from wm_ros.types import WmRosError

ROBOT = load_robot('panda')
BODY = Body(ROBOT)


@pytest.mark.parametrize('name', ['panda', 'ur5e', 'iiwa'])
def test_spheres_cover_the_shapes_that_collide(name):
    """All that moves, fingers at any width included, is inside some sphere."""
    robot = load_robot(name)
    assert_covered(robot, Body(robot), np.random.default_rng(0), (0.0, 0.04))


def test_derivatives_are_those_of_the_places():
    path = ROBOT.home + 0.2 * np.random.default_rng(1).normal(size=(3, 7))
    centres, by = BODY.places(path)
    for joint in range(7):
        moved = path.copy()
        moved[:, joint] += 1e-6
        change = (BODY.places(moved)[0] - centres) / 1e-6
        assert np.abs(change - by[..., joint]).max() < 1e-5


@pytest.mark.parametrize('spheres, said', [
    ((), 'none'), ((('elbow', np.array([[0, 0, 0, 0.1]])),), 'elbow')])
def test_a_robot_without_spheres_says_what_it_lacks(spheres, said):
    with pytest.raises(WmRosError, match=f'got {said}, expected spheres that cover links among '
                                         'panda_link1'):
        Body(replace(ROBOT, spheres=spheres))


@pytest.mark.parametrize('row', [[0, 0, 0, 0], [0, 0, 0, np.nan], [0, 0, 0.1]])
def test_spheres_that_are_none_are_refused(row):
    with pytest.raises(ValueError, match='spheres: panda_hand: expected rows of x, y, z'):
        replace(ROBOT, spheres=(('panda_hand', np.array([row], float)),))
