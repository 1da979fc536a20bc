"""The scene in a PyBullet world of its own."""

import numpy as np
from sim.bullet_arm import BulletArm
from sim.quiet import pybullet, quiet
from sim.scene import Scene, SUBSTEP
from wm_ros.robot.robot import Robot


class BulletScene(Scene):
    """The scene in PyBullet's rigid body physics."""

    def __init__(self, robot: Robot, task_name: str):
        super().__init__(robot, task_name)
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
            self.arm = BulletArm(robot, self.client)
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

    def _place(self, joint_positions, gripper_width, object_poses):
        pybullet.restoreState(self._clean, physicsClientId=self.client)
        self.arm.reset(joint_positions, gripper_width)
        for body, pose in zip(self.objects, object_poses):
            pybullet.resetBasePositionAndOrientation(body, pose[:3], pose[3:],
                                                     physicsClientId=self.client)
            pybullet.resetBaseVelocity(body, [0, 0, 0], [0, 0, 0], physicsClientId=self.client)

    def _advance(self):
        pybullet.stepSimulation(physicsClientId=self.client)
        self.arm.refresh()

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

    def close(self):
        """Disconnect from PyBullet."""
        if self.client >= 0:
            pybullet.disconnect(physicsClientId=self.client)
            self.client = -1
