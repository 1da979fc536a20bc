"""The scene in a PyBullet world of its own."""

import numpy as np
from sim.engines.bullet_arm import BulletArm
from sim.quiet import pybullet, quiet
from sim.scene import Scene, SUBSTEP
from wm_ros.robot.robot import Robot

_AWAY = (0.0, 0.0, 50.0, 0.0, 0.0, 0.0, 1.0)    # where a body touches nothing


class BulletScene(Scene):
    """The scene in PyBullet's rigid body physics."""

    def __init__(self, robot: Robot, task_name: str, randomization=None):
        super().__init__(robot, task_name, randomization)
        self.client = pybullet.connect(pybullet.DIRECT)
        pybullet.setPhysicsEngineParameter(
            fixedTimeStep=SUBSTEP, numSolverIterations=50, deterministicOverlappingPairs=1,
            physicsClientId=self.client)
        pybullet.setGravity(0, 0, -9.81, physicsClientId=self.client)
        plane = pybullet.createCollisionShape(pybullet.GEOM_PLANE, physicsClientId=self.client)
        self.table = pybullet.createMultiBody(0, plane, physicsClientId=self.client)
        with quiet():
            self.arm = BulletArm(robot, self.client)
        self._strangers = []            # (BoxSpec, body) of what was spawned
        self.objects, self._shapes = [], None
        # Contacts of the last episode would linger in the solver: go back to a clean state,
        # one that has been stepped, since the first step of all creates the motors.
        pybullet.stepSimulation(physicsClientId=self.client)
        self._empty = self._clean = pybullet.saveState(physicsClientId=self.client)
        self._set_up()

    def _configure(self, conditions):
        physics = conditions.physics
        pybullet.setGravity(0, 0, -physics.gravity, physicsClientId=self.client)
        pybullet.changeDynamics(self.table, -1, lateralFriction=physics.table_friction,
                                physicsClientId=self.client)
        self.arm.configure(physics)
        for body, box in zip(self.objects, conditions.boxes):
            self._weigh(body, box.mass, box.friction)

    def _furnish(self):
        """Have bodies of this episode's shapes."""
        shapes = [(box.shape, box.size) for box in self.boxes]
        if shapes == self._shapes:
            return
        for body in self.objects:
            pybullet.removeBody(body, physicsClientId=self.client)
        if self._clean != self._empty:
            pybullet.removeState(self._clean, physicsClientId=self.client)
        pybullet.restoreState(self._empty, physicsClientId=self.client)
        self.objects = [self._add_box(box) for box in self.boxes]
        for body in self.objects:
            self._put(body, _AWAY)
        self._clean = pybullet.saveState(physicsClientId=self.client)
        self._shapes = shapes

    def _add_box(self, box):
        if box.shape == 'cylinder':
            kind, size = pybullet.GEOM_CYLINDER, {'radius': box.size[0] / 2}
            shape = pybullet.createCollisionShape(kind, height=box.size[2], **size,
                                                  physicsClientId=self.client)
        else:
            shape = pybullet.createCollisionShape(
                pybullet.GEOM_BOX, halfExtents=[edge / 2 for edge in box.size],
                physicsClientId=self.client)
        body = pybullet.createMultiBody(box.mass, shape, -1, physicsClientId=self.client)
        self._weigh(body, box.mass, box.friction)
        return body

    def _weigh(self, body, mass, friction):
        pybullet.changeDynamics(body, -1, mass=mass, lateralFriction=friction,
                                spinningFriction=0.001, physicsClientId=self.client)

    def spawn(self, box, pose, velocity=(0.0, 0.0, 0.0)):
        """Add an object; see Scene."""
        body = self._add_box(box)
        self._strangers.append((box, body))
        self._put(body, pose, velocity)

    @property
    def spawned(self):
        """What was added in this episode, and where it is."""
        return [(box, self._pose(body)) for box, body in self._strangers]

    def move(self, index, pose, velocity=(0.0, 0.0, 0.0), spin=(0.0, 0.0, 0.0)):
        """Put an object elsewhere; see Scene."""
        self._put(self.objects[index], pose, velocity, spin)

    def scale(self, index, mass=1.0, friction=1.0):
        """Change an object's mass and friction; see Scene."""
        box = self.boxes[index]
        self._weigh(self.objects[index], mass * box.mass, friction * box.friction)

    def _put(self, body, pose, velocity=(0.0, 0.0, 0.0), spin=(0.0, 0.0, 0.0)):
        pybullet.resetBasePositionAndOrientation(body, pose[:3], pose[3:],
                                                 physicsClientId=self.client)
        pybullet.resetBaseVelocity(body, velocity, spin, physicsClientId=self.client)

    def _pose(self, body):
        position, quaternion = pybullet.getBasePositionAndOrientation(
            body, physicsClientId=self.client)
        return np.array(position + quaternion)

    def _place(self, joint_positions, gripper_width, object_poses):
        while self._strangers:
            pybullet.removeBody(self._strangers.pop()[1], physicsClientId=self.client)
        self._furnish()
        for body, box in zip(self.objects, self.boxes):
            self._weigh(body, box.mass, box.friction)
        pybullet.restoreState(self._clean, physicsClientId=self.client)
        self._put(self.table, [0, 0, self.conditions.scenery.table_height, 0, 0, 0, 1])
        self.arm.reset(joint_positions, gripper_width)
        # Contacts of the episode before are remembered where a body is put next to its old place:
        # once seen out of reach, it comes without them, and a seed always gives the same episode.
        for body in self.objects:
            self._put(body, _AWAY)
        pybullet.performCollisionDetection(physicsClientId=self.client)
        for body, pose in zip(self.objects, object_poses):
            self._put(body, pose)

    def _advance(self):
        pybullet.stepSimulation(physicsClientId=self.client)
        self.arm.refresh()

    @property
    def object_poses(self):
        """Poses of the objects [M, 7]."""
        return np.array([self._pose(body) for body in self.objects]).reshape(-1, 7)

    @property
    def object_velocities(self):
        """Linear velocities of the objects [M, 3] m/s."""
        return np.array([pybullet.getBaseVelocity(body, physicsClientId=self.client)[0]
                         for body in self.objects]).reshape(-1, 3)

    def arm_distance(self, centre, lengths, within: float = 0.3) -> float:
        """
        Return how far [m] the arm's geometry is from a box that is not there, at most ``within``.

        Below 0 inside of it.  ``centre``, ``lengths`` [3] m.
        """
        shape = pybullet.createCollisionShape(
            pybullet.GEOM_BOX, halfExtents=[edge / 2 for edge in lengths],
            physicsClientId=self.client)
        box = pybullet.createMultiBody(0, shape, -1, list(centre), physicsClientId=self.client)
        pybullet.setCollisionFilterGroupMask(box, -1, 0, 0, physicsClientId=self.client)
        points = pybullet.getClosestPoints(self.arm.body, box, within,
                                           physicsClientId=self.client)
        pybullet.removeBody(box, physicsClientId=self.client)
        return min((point[8] for point in points), default=within)

    def close(self):
        """Disconnect from PyBullet."""
        if self.client >= 0:
            pybullet.disconnect(physicsClientId=self.client)
            self.client = -1
