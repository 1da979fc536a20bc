"""What a planner asks of a robot's joints and body."""

from typing import Optional

import numpy as np
from wm_ros.robot.body import Body
from wm_ros.robot.feasible import Follower
from wm_ros.robot.kinematics import Kinematics
from wm_ros.robot.robot import Robot
from wm_ros.world_model.state import StateLayout


class Arm:
    """Kinematics, feasible motion and body of ``robot``; holds buffers: one for each thread."""

    def __init__(self, robot: Robot):
        self.robot = robot
        self.kinematics = Kinematics(robot)
        self.follower = Follower(self.kinematics)
        self._body: Optional[Body] = None

    def led(self, q, dq, states: np.ndarray):
        """
        Return joint positions and rates [H, N] of an arm that follows a dreamed setpoint.

        ``q``, ``dq`` [N] are where it begins, ``states`` [1 + H, X] the dream's.
        """
        return self.follower.follow(q, dq, states[1:, StateLayout.setpoint_pose],
                                    states[1:, StateLayout.setpoint_twist])

    @property
    def body(self) -> Body:
        """Return the body; raises WmRosError where the robot has none."""
        if self._body is None:
            self._body = Body(self.robot)
        return self._body
