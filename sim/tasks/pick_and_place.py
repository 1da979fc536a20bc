"""Pick and place: bring a block to a point on the table or in the air, and hold it there."""

import numpy as np
from sim.tasks.base import BoxSpec, pose, Start, Task
from sim.tasks.grasp import carry, grasp, holds

_EDGE = 0.04            # [m] of the block
_ON_TABLE = 0.3         # share of goals


class PickAndPlace(Task):
    """
    A block of 4 cm, 0.1 kg, on 27 x 40 cm of table; goals up to 25 cm high, 30 % on the table.

    Success: within 2.5 cm of the goal and at rest (below 2 cm/s) for 0.5 s; limit 10 s.
    Reward: minus the distance of block to goal in units of 10 cm.
    """

    name = 'pick_and_place'
    boxes = (BoxSpec('block', (_EDGE,) * 3, 0.1, 0.8, (0.85, 0.25, 0.2, 1.0)),)

    def sample(self, rng, boxes):
        """Draw block, goal, and where the open or closed gripper is."""
        low, high = np.array(self.spec.goal_low), np.array(self.spec.goal_high)
        low[2] = boxes[0].size[2] / 2
        while True:
            block, goal = rng.uniform(low, high, (2, 3))
            block[2] = low[2]
            if rng.random() < _ON_TABLE:
                goal[2] = low[2]
            start = rng.uniform([*low[:2], 0.10], [*high[:2], 0.25])
            if np.linalg.norm(block - goal) >= self.spec.min_start_distance:
                break
        yaw = rng.uniform(-np.pi, np.pi)
        block_pose = np.array([*block, 0.0, 0.0, np.sin(yaw / 2), np.cos(yaw / 2)])
        return Start(start, block_pose[None], pose(goal), rng.uniform(0.0, 0.08))

    def expert(self, situation, full_speed):
        """Grasp the block, and carry it there."""
        if not holds(situation):
            return grasp(situation, full_speed)
        return carry(situation, full_speed, lift=min(0.03, 0.2 * self.distance(situation)))
