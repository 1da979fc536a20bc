"""Scripts of tasks that grasp: come down on a block, close, carry it, let go."""

import numpy as np
from sim.tasks.base import drive, under_way

_ABOVE = 0.09           # [m] of the tool over the block's centre, before it comes down
_OPEN = 0.014           # [m] that a gripper has to spare on each side of what it closes on
_LINED_UP = 0.012       # [m]
_TURNED = 0.12          # [rad] from lined up
_SQUEEZED = 0.02        # [m] that a gripper is driven further than what it holds lets it
_IN_HAND = 0.035        # [m] of a held object's centre from the tool, at most
_LIFT = 0.05            # [m] over the goal's height at which a block is carried there
_QUARTER = np.pi / 2


def holds(situation, index: int = 0) -> bool:
    """Return whether the gripper is closed on object ``index``."""
    offset = situation.object_poses[index, :3] - situation.end_effector
    squeezed = situation.gripper_width - situation.gripper_command > _SQUEEZED
    return bool(squeezed and np.linalg.norm(offset) < _IN_HAND)


def grasp(situation, full_speed: float, index: int = 0) -> np.ndarray:
    """Return the action [5] that leads to holding object ``index``."""
    block, tool = situation.object_poses[index], situation.end_effector + under_way(situation)
    offset, turn = block[:3] - tool, _turn(situation, block)
    aside = np.linalg.norm(offset[:2])
    inside = aside < 1.5 * _LINED_UP and abs(offset[2]) < 0.012
    if inside:
        return _act(situation, offset, full_speed, turn, closing=True)
    over = max(block[2], 0.02) + _ABOVE
    wide = situation.gripper_width > 0.07
    if aside < _LINED_UP and abs(turn) < _TURNED and wide:
        return _act(situation, offset, full_speed, turn)
    target = np.array([*block[:2], over])
    if aside > 0.03 and tool[2] < over - 0.04:
        target[:2] = tool[:2]           # up first: fingers that come from aside push it away
    return _act(situation, target - tool, full_speed, turn)


def carry(situation, full_speed: float, index: int = 0, lift: float = _LIFT,
          low: float = 0.0) -> np.ndarray:
    """
    Return the action [5] that brings a held object to the goal, from above.

    It is ``lift`` [m] over the goal until it is above it, ``low`` [m] above the goal in the end.
    """
    way = situation.goal[:3] + [0.0, 0.0, low] - situation.object_poses[index, :3]
    way -= under_way(situation)
    aside = np.linalg.norm(way[:2])
    if aside > 0.015:
        way[2] += lift
        if way[2] > 0.02:
            way[:2] *= max(0.0, 1.0 - way[2] / max(lift, 0.03))
    return _act(situation, way, full_speed, 0.0, closing=True)


def let_go(situation, full_speed: float) -> np.ndarray:
    """Return the action [5] that opens the gripper, and then leaves straight upwards."""
    rising = 0.1 if situation.gripper_command - situation.gripper_width > -0.002 else 0.0
    return _act(situation, np.array([0.0, 0.0, rising]), full_speed, 0.0)


def _act(situation, difference, full_speed, turn, closing=False):
    action = drive(difference, situation.setpoint_velocity, full_speed)
    action[3] = np.clip(2.5 * turn, -1.0, 1.0)
    action[4] = -1.0 if closing else 1.0
    return action


def _turn(situation, block):
    """Return the angle [rad] to the next quarter turn at which the fingers lie on two sides."""
    x, y, z, w = block[3:]
    yaw = 2 * np.arctan2(z, w)
    return (yaw - situation.yaw + _QUARTER / 2) % _QUARTER - _QUARTER / 2
