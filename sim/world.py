"""A scene whose arm obeys commands, advanced substep by substep along one timeline."""

import math

import numpy as np
from sim.controller import TrajectoryFollower
from sim.scene import Scene, SUBSTEP
from wm_ros.robot.robot import Robot

#: Simulated time begins here: 0 means "no time" in ROS.
FIRST = 240     # substeps


class World:
    """
    ``scene`` with an arm and a gripper controller; time goes on through resets.

    ``substeps`` counts from the start of the process; the controllers' times are those of
    the episode, so that equal episodes are equal to the last bit.
    """

    def __init__(self, scene: Scene, robot: Robot, timeout: float):
        self.scene, self.robot = scene, robot
        self.substeps = FIRST
        self.arm = TrajectoryFollower(scene.arm.joint_positions, timeout)
        # Fingers go on pressing on what they hold, as grippers do.
        self.gripper = TrajectoryFollower(self._fingers(), math.inf)
        self._target = None

    @property
    def time(self) -> float:
        """Time [s] of the simulation."""
        return self.substeps * SUBSTEP

    def moment(self, time: float) -> float:
        """Return the episode's time [s] of a simulated time [s]."""
        return time - self.time + self.scene.time

    def reset(self, seed: int):
        """Begin the episode of ``seed``: the arm is there at once, and stands."""
        self.scene.reset(seed)
        self.arm.reset(self.scene.arm.joint_positions)
        self.gripper.reset(self._fingers())

    def advance(self, substeps: int):
        """Advance until ``substeps`` have passed since the start."""
        scene = self.scene
        while self.substeps < substeps:
            time = scene.time
            target = self.arm.setpoint(time, self._joints) + self.gripper.setpoint(
                time, self._fingers)
            # Standing still costs nothing: a target that stays need not be set again.
            if (self._target is None or not scene.actuators.plain
                    or any(a is not b for a, b in zip(target, self._target))):
                self._target = target
                scene.actuators.set_target(target[0], target[1], float(target[2].sum()))
            scene.substep()
            self.substeps += 1

    def _joints(self):
        return self.scene.senses.joint_positions

    def _fingers(self):
        count = len(self.robot.gripper_joint_names)
        return np.full(count, self.scene.senses.gripper_width / max(count, 1))


class Schedule:
    """Substeps at which something happens ``rate`` [Hz] times a second, as evenly as can be."""

    def __init__(self, rate: float):
        self._period = 1.0 / (rate * SUBSTEP) if rate else math.inf
        self.restart(FIRST)

    def restart(self, substeps: int):
        """Begin anew: it is time at ``substeps``."""
        self._first, self._count = substeps, 0
        self.next = substeps if self._period < math.inf else math.inf

    def due(self, substeps: int) -> bool:
        """Return whether it is time, and if so look forward to the next."""
        if substeps < self.next:
            return False
        while self.next <= substeps:
            self._count += 1
            self.next = self._first + math.ceil(self._count * self._period - 1e-9)
        return True
