"""Steps of the model's length on a scene: action in, exactly the live arm's motion out."""

from collections import deque

import numpy as np
from sim.scene import Scene, SUBSTEP
from sim.sensors.senses import Seen
from sim.tasks.base import from_table
from wm_ros.robot.feasible import Follower
from wm_ros.robot.motion import hermite, MotionRule
from wm_ros.types import Observation


class Stepper:
    """
    Executes actions as the running graph does, ``delay`` [s] after the observation.

    The setpoint moves by ``MotionRule``, inverse kinematics gives joint knots, which the
    joints' limits may hold back, and cubics run between them.  With a delay, what is executed
    lags behind what was ordered: the observation after a step was taken before that step's
    last motions came through.
    """

    def __init__(self, scene: Scene, delay: float = 0.0):
        self.scene, self.robot = scene, scene.robot
        self.rule = MotionRule.of(scene.robot)
        self._follower = Follower(scene.kinematics)
        self.substeps = round(self.robot.dt / SUBSTEP)
        self.lag = round(delay / SUBSTEP)
        self._times = (np.arange(self.substeps) + 1) * SUBSTEP

    def reset(self, seed: int) -> Observation:
        """Begin the episode of ``seed``; return the first observation."""
        self.scene.reset(seed)
        # As they were before anything moved: what comes late is not there yet.
        self._seen = Seen(self.scene.time, self.scene.object_poses)
        q = self.scene.arm.joint_positions
        self._knot = (q, np.zeros_like(q))
        # Setpoint of the newest knot.
        self.ordered, self.ordered_velocity = self.scene.kinematics.setpoint(*self._knot)
        self._command = self._knot
        self.gripper = self.scene.arm.gripper_width
        self._commanded_gripper = self.gripper
        self._queue = deque([(*self._knot, self.gripper)] * self.lag)
        return self.observe()

    def step(self, action) -> Observation:
        """Order ``action`` [A], let one model step pass, return what is seen then."""
        robot = self.robot
        if not np.isfinite(action).all():
            raise ValueError(f'action: expected finite numbers, got {action}')
        x, v = self.rule.advance(
            self.ordered, self.ordered_velocity, np.asarray(action, dtype=float)[:4])
        path, rates = self._follower.follow(*self._knot, x[None], v[None])
        positions, velocities = hermite(*self._knot, path[0], rates[0], robot.dt, self._times)
        self._knot = (path[0], rates[0])
        # As the graph: each plan begins where the command really is.
        self.ordered, self.ordered_velocity = self.scene.kinematics.setpoint(*self._knot)
        before, share = self.gripper, self._times / robot.dt
        self.gripper = float(self.rule.grip(before, action[4]))
        widths = before + share * (self.gripper - before)       # as a plan is executed
        self._queue.extend(zip(positions, velocities, widths.tolist()))
        for _ in range(self.substeps):
            *self._command, self._commanded_gripper = self._queue.popleft()
            self.scene.actuators.set_target(*self._command, self._commanded_gripper)
            self.scene.substep()
        return self.observe()

    def observe(self) -> Observation:
        """Return what the sensors say now."""
        senses, seen, now = self.scene.senses, self.scene.senses.objects(), self.scene.time
        self._seen = seen or self._seen
        return Observation(
            stamp=now, joint_positions=senses.joint_positions,
            joint_velocities=senses.joint_velocities, joint_efforts=senses.joint_efforts,
            gripper_width=senses.gripper_width, commanded_positions=self._command[0],
            commanded_velocities=self._command[1], commanded_gripper=self._commanded_gripper,
            object_poses=self._seen.poses, wrench=senses.wrench,
            ages={'object_poses': now - self._seen.time},
            valid={'joint_states': True, 'object_poses': True})

    def expert(self):
        """Return what the task's script would do now [A]."""
        situation = self.scene.situation(self.ordered, self.ordered_velocity, self.gripper)
        height = self.scene.conditions.scenery.table_height
        return self.scene.task.expert(from_table(situation, height), self.robot.max_linear_speed)

    def reward(self) -> float:
        """Return the task's reward of the present moment."""
        return self.scene.task.reward(self.scene.situation())
