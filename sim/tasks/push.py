"""Push: slide a block over the table to a goal, in any direction."""

import numpy as np
from sim.tasks.base import BoxSpec, drive, pose, Start, Task, under_way

_HALF = 0.025           # [m] half an edge of the block
_TOOL_HEIGHT = 0.02     # [m] of the end effector while it pushes
_CLEARANCE = 0.085      # [m] of the end effector while it passes over the block
_AHEAD = 0.1            # [s] by which the block's way is foreseen: an arm stops late
_SLIDING = 0.05         # [m/s] of the block: until it rests nobody knows where to go next
_BEHIND = 0.065         # [m] from the block's centre to where the push begins


class Push(Task):
    """
    A block of 5 cm, 0.2 kg; starts and goals at least 12 cm apart on 30 x 44 cm of table.

    Success: within 5 cm of the goal and at rest (below 1 cm/s) for 0.5 s; limit 10 s.
    Reward: minus the distance of block to goal in units of 10 cm.
    """

    name = 'push'
    boxes = (BoxSpec('block', (2 * _HALF,) * 3, 0.2, 0.5, (0.85, 0.25, 0.2, 1.0)),)

    def sample(self, rng, boxes):
        """Draw the block, the goal and a start of the end effector above the table."""
        low, high = np.array(self.spec.goal_low), np.array(self.spec.goal_high)
        while True:
            block, goal = rng.uniform(low, high, (2, 3))
            block[2] = goal[2] = boxes[0].size[2] / 2
            start = rng.uniform([low[0] - 0.03, low[1] - 0.04, 0.10],
                                [high[0] + 0.03, high[1] + 0.04, 0.25])
            if np.linalg.norm(block - goal) >= self.spec.min_start_distance:
                break
        yaw = rng.uniform(-np.pi, np.pi)
        block_pose = np.array([*block, 0.0, 0.0, np.sin(yaw / 2), np.cos(yaw / 2)])
        return Start(start, block_pose[None], pose(goal))

    def expert(self, situation, full_speed):
        """Go over and behind the block, come down, push towards the goal, stop in time."""
        block, goal = situation.object_poses[0, :3], situation.goal[:3]
        block = block + _AHEAD * situation.object_velocities[0]
        tool, velocity = situation.end_effector + under_way(situation), situation.setpoint_velocity
        way = (goal - block)[:2]
        distance = np.linalg.norm(way)
        direction = way / max(distance, 1e-6)
        offset = tool[:2] - block[:2]
        along, aside = offset @ direction, abs(offset[0] * direction[1] - offset[1] * direction[0])
        lined_up = along < -0.02 and aside < 0.02
        sliding = np.linalg.norm(situation.object_velocities[0]) > _SLIDING
        if distance < 0.015 or sliding and not lined_up:
            return drive(np.zeros(3), velocity, full_speed)
        if lined_up and tool[2] < 0.045:
            correction = -3.0 * (offset - along * direction)
            target = tool[:2] + direction * min(0.12, 0.55 * distance + 0.01) + correction
            return drive(np.append(target, _TOOL_HEIGHT) - tool, velocity, full_speed)
        behind = block[:2] - direction * _BEHIND
        if np.linalg.norm(tool[:2] - behind) < 0.02 or (lined_up and along < -_HALF - 0.02):
            return drive(np.append(behind, _TOOL_HEIGHT) - tool, velocity, full_speed)
        return self._pass_over(tool, velocity, block, behind, full_speed)

    def _pass_over(self, tool, velocity, block, behind, full_speed):
        """Travel to above ``behind``, high enough wherever the block is in the way."""
        difference = np.append(behind, _CLEARANCE) - tool
        near = np.linalg.norm(tool[:2] - block[:2]) < 0.075
        if near and tool[2] < _CLEARANCE - 0.015:
            difference[:2] = 0.0
        return drive(difference, velocity, full_speed)
