"""Poses and goals."""

from typing import Tuple

from geometry_msgs.msg import PoseStamped
import numpy as np
from wm_ros.nodes.convert.basics import ConvertError, finite
from wm_ros.types import GoalRejected


def pose_values(pose) -> Tuple[float, ...]:
    """Return position and quaternion xyzw of a Pose."""
    p, q = pose.position, pose.orientation
    return (p.x, p.y, p.z, q.x, q.y, q.z, q.w)


def unit_poses(what: str, poses: np.ndarray) -> np.ndarray:
    """Return ``poses`` [..., 7] with unit quaternions; ConvertError if one has no length."""
    finite(what, poses)
    with np.errstate(over='ignore'):
        norms = np.linalg.norm(poses[..., 3:], axis=-1, keepdims=True)
    if not np.all((norms > 1e-6) & np.isfinite(norms)):
        raise ConvertError(f'{what}: got an orientation of length 0, expected a unit quaternion')
    poses[..., 3:] /= norms
    return poses


def goal_to_msg(pose, frame: str) -> PoseStamped:
    """Return the goal ``pose`` [7], or a position [3] m alone, in ``frame``."""
    msg = PoseStamped()
    msg.header.frame_id = frame
    p, q = msg.pose.position, msg.pose.orientation
    p.x, p.y, p.z = (float(value) for value in pose[:3])
    turn = pose[3:] if len(pose) > 3 else (0.0, 0.0, 0.0, 1.0)
    q.x, q.y, q.z, q.w = (float(value) for value in turn)
    return msg


def goal_from_msg(msg: PoseStamped) -> Tuple[str, np.ndarray]:
    """Return frame and pose [7] of a goal; GoalRejected when it cannot be one."""
    if not msg.header.frame_id:
        raise GoalRejected('goal: frame_id is empty, expected the frame of the pose')
    try:
        pose = unit_poses('goal', np.array(pose_values(msg.pose), dtype=float))
    except ConvertError as error:
        raise GoalRejected(str(error)) from error
    return msg.header.frame_id, pose


def transform_pose(transform, pose: np.ndarray) -> np.ndarray:
    """Return ``pose`` [7] moved by a geometry_msgs/Transform."""
    t, r = transform.translation, transform.rotation
    values = unit_poses('transform', np.array([t.x, t.y, t.z, r.x, r.y, r.z, r.w]))
    shift, q = values[:3], values[3:]
    axis, w = q[:3], q[3]
    p, o, ow = pose[:3], pose[3:6], pose[6]
    twice = 2.0 * np.cross(axis, p)
    moved = p + w * twice + np.cross(axis, twice) + shift
    return np.concatenate([
        moved, w * o + ow * axis + np.cross(axis, o), [w * ow - axis @ o]])
