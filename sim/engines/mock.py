"""Mock hardware: an arm that is at once where it is told to be, without any physics."""

import numpy as np
from sim.scene import Scene, SUBSTEP
from wm_ros.robot.robot import Robot


class MockArm:
    """A kinematic echo of the arm: what is commanded is what is measured one substep later."""

    def __init__(self, robot: Robot):
        self.robot = robot
        self.reset(robot.home, robot.gripper_min)

    def reset(self, positions, gripper_width: float):
        """Put the arm at ``positions`` [N] rad and ``gripper_width`` [m], at rest."""
        self.joint_positions = np.array(positions, dtype=float)
        self.joint_velocities = np.zeros(len(self.joint_positions))
        self.gripper_width = float(gripper_width)
        self._target = (self.joint_positions, self.gripper_width)

    def set_target(self, positions, velocities, gripper_width: float):
        """Go to ``positions`` [N] rad and ``gripper_width`` [m] in the next substep."""
        self._target = (np.array(positions, dtype=float), float(gripper_width))

    def follow(self):
        """Let a substep pass."""
        positions, self.gripper_width = self._target
        self.joint_velocities = (positions - self.joint_positions) / SUBSTEP
        self.joint_positions = positions

    @property
    def joint_efforts(self):
        """Zero: there is no load [N] N m."""
        return np.zeros(len(self.joint_positions))

    @property
    def wrench(self):
        """Zero [6] N, N m."""
        return np.zeros(6)


class MockScene(Scene):
    """The scene without physics; objects stay where they are."""

    def __init__(self, robot: Robot, task_name: str, randomization=None):
        super().__init__(robot, task_name, randomization)
        self.arm, self.spawned = MockArm(robot), []
        self._set_up()

    def _configure(self, conditions):
        """Do nothing: there is no physics."""

    @property
    def object_velocities(self):
        """Zero [M, 3] m/s."""
        return np.zeros((len(self.object_poses), 3))

    def _place(self, joint_positions, gripper_width, object_poses):
        self.arm.reset(joint_positions, gripper_width)
        self.object_poses = np.array(object_poses).reshape(-1, 7)
        self.spawned = []

    def spawn(self, box, pose, velocity=(0.0, 0.0, 0.0)):
        """Add an object; it stays where it is put."""
        self.spawned.append((box, np.array(pose, dtype=float)))

    def move(self, index, pose, velocity=(0.0, 0.0, 0.0), spin=(0.0, 0.0, 0.0)):
        """Put an object elsewhere; it stays there."""
        self.object_poses[index] = pose

    def scale(self, index, mass=1.0, friction=1.0):
        """Do nothing: without physics nothing has weight."""

    def _advance(self):
        self.arm.follow()

    def close(self):
        """Do nothing: there is nothing to end."""
