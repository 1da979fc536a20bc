"""Stack: put a block onto another one, let go, and leave."""

import numpy as np
from sim.tasks.base import BoxSpec, pose, Start, Task
from sim.tasks.grasp import carry, grasp, holds, let_go

_EDGE = (0.035, 0.045)          # [m] of the blocks
_HEIGHT = (0.96, 1.04)          # of an edge
_MASS = (0.06, 0.14)            # [kg]
_FRICTION = (0.6, 1.0)
_COLOURS = ((0.85, 0.25, 0.2, 1.0), (0.2, 0.45, 0.85, 1.0))
_APART = 0.09                   # [m] between the blocks at first


class Stack(Task):
    """
    Two blocks of 3.5 to 4.5 cm, 60 to 140 g, friction 0.6 to 1; the goal is on top of the base.

    Heights are 0.96 to 1.04 of the edges: what a gripper holds does not tell how high it is.
    Success: within 2 cm of the goal and at rest (below 1 cm/s), the tool 6 cm away, for 0.5 s;
    limit 12 s.  Reward: minus the distance of block to goal in units of 10 cm, and minus 1 until
    it is there, let go of.
    """

    name = 'stack'
    boxes = tuple(BoxSpec(name, (0.04,) * 3, 0.1, 0.8, colour)
                  for name, colour in zip(('block', 'base'), _COLOURS))

    def blocks(self, rng):
        """Draw both blocks."""
        found = []
        for box in self.boxes:
            edge = rng.uniform(*_EDGE)
            size = edge, edge, edge * rng.uniform(*_HEIGHT)
            found.append(BoxSpec(box.name, size, rng.uniform(*_MASS), rng.uniform(*_FRICTION),
                                 box.colour))
        return tuple(found)

    def sample(self, rng, boxes):
        """Draw where both blocks stand, and where the gripper is."""
        low, high = np.array(self.spec.goal_low[:2]), np.array(self.spec.goal_high[:2])
        while True:
            places = rng.uniform(low, high, (2, 2))
            if np.linalg.norm(places[0] - places[1]) >= _APART:
                break
        poses = []
        for place, box in zip(places, boxes):
            yaw = rng.uniform(-np.pi, np.pi)
            poses.append([*place, box.size[2] / 2, 0.0, 0.0, np.sin(yaw / 2), np.cos(yaw / 2)])
        goal = [*places[1], boxes[1].size[2] + boxes[0].size[2] / 2]
        hand = rng.uniform([*low, 0.14], [*high, 0.25])
        return Start(hand, np.array(poses), pose(goal), rng.uniform(0.0, 0.08))

    def reward(self, situation):
        """Return minus the distance / 0.1 m, and minus 1 until all is done."""
        # Distance alone tells hardly anything between a block that hovers and one that lies.
        return super().reward(situation) - float(not self.at_goal(situation))

    def expert(self, situation, full_speed):
        """Grasp the block, put it onto the base from above, let go, and leave upwards."""
        block, velocity = self.subject(situation)
        off = block - situation.goal[:3]
        placed = np.linalg.norm(off[:2]) < 0.012 and abs(off[2]) < 0.006
        if placed and np.linalg.norm(velocity) < 0.05:
            return let_go(situation, full_speed)
        if not holds(situation):
            return grasp(situation, full_speed)
        return carry(situation, full_speed, low=-0.002)
