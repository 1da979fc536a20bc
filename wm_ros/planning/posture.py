"""The arm behind imagined setpoints: its joints and its body, and what they cost."""

from typing import NamedTuple, Optional

import numpy as np
import torch
from wm_ros.planning.arm import Arm
from wm_ros.planning.detour import Detour
from wm_ros.planning.keep_out import Boxes
from wm_ros.world_model.agent.rollout import Dream
from wm_ros.world_model.state import StateLayout

_PLANAR = (0, 1, 2, 5)      # of a twist: position and yaw, the gripper keeps pointing down
MARGIN = 0.02               # [m] kept between the body and a box
_NEAR = 0.15                # [rad] from a joint's limit, where it begins to cost
_CENTIMETRE, _DECIMETRE = 0.01, 0.1


class Posture(NamedTuple):
    """
    Where the arm stands along a nominal path of the setpoint; near it, all is linear.

    ``poses`` [H, 4] of the setpoint; ``joints`` [H, N] rad and d joints / d pose [H, N, 4];
    ``limits`` [2, N] rad; ``centres`` [H, S, 3] m of the body's spheres and d centres / d pose
    [H, S, 3, 4], their ``radii`` [S] m; the ``boxes`` that they keep out of, and the ``detour``
    around them.
    """

    poses: torch.Tensor
    joints: torch.Tensor
    joints_by_pose: torch.Tensor
    limits: torch.Tensor
    centres: torch.Tensor
    centres_by_pose: torch.Tensor
    radii: torch.Tensor
    boxes: Boxes
    detour: Optional[Detour] = None

    @classmethod
    def along(cls, arm: Arm, q, dq, states: torch.Tensor, boxes: Boxes,
              detour: Optional[Detour] = None) -> 'Posture':
        """Return that of an arm at ``q``, ``dq`` [N] that follows dreamed states [1 + H, X]."""
        seen = states.cpu().numpy().astype(float)
        path, _ = arm.led(q, dq, seen)
        by_pose = np.stack([np.linalg.pinv(arm.kinematics.jacobian(row)) for row in path])
        by_pose = by_pose[..., _PLANAR]
        centres, by_joints, radii = _spheres(arm, path, boxes)
        limits = arm.robot.limits
        arrays = (seen[1:, StateLayout.setpoint_pose].copy(), path, by_pose,
                  np.stack([limits.lower, limits.upper]), centres,
                  np.einsum('hscn,hnp->hscp', by_joints, by_pose), radii)
        return cls(*(torch.as_tensor(array, dtype=torch.float32, device=states.device)
                     for array in arrays), boxes, detour)

    def off(self, dream: Dream):
        """Return by how much a dream's setpoints leave the nominal path [K, H, 4]."""
        return dream.states[:, 1:, StateLayout.setpoint_pose] - self.poses


def _spheres(arm, path, boxes):
    """Return centres, derivatives and radii; without boxes none, and no body is needed."""
    if len(boxes.centres):
        return *arm.body.places(path), arm.body.radii
    count, joints = path.shape
    return np.zeros((count, 0, 3)), np.zeros((count, 0, 3, joints)), np.zeros(0)


def keep_out(dream: Dream, posture: Posture):
    """Return -1 [K, H] for each centimetre by which the body is too near to a box."""
    if not len(posture.boxes.centres):
        return torch.zeros_like(dream.disagreement)
    centres = posture.centres + torch.einsum(
        'hscp,khp->khsc', posture.centres_by_pose, posture.off(dream))
    apart = posture.boxes.distance(centres).amin(-1) - posture.radii
    return (apart.amin(-1) - MARGIN).clamp(max=0) / _CENTIMETRE


def joint_limits(dream: Dream, posture: Posture):
    """Return -1 [K, H] for a joint that stands at its limit, nothing from 0.15 rad off it on."""
    joints = posture.joints + torch.einsum(
        'hnp,khp->khn', posture.joints_by_pose, posture.off(dream))
    low, high = posture.limits
    left = torch.minimum(joints - low, high - joints)
    return -(1 - left / _NEAR).clamp(min=0).square().sum(-1)


def detour(dream: Dream, posture: Posture):
    """Return -1 [K, H] for each decimetre that the way to the goal is longer by the boxes."""
    if posture.detour is None:
        return torch.zeros_like(dream.disagreement)
    return -posture.detour.more(dream.states[:, 1:, StateLayout.ee]) / _DECIMETRE


#: Terms of the objective that are about the arm behind the setpoint.
TERMS = {'keep_out': keep_out, 'detour': detour, 'joint_limits': joint_limits}
