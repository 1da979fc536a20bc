"""What a robot's links collide with, as points: of its URDF, as PyBullet reads it."""

from typing import Dict, Iterator

import numpy as np
from sim.quiet import pybullet, quiet
from wm_ros.robot.robot import Robot

_INSIDE = 4000              # points drawn in a mesh's hull
_ALONG, _AROUND = 9, 25     # points along edges of boxes and cylinders, and around


def link_points(robot: Robot, joint_positions, finger: float) -> Dict[str, np.ndarray]:
    """
    Return points [V, 3] m in the base frame on all that collides, by the URDF's names of links.

    ``joint_positions`` [N] rad; ``finger`` [m] that each finger is out.  Of meshes the convex
    hull counts, as in PyBullet.
    """
    client = pybullet.connect(pybullet.DIRECT)
    try:
        with quiet():
            body = pybullet.loadURDF(str(robot.urdf), useFixedBase=True, physicsClientId=client)
        infos = [pybullet.getJointInfo(body, i, physicsClientId=client)
                 for i in range(pybullet.getNumJoints(body, physicsClientId=client))]
        where = dict(zip(robot.joint_names, joint_positions))
        where.update(dict.fromkeys(robot.gripper_joint_names, finger))
        for info in infos:
            pybullet.resetJointState(body, info[0], where.get(info[1].decode(), 0.0),
                                     physicsClientId=client)
        found = {info[12].decode(): list(_shapes(client, body, info[0])) for info in infos}
        return {name: np.concatenate(parts) for name, parts in found.items() if parts}
    finally:
        pybullet.disconnect(client)


def _shapes(client, body, link) -> Iterator[np.ndarray]:
    state = pybullet.getLinkState(body, link, computeForwardKinematics=True,
                                  physicsClientId=client)
    for shape in pybullet.getCollisionShapeData(body, link, physicsClientId=client):
        if shape[2] == pybullet.GEOM_MESH:      # whose points stand in the inertial frame
            points = _in_hull(np.array(pybullet.getMeshData(body, link,
                                                            physicsClientId=client)[1]))
        else:
            points = _on_surface(shape[2], shape[3]) @ _rotation(shape[6]).T + shape[5]
        yield state[0] + points @ _rotation(state[1]).T


def _rotation(quaternion):
    return np.reshape(pybullet.getMatrixFromQuaternion(quaternion), (3, 3))


def _in_hull(corners):
    """Return the corners [V, 3] and points between three of them each."""
    rng = np.random.default_rng(0)
    chosen = corners[rng.integers(len(corners), size=(_INSIDE, 3))]
    return np.concatenate([corners, np.einsum(
        'pk,pkc->pc', rng.dirichlet(np.ones(3), _INSIDE), chosen)])


def _on_surface(kind, size):
    """Return points [V, 3] on a box of full ``size``, a cylinder (length, radius) or a ball."""
    steps = np.linspace(-0.5, 0.5, _ALONG)
    if kind == pybullet.GEOM_BOX:
        return np.stack(np.meshgrid(*(steps * edge for edge in size)), -1).reshape(-1, 3)
    angles, heights = np.meshgrid(np.linspace(0, 2 * np.pi, _AROUND), steps)
    if kind == pybullet.GEOM_SPHERE:
        tilt = np.pi * heights
        return size[0] * np.stack([np.cos(angles) * np.cos(tilt), np.sin(angles) * np.cos(tilt),
                                   np.sin(tilt)], -1).reshape(-1, 3)
    rim = size[1] * np.stack([np.cos(angles), np.sin(angles)], -1)
    whole = np.concatenate([rim, size[0] * heights[..., None]], -1)
    return np.concatenate([whole * [share, share, 1.0]
                           for share in (0.0, 0.5, 1.0)]).reshape(-1, 3)
