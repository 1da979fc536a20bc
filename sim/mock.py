"""Mock hardware: an arm that is at once where it is told to be, without any physics."""

import numpy as np
from sim.tasks import Judge, make_task, Situation
from wm_ros.robot.kinematics import Kinematics
from wm_ros.robot.robot import Robot

SUBSTEP = 1.0 / 240.0       # [s], as of the physics
_CHECK_EVERY = 6            # substeps between judgements of success


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


class MockScene:
    """The part of ``sim.scene.Scene`` that the robot node uses; objects stay where they are."""

    def __init__(self, robot: Robot, task_name: str):
        self.robot, self.task = robot, make_task(task_name)
        self._judge = Judge(self.task)
        self.kinematics = Kinematics(robot)
        self.arm = MockArm(robot)
        self.reset(0)

    def reset(self, seed: int):
        """Begin the episode that ``seed`` stands for, which is that of the physics."""
        self.seed = int(seed)
        start = self.task.sample(np.random.default_rng(self.seed))
        still = np.zeros(12)
        path, _ = self.kinematics.follow(
            self.robot.home, np.tile(start.end_effector, (12, 1)), still,
            np.zeros((12, 3)), still)
        self.arm.reset(path[-1], start.gripper_width)
        self.object_poses = np.array(start.object_poses).reshape(-1, 7)
        self.goal = start.goal
        self.substeps = 0
        self._judge.reset()

    def substep(self):
        """Advance by 1/240 s and, now and then, judge success."""
        self.arm.follow()
        self.substeps += 1
        if self.substeps % _CHECK_EVERY == 0 and not self.success:
            self._judge.look(self.time, self.situation())

    @property
    def time(self) -> float:
        """Time since the episode began [s]."""
        return self.substeps * SUBSTEP

    @property
    def success(self) -> bool:
        """Whether the goal was held for long enough; stays so until the next episode."""
        return self._judge.success

    @property
    def timeout(self) -> bool:
        """Whether the task's time is over."""
        return self.time >= self.task.spec.time_limit - 1e-9

    @property
    def done(self) -> bool:
        """Whether the episode has ended, in success or by time."""
        return self.success or self.timeout

    @property
    def distance(self) -> float:
        """Distance of the task's subject from the goal [m]."""
        return self.task.distance(self.situation())

    def situation(self) -> Situation:
        """Return the truth now."""
        q, dq = self.arm.joint_positions, self.arm.joint_velocities
        position, _ = self.kinematics.forward(q)
        velocity = self.kinematics.jacobian(q)[:3] @ dq
        return Situation(
            end_effector=position, end_effector_velocity=velocity, setpoint=position,
            setpoint_velocity=velocity, object_poses=self.object_poses,
            object_velocities=np.zeros((len(self.object_poses), 3)), goal=self.goal)

    def close(self):
        """Do nothing: there is nothing to disconnect from."""
