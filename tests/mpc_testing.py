"""What the tests of receding horizons share: an Mpc of a small model, and a loop around it."""

from model_testing import KINEMATICS, make_dynamics, make_model, observe_at, ROBOT
import numpy as np
from wm_ros.planning import Mpc, PlannerSettings
from wm_ros.robot.trajectory import sample
from wm_ros.tasks import get_task
from wm_ros.world_model.agent.actor import Actor

DELAY, DT = 0.03, ROBOT.dt

HOME = KINEMATICS.forward(ROBOT.home)[0]

REACH = get_task('reach')

PARAMS = {'planner.num_samples': 32, 'planner.num_policy_samples': 8, 'planner.num_elites': 4,
          'planner.horizon': 8, 'planner.noise_std': 0.6}


def make_mpc(task='reach', **params):
    settings = PlannerSettings.from_params({**PARAMS, **{
        name.replace('__', '.'): value for name, value in params.items()}})
    return Mpc(make_model(task, actor=Actor.like(make_dynamics(task, seed=9))), ROBOT,
               get_task(task), settings)


def goal_at(*position):
    return np.array([*position, 0.0, 0.0, 0.0, 1.0])


GOAL = goal_at(0.55, 0.15, 0.2)


class Loop:
    """Plans as the graph does; the arm is exactly where the plans in force command it."""

    def __init__(self, mpc, period=0.025, delay=DELAY, start=10.0):
        self.mpc, self.period, self.delay, self.now = mpc, period, delay, start
        self.belief = self.plan = None
        self.plans = []
        self.held = None        # positions at which a gate holds

    def command(self):
        """Return commanded positions, velocities and gripper at this moment."""
        if self.held is not None:
            return self.held, np.zeros(7), 0.0
        due = [plan for plan in self.plans if plan.stamp <= self.now + 1e-9]
        return sample(due[-1], self.now) if due else (ROBOT.home, np.zeros(7), 0.0)

    def step(self, goal=GOAL):
        q, dq, _ = self.command()
        self.belief = self.mpc.model.observe(
            self.belief, observe_at(self.now, q=q, dq=dq))
        self.plan = self.mpc.plan(self.belief, goal, self.plan, self.now + self.delay)
        self.plans.append(self.plan)
        self.now += self.period
        return self.plan

    def run(self, steps, goal=GOAL):
        for _ in range(steps):
            self.step(goal)
        return self


def belief_at(mpc, stamp=10.0, q=None, dq=None, **kwargs):
    return mpc.model.observe(None, observe_at(stamp, q=q, dq=dq, **kwargs))
