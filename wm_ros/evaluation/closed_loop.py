"""
The whole product in lockstep: sensors, belief, plan, gate and arm on one clock.

The same library calls as in the running graph, at the same rates, with the same
parameters; a plan reaches the gate ``planner.action_delay`` after the observation that it
is based on.  Deterministic for a seed.
"""

from collections import deque
from dataclasses import dataclass, replace
from typing import Any, Deque, List, Mapping, Optional, Tuple

import numpy as np
from sim.engines import make_scene
from sim.scene import SUBSTEP
from wm_ros.param_table import MPC, SAFETY, SENSOR
from wm_ros.planning import Mpc, PlannerSettings
from wm_ros.robot.limits import JointLimits
from wm_ros.robot.robot import Robot
from wm_ros.safety import GateSettings, Measured, SafetyGate
from wm_ros.tasks import get_task
from wm_ros.types import Belief, NoValidPlan, Observation, Plan
from wm_ros.world_model import WorldModel


@dataclass(frozen=True)
class Result:
    """One evaluated episode."""

    seed: int
    success: bool
    time: float                 # [s] until the goal was held; the time limit on failure
    total_reward: float         # sum of the task's reward at the model's rate
    plan_ms: List[float]
    limited: int                # gate cycles that reshaped the command
    held: int                   # gate cycles that held
    moved: float                # [m] way of the subject


class ClosedLoop:
    """Runs episodes of one task with one model and one set of parameters by node."""

    def __init__(self, robot: Robot, task: str, model: WorldModel,
                 params: Mapping[str, Mapping[str, Any]]):
        self.robot, self.task, self.model = robot, get_task(task), model
        self.scene = make_scene('pybullet', robot, task)
        mpc = {name: value for name, value in params[MPC].items()
               if name.startswith(('planner.', 'objective.'))}
        self.settings = PlannerSettings.from_params(mpc)
        self._gate_settings = GateSettings.from_params(
            {name: value for name, value in params[SAFETY].items()
             if name.startswith('safety.')})
        self._limits = gate_limits(robot, params[SAFETY])
        rate = min(params[SENSOR]['observation_rate'], self.settings.rate)
        self._plan_every = max(1, round(1 / (rate * SUBSTEP)))
        self._gate_every = max(1, round(self._gate_settings.period / SUBSTEP))
        self._lag = round(self.settings.action_delay / SUBSTEP)
        self._step = round(robot.dt / SUBSTEP)

    def run(self, seed: int, watch=None) -> Result:
        """Return the result of the episode ``seed``; ``watch(scene, belief, plan)`` sees all."""
        scene = self.scene
        scene.reset(seed)
        mpc = Mpc(self.model, self.robot, self.task, self._settings_of(seed))
        gate = SafetyGate(self._limits, self._gate_settings,
                          (self.robot.gripper_min, self.robot.gripper_max))
        gate.reset(scene.arm.joint_positions, scene.arm.gripper_width)
        belief: Optional[Belief] = None
        newest: Optional[Plan] = None
        in_force: Optional[Plan] = None
        under_way: Deque[Tuple[int, Plan]] = deque()     # plans on their way to the gate
        sent = current = None
        figures = {'limited': 0, 'held': 0, 'moved': 0.0}
        plan_ms: List[float] = []
        place = scene.task.subject(scene.situation())[0]
        while not scene.done:
            n = scene.substeps
            if n % self._plan_every == 0:
                belief = self.model.observe(belief, self._observe(current))
                newest = self._plan(mpc, belief, newest)
                if newest is not None:
                    under_way.append((n + self._lag, newest))
                    plan_ms.append(newest.solve_time * 1e3)
                    if watch is not None:
                        watch(scene, belief, newest)
            while under_way and n >= under_way[0][0]:
                in_force = under_way.popleft()[1]
            if n % self._gate_every == 0:
                current, sent = sent, self._gate(gate, in_force, figures)
            scene.substep()
            if scene.substeps % self._step == 0:
                there = scene.task.subject(scene.situation())[0]
                figures['moved'] += float(np.linalg.norm(there - place))
                place = there
        elapsed = scene.time if scene.success else self.task.time_limit
        return Result(seed, scene.success, elapsed, scene.total_reward, plan_ms,
                      figures['limited'], figures['held'], figures['moved'])

    def _settings_of(self, seed) -> PlannerSettings:
        """Return the planner's settings with noise of the episode's own: episodes differ."""
        own = np.random.SeedSequence([self.settings.seed, seed]).generate_state(1)
        return replace(self.settings, seed=int(own[0]))

    def _plan(self, mpc, belief, previous) -> Optional[Plan]:
        """Return a plan, or None as the mpc node sends none: the gate then holds."""
        act_at = belief.stamp + self._lag * SUBSTEP
        try:
            return mpc.plan(belief, self.scene.goal, previous, act_at)
        except NoValidPlan:
            return None

    def _observe(self, current) -> Observation:
        arm = self.scene.arm
        return Observation(
            stamp=self.scene.time, joint_positions=arm.joint_positions,
            joint_velocities=arm.joint_velocities, joint_efforts=arm.joint_efforts,
            gripper_width=arm.gripper_width,
            commanded_positions=arm.joint_positions if current is None else current.positions,
            commanded_velocities=np.zeros(len(self.robot.joint_names))
            if current is None else current.velocities,
            commanded_gripper=None if current is None else current.gripper,
            object_poses=self.scene.object_poses)

    def _gate(self, gate, plan, figures):
        arm = self.scene.arm
        command, status = gate.step(self.scene.time, plan, Measured(
            self.scene.time, arm.joint_positions, arm.joint_velocities))
        figures['limited'] += status.code.name == 'LIMITED'
        figures['held'] += command.hold
        arm.set_target(command.positions, command.velocities, command.gripper)
        return command

    def close(self):
        """End the physics."""
        self.scene.close()


def gate_limits(robot: Robot, params: Mapping[str, Any]) -> JointLimits:
    """Return the robot's limits with the ``joint_limits`` of the safety node's parameters."""
    entries = robot.limits.entries()
    for name, value in params.items():
        if name.startswith('joint_limits.'):
            joint, _, key = name[len('joint_limits.'):].rpartition('.')
            entries.setdefault(joint, {})[key] = value
    return robot.limits.override(entries)
