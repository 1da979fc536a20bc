"""The planner in the place of the script while episodes are recorded."""

from wm_ros.planning import Mpc, PlannerSettings
from wm_ros.robot.robot import Robot
from wm_ros.world_model import WorldModel


class Pilot:
    """Acts with a planner on the explicit states that a Collector hands over."""

    def __init__(self, model: WorldModel, robot: Robot, settings: PlannerSettings):
        self.mpc = Mpc(model, robot, model.task, settings)
        self.wanted = []
        self._belief = self._plan = None

    def __call__(self, state, goal, observation):
        """Return the first action [A] of a new plan."""
        self._belief = self.mpc.model.observe(self._belief, observation)
        self._plan = self.mpc.plan(self._belief, goal, self._plan, observation.stamp)
        self.wanted.append(self._plan.actions[0])
        return self._plan.actions[0]
