"""The chain of links from the base to the end effector, as CasADi expressions."""

from typing import Dict, List, NamedTuple, Tuple

import casadi as ca
import numpy as np
from wm_ros.robot import urdf
from wm_ros.robot.robot import Robot
from wm_ros.types import WmRosError


class Link(NamedTuple):
    """Pose of a link's frame [4, 4] in the base frame, and how many joints move it."""

    pose: ca.SX
    moved: int


class Chain(NamedTuple):
    """
    Expressions in the joint positions ``q`` [N] rad, in the base frame.

    ``links`` are all but the base, by name; ``joints`` axis [3] and origin [3] m of each joint.
    """

    q: ca.SX
    links: Dict[str, Link]
    joints: List[Tuple[ca.SX, ca.SX]]

    def jacobian(self, point, link: str) -> ca.SX:
        """Return d(linear, angular velocity)/dq [6, N] of ``point`` [3] m, fixed to ``link``."""
        moved = self.links[link].moved
        columns = [ca.vertcat(ca.cross(axis, point - origin), axis)
                   for axis, origin in self.joints[:moved]]
        return ca.horzcat(*columns, ca.SX(6, len(self.joints) - moved))


def chain_of(robot: Robot) -> Chain:
    """Return the chain of ``robot``; raises WmRosError where its joints are others."""
    q = ca.SX.sym('q', len(robot.joint_names))
    transform, links, moving = ca.SX.eye(4), {}, []
    for joint in _joints(robot):
        transform = ca.mtimes(transform, urdf.origin_transform(joint))
        if joint.kind != 'fixed':
            axis = np.array(joint.axis) / np.linalg.norm(joint.axis)
            turned = _rotation(axis, q[len(moving)])
            moving.append((ca.mtimes(transform[:3, :3], axis), transform[:3, 3]))
            transform = ca.mtimes(transform, turned)
        links[joint.child] = Link(transform, len(moving))
    return Chain(q, links, moving)


def _rotation(axis, angle):
    """Return the rotation [4, 4] about ``axis`` [3] by ``angle`` (Rodrigues)."""
    cross, matrix = ca.skew(ca.DM(axis)), ca.SX.eye(4)
    matrix[:3, :3] = (ca.DM.eye(3) + ca.sin(angle) * cross
                      + (1 - ca.cos(angle)) * ca.mtimes(cross, cross))
    return matrix


def _joints(robot) -> List[urdf.Joint]:
    joints = urdf.chain(urdf.read_joints(robot.urdf), robot.base_frame, robot.ee_frame)
    moving = [joint for joint in joints if joint.kind != 'fixed']
    names = [joint.name for joint in moving]
    if names != list(robot.joint_names):
        raise WmRosError(f'robot {robot.name}: the chain moves {names}, but joint_names are '
                         f'{list(robot.joint_names)}')
    for joint in moving:
        if joint.kind not in ('revolute', 'continuous'):
            raise WmRosError(f'robot {robot.name}: joint {joint.name} is {joint.kind}, '
                             'expected revolute or continuous')
        if not np.any(joint.axis):
            raise WmRosError(f'robot {robot.name}: joint {joint.name} has no axis')
    return joints
