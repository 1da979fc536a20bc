"""Whether a goal is reached, judged from the belief."""

from typing import Optional

import numpy as np
from wm_ros.robot.robot import Robot
from wm_ros.tasks import TaskSpec
from wm_ros.types import Belief, Code, GoalRejected

_SLACK = 0.02       # [m] beyond the workspace that a goal may be: the tolerance of most tasks


class GoalMonitor:
    """
    Follows one goal from its acceptance to success or the end of the task's time.

    ``code`` is WAITING without a goal, OK while it is pursued, GOAL_REACHED from the moment
    at which it was within tolerance, at rest, and let go of where the task asks for that, for the
    task's hold time, GOAL_FAILED when the time limit passed first (reaching it later still
    counts).
    """

    def __init__(self, task: TaskSpec, robot: Robot, layout):
        self.task = task
        self.goal: Optional[np.ndarray] = None      # [7]
        self.code, self.text = Code.WAITING, 'no goal'
        self.distance = float('nan')                # [m]
        self._low, self._high = robot.workspace_low - _SLACK, robot.workspace_high + _SLACK
        self._tool, self._place = layout.ee, layout.subject(task)
        self._speed = slice(self._place.stop, self._place.stop + 3)
        if task.goal_of != 'end_effector':
            # An object's yaw stands between its position and its velocity.
            self._speed = slice(self._speed.start + 1, self._speed.stop + 1)

    def check(self, goal: np.ndarray):
        """Raise GoalRejected unless ``goal`` [7] is finite and within reach."""
        if np.shape(goal) != (7,) or not np.isfinite(goal).all():
            raise GoalRejected('goal: expected 7 finite numbers, position and quaternion')
        place = np.round(goal[:3], 3).tolist()
        if np.any(goal[:3] < self._low) or np.any(goal[:3] > self._high):
            low, high = (np.round(edge, 3).tolist() for edge in (self._low, self._high))
            raise GoalRejected(f'goal: position {place} m is out of reach, expected between '
                               f'{low} and {high}')

    def accept(self, goal: np.ndarray):
        """Take ``goal`` [7] in the base frame; raises GoalRejected as ``check`` does."""
        goal = np.array(goal, dtype=float)
        self.check(goal)
        self.goal = goal
        self.code, self.text = Code.OK, 'pursued'
        self.distance = float('nan')
        self._begun = self._inside = self._last = None

    def clear(self):
        """Drop the goal."""
        self.goal = None
        self.code, self.text = Code.WAITING, 'no goal'

    def update(self, belief: Belief) -> bool:
        """Judge ``belief``; return True when the code has changed by it."""
        if self.goal is None:
            return False
        now, before = belief.stamp, self.code
        if self._last is None or now < self._last - 1.0:
            self._begun, self._inside = now, None       # the clock began anew
        self._last = now
        self.distance = float(np.linalg.norm(belief.state[self._place] - self.goal[:3]))
        speed = float(np.linalg.norm(belief.state[self._speed]))
        away = float(np.linalg.norm(belief.state[self._tool] - belief.state[self._place]))
        if (self.distance > self.task.tolerance or speed > self.task.rest_speed
                or away < self.task.clearance):
            self._inside = None
        elif self._inside is None:
            self._inside = now
        if self.code is Code.GOAL_REACHED:
            return False
        if self._inside is not None and now - self._inside >= self.task.hold_time - 1e-6:
            self.code = Code.GOAL_REACHED
            self.text = f'reached after {now - self._begun:.1f} s'
        elif self.code is Code.OK and now - self._begun > self.task.time_limit:
            self.code = Code.GOAL_FAILED
            self.text = f'not reached within {self.task.time_limit:g} s'
        return self.code is not before
