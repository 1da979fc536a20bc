"""Reach: bring the end effector to a point in the air and stay there."""

import numpy as np
from sim.tasks.base import drive, pose, Start, Task


class Reach(Task):
    """
    Goals are uniform over a box of 40 x 50 x 40 cm; so are starts, 10 cm away at least.

    Success: within 2 cm for 0.5 s; limit 5 s.  Reward: minus the distance in units of 10 cm.
    """

    name = 'reach'

    def sample(self, rng, boxes):
        """Draw start and goal."""
        while True:
            start, goal = rng.uniform(self.spec.goal_low, self.spec.goal_high, (2, 3))
            if np.linalg.norm(start - goal) >= self.spec.min_start_distance:
                return Start(start, np.zeros((0, 7)), pose(goal))

    def expert(self, situation, full_speed):
        """Go straight to the goal."""
        return drive(situation.goal[:3] - situation.setpoint, situation.setpoint_velocity,
                     full_speed)
