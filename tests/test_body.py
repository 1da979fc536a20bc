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


@pytest.mark.parametrize('name', ['panda', 'ur5e', 'iiwa'])
def test_spheres_cover_the_shapes_that_collide(name):
    """All that moves, fingers at any width included, is inside some sphere."""
    robot, rng = load_robot(name), np.random.default_rng(0)
    covered = Body(robot)
    client = pybullet.connect(pybullet.DIRECT)
    body = pybullet.loadURDF(str(robot.urdf), useFixedBase=True, physicsClientId=client)
    links = {pybullet.getJointInfo(body, i, physicsClientId=client)[1].decode(): i
             for i in range(pybullet.getNumJoints(body, physicsClientId=client))}
    for width in (0.0, 0.04):
        q = rng.uniform(robot.limits.lower, robot.limits.upper)
        for joint, value in (*zip(robot.joint_names, q),
                             *((joint, width) for joint in robot.gripper_joint_names)):
            pybullet.resetJointState(body, links[joint], value, physicsClientId=client)
        centres = covered.places(q[None])[0][0]
        for link in links.values():
            for points in shapes(client, body, link):
                inside = np.linalg.norm(points[:, None] - centres, axis=-1) - covered.radii
                assert inside.min(1).max() < 0.0, pybullet.getJointInfo(
                    body, link, physicsClientId=client)[12]
    pybullet.disconnect(client)


def shapes(client, body, link):
    """Yield points [V, 3] on each of a link's collision shapes, in the world."""
    state = pybullet.getLinkState(body, link, computeForwardKinematics=True,
                                  physicsClientId=client)
    for shape in pybullet.getCollisionShapeData(body, link, physicsClientId=client):
        if shape[2] == pybullet.GEOM_MESH:      # whose points stand in the inertial frame
            _, points = pybullet.getMeshData(body, link, physicsClientId=client)
        else:
            points = rotation(shape[6]) @ on_surface(shape[2], shape[3]).T
            points = np.transpose(points) + shape[5]
        yield state[0] + np.array(points) @ rotation(state[1]).T


def rotation(quaternion):
    return np.reshape(pybullet.getMatrixFromQuaternion(quaternion), (3, 3))


def on_surface(kind, size):
    """Return points [V, 3] on a box of full ``size``, or on a cylinder of length and radius."""
    if kind == pybullet.GEOM_BOX:
        steps = [np.linspace(-0.5, 0.5, 9) * edge for edge in size]
        return np.stack(np.meshgrid(*steps), -1).reshape(-1, 3)
    assert kind == pybullet.GEOM_CYLINDER
    angles, heights = np.meshgrid(np.linspace(0, 2 * np.pi, 25), np.linspace(-0.5, 0.5, 9))
    rim = size[1] * np.stack([np.cos(angles), np.sin(angles)], -1)
    whole = np.concatenate([rim, size[0] * heights[..., None]], -1)
    return np.concatenate(
        [whole * [share, share, 1.0] for share in (0.0, 0.5, 1.0)]).reshape(-1, 3)


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
