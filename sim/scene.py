"""One arm at a table with a task, in a PyBullet world of its own."""

import numpy as np
from sim.arm import Arm
from sim.quiet import pybullet, quiet
from sim.tasks import Judge, make_task, Situation
from wm_ros.robot.kinematics import Kinematics
from wm_ros.robot.robot import Robot

SUBSTEP = 1.0 / 240.0           # [s]
_CHECK_EVERY = 6                # substeps between judgements of success (40 Hz)


class Scene:
    """
    The simulated world: ``reset`` draws an episode, ``substep`` advances it by 1/240 s.

    The same seed gives the same episode.  All poses are in the robot's base frame.
    """

    def __init__(self, robot: Robot, task_name: str):
        self.robot, self.task = robot, make_task(task_name)
        self._judge = Judge(self.task)
        self.kinematics = Kinematics(robot)
        self.client = pybullet.connect(pybullet.DIRECT)
        pybullet.setPhysicsEngineParameter(
            fixedTimeStep=SUBSTEP, numSolverIterations=50, deterministicOverlappingPairs=1,
            physicsClientId=self.client)
        pybullet.setGravity(0, 0, -9.81, physicsClientId=self.client)
        plane = pybullet.createCollisionShape(pybullet.GEOM_PLANE, physicsClientId=self.client)
        self.table = pybullet.createMultiBody(0, plane, physicsClientId=self.client)
        pybullet.changeDynamics(self.table, -1, lateralFriction=1.0,
                                physicsClientId=self.client)
        with quiet():
            self.arm = Arm(robot, self.client)
        self.objects = [self._add_box(box) for box in self.task.boxes]
        for i, body in enumerate(self.objects):
            pybullet.resetBasePositionAndOrientation(body, [0.5, 0.2 * i, 0.5], [0, 0, 0, 1],
                                                     physicsClientId=self.client)
        # Contacts of the last episode would linger in the solver: go back to a clean state,
        # one that has been stepped, since the first step of all creates the motors.
        pybullet.stepSimulation(physicsClientId=self.client)
        self._clean = pybullet.saveState(physicsClientId=self.client)
        self.reset(0)

    def _add_box(self, box):
        half = [edge / 2 for edge in box.size]
        shape = pybullet.createCollisionShape(pybullet.GEOM_BOX, halfExtents=half,
                                              physicsClientId=self.client)
        visual = pybullet.createVisualShape(pybullet.GEOM_BOX, halfExtents=half,
                                            rgbaColor=box.colour, physicsClientId=self.client)
        body = pybullet.createMultiBody(box.mass, shape, visual, physicsClientId=self.client)
        pybullet.changeDynamics(body, -1, lateralFriction=box.friction, spinningFriction=0.001,
                                physicsClientId=self.client)
        return body

    def reset(self, seed: int):
        """Begin the episode that ``seed`` stands for."""
        self.seed = int(seed)
        start = self.task.sample(np.random.default_rng(self.seed))
        pybullet.restoreState(self._clean, physicsClientId=self.client)
        self.arm.reset(self._reach(start.end_effector), start.gripper_width)
        for body, object_pose in zip(self.objects, start.object_poses):
            pybullet.resetBasePositionAndOrientation(
                body, object_pose[:3], object_pose[3:], physicsClientId=self.client)
            pybullet.resetBaseVelocity(body, [0, 0, 0], [0, 0, 0], physicsClientId=self.client)
        self.goal = start.goal
        self.substeps = 0
        self._judge.reset()

    def _reach(self, position):
        """Return joint positions [N] with the end effector at ``position`` [3]."""
        zero = np.zeros((12, 3))
        path, _ = self.kinematics.follow(
            self.robot.home, np.tile(position, (12, 1)), np.zeros(12), zero, np.zeros(12))
        return path[-1]

    def substep(self):
        """Advance the physics by 1/240 s and, now and then, judge success."""
        pybullet.stepSimulation(physicsClientId=self.client)
        self.arm.refresh()
        self.substeps += 1
        if self.substeps % _CHECK_EVERY == 0 and not self.success:
            self._judge.look(self.time, self.situation())

    @property
    def time(self):
        """Time since the episode began [s]."""
        return self.substeps * SUBSTEP

    @property
    def success(self):
        """Whether the goal was held for long enough; stays so until the next episode."""
        return self._judge.success

    @property
    def timeout(self):
        """Whether the task's time is over."""
        return self.time >= self.task.spec.time_limit - 1e-9

    @property
    def done(self):
        """Whether the episode has ended, in success or by time."""
        return self.success or self.timeout

    @property
    def distance(self):
        """Distance of the task's subject from the goal [m]."""
        return self.task.distance(self.situation())

    @property
    def object_poses(self):
        """Poses of the objects [M, 7]."""
        poses = [pybullet.getBasePositionAndOrientation(body, physicsClientId=self.client)
                 for body in self.objects]
        return np.array([p + q for p, q in poses]).reshape(-1, 7)

    @property
    def object_velocities(self):
        """Linear velocities of the objects [M, 3] m/s."""
        return np.array([pybullet.getBaseVelocity(body, physicsClientId=self.client)[0]
                         for body in self.objects]).reshape(-1, 3)

    def situation(self, setpoint=None, setpoint_velocity=None) -> Situation:
        """Return the truth now; without a setpoint given, it is taken to be where the arm is."""
        q, dq = self.arm.joint_positions, self.arm.joint_velocities
        position, _ = self.kinematics.forward(q)
        velocity = self.kinematics.jacobian(q)[:3] @ dq
        return Situation(
            end_effector=position, end_effector_velocity=velocity,
            setpoint=position if setpoint is None else setpoint,
            setpoint_velocity=velocity if setpoint_velocity is None else setpoint_velocity,
            object_poses=self.object_poses, object_velocities=self.object_velocities,
            goal=self.goal)

    def close(self):
        """Disconnect from PyBullet."""
        if self.client >= 0:
            pybullet.disconnect(physicsClientId=self.client)
            self.client = -1
