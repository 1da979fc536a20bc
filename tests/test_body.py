"""The body's spheres: that they cover the arm, and move as its links do."""

from dataclasses import replace

import numpy as np
import pybullet
import pytest
from wm_ros.robot.body import Body
from wm_ros.robot.robot import load_robot
from wm_ros.types import WmRosError

ROBOT = load_robot('panda')
BODY = Body(ROBOT)


@pytest.fixture(scope='module')
def bullet():
    client = pybullet.connect(pybullet.DIRECT)
    body = pybullet.loadURDF(str(ROBOT.urdf), useFixedBase=True, physicsClientId=client)
    yield client, body
    pybullet.disconnect(client)


def test_spheres_cover_the_meshes_that_collide(bullet):
    """All that moves, fingers at any width included, is inside some sphere."""
    client, body = bullet
    rng = np.random.default_rng(0)
    links = {pybullet.getJointInfo(body, i, physicsClientId=client)[1].decode(): i
             for i in range(pybullet.getNumJoints(body, physicsClientId=client))}
    for width in (0.0, 0.04):
        q = rng.uniform(ROBOT.limits.lower, ROBOT.limits.upper)
        for name, value in (*zip(ROBOT.joint_names, q),
                            *((name, width) for name in ROBOT.gripper_joint_names)):
            pybullet.resetJointState(body, links[name], value, physicsClientId=client)
        centres = BODY.places(q[None])[0][0]
        for link in range(pybullet.getNumJoints(body, physicsClientId=client)):
            points = corners(client, body, link)
            if len(points):
                inside = np.linalg.norm(points[:, None] - centres, axis=-1) - BODY.radii
                assert inside.min(1).max() < 0.0, pybullet.getJointInfo(
                    body, link, physicsClientId=client)[12]


def corners(client, body, link):
    """Return the vertices [V, 3] of a link's collision mesh in the world."""
    if not pybullet.getCollisionShapeData(body, link, physicsClientId=client):
        return np.zeros((0, 3))
    _, points = pybullet.getMeshData(body, link, physicsClientId=client)
    state = pybullet.getLinkState(body, link, computeForwardKinematics=True,
                                  physicsClientId=client)
    turn = np.reshape(pybullet.getMatrixFromQuaternion(state[1]), (3, 3))
    return state[0] + np.array(points) @ turn.T         # they stand in the inertial frame


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
