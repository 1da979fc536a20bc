"""What stands around the arm, kept from plan to plan: boxes, and the ways around them."""

from functools import lru_cache
from typing import Optional, Sequence

import numpy as np
from wm_ros.planning.arm import Arm
from wm_ros.planning.detour import Detour, Terrain
from wm_ros.planning.keep_out import Boxes
from wm_ros.robot.robot import Robot
from wm_ros.tasks import TaskSpec
from wm_ros.types import ParameterError, WmRosError


class Surroundings:
    """Of one robot and task; a new box takes half a second once, a new goal a tenth of that."""

    def __init__(self, robot: Robot, task: TaskSpec, device: str = 'cpu'):
        self.arm, self._task = Arm(robot), task
        # An arm of its own: it is made where parameters are checked, while the planner plans.
        self._terrain = lru_cache(maxsize=1)(lambda: Terrain(Arm(robot)))
        self._boxes = lru_cache(maxsize=4)(lambda numbers: Boxes.from_numbers(numbers, device))
        self._detour = lru_cache(maxsize=4)(lambda numbers, goal: Detour(
            self._terrain(), self._boxes(numbers), np.array(goal)))

    def prepare(self, numbers: Sequence[float]):
        """Make what boxes of ``numbers`` need; ParameterError where the robot has no body."""
        try:
            if numbers and self.arm.body and self._task.subject is None:
                self._terrain()
        except WmRosError as error:
            raise ParameterError(f'parameter planner.keep_out: {error}') from error

    def boxes(self, numbers: Sequence[float]) -> Boxes:
        """Return the boxes of ``numbers``, as ``Boxes.from_numbers``."""
        return self._boxes(tuple(numbers))

    def detour(self, numbers: Sequence[float], goal) -> Optional[Detour]:
        """Return the ways around boxes to ``goal`` [3]; None without boxes, or for an object's."""
        if not numbers or self._task.subject is not None:
            return None
        return self._detour(tuple(numbers), tuple(np.asarray(goal, float).tolist()))
