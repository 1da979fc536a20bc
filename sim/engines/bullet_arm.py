"""A position-controlled arm in PyBullet, behaving as a ros2_control robot does."""

import numpy as np
from sim.engines.wrist import FINGER_FORCE, Wrist
from sim.quiet import pybullet
from sim.randomize import Physics
from wm_ros.robot.robot import Robot
from wm_ros.types import WmRosError

_POSITION_GAIN = 0.12       # share of the position error corrected per substep
_VELOCITY_GAIN = 1.0


class BulletArm:
    """The arm of ``robot`` in the PyBullet world ``client``; N joints, SI units."""

    def __init__(self, robot: Robot, client: int):
        self.robot, self.client = robot, client
        self.body = pybullet.loadURDF(str(robot.urdf), useFixedBase=True,
                                      physicsClientId=client)
        index = {}
        for i in range(pybullet.getNumJoints(self.body, physicsClientId=client)):
            info = pybullet.getJointInfo(self.body, i, physicsClientId=client)
            index[info[1].decode()] = i
        missing = [n for n in robot.joint_names + robot.gripper_joint_names if n not in index]
        if missing:
            raise WmRosError(f'{robot.urdf}: PyBullet finds no joint {", ".join(missing)}')
        self.joints = [index[name] for name in robot.joint_names]
        self.fingers = [index[name] for name in robot.gripper_joint_names]
        self._sensor = self.joints[-1]
        pybullet.enableJointForceTorqueSensor(self.body, self._sensor, True,
                                              physicsClientId=client)
        self._couple_fingers()
        for joint in range(-1, len(index)):
            # The URDF carries no damping of its own; PyBullet's default would add some.
            pybullet.changeDynamics(self.body, joint, linearDamping=0, angularDamping=0,
                                    physicsClientId=client)
        for finger in self.fingers:
            pybullet.changeDynamics(self.body, finger, spinningFriction=0.02,
                                    physicsClientId=client)
        self._links = {link: pybullet.getDynamicsInfo(self.body, link, physicsClientId=client)
                       for link in range(-1, len(index))}
        self._physics = None
        self.configure(Physics())
        self._states, self._wrist = None, Wrist()
        self.reset(robot.home, robot.gripper_min)

    def configure(self, physics: Physics):
        """
        Take up what concerns the arm.

        Friction and damping of joints take away from their motors' efforts: the motors are
        constraints, which leave nothing of them otherwise; and PyBullet's own damping is explicit,
        and drives light wrists apart.
        """
        if physics == self._physics:
            return
        self._physics, client = physics, self.client
        for finger in self.fingers:
            pybullet.changeDynamics(self.body, finger, lateralFriction=physics.finger_friction,
                                    physicsClientId=client)
        for link, info in self._links.items():
            pybullet.changeDynamics(
                self.body, link, mass=physics.link_mass * info[0],
                localInertiaDiagonal=[physics.link_mass * x for x in info[2]],
                physicsClientId=client)
        self._efforts = physics.motor_effort * self.robot.limits.effort - physics.joint_friction
        self._gain = min(1.0, physics.motor_gain)

    def _couple_fingers(self):
        """Tie the fingers to each other: PyBullet ignores the URDF's mimic tag."""
        if len(self.fingers) != 2:
            return
        gear = pybullet.createConstraint(
            self.body, self.fingers[0], self.body, self.fingers[1], pybullet.JOINT_GEAR,
            [1, 0, 0], [0, 0, 0], [0, 0, 0], physicsClientId=self.client)
        pybullet.changeConstraint(gear, gearRatio=-1, erp=0.1, maxForce=50,
                                  physicsClientId=self.client)

    def reset(self, positions, gripper_width):
        """Put the arm at ``positions`` [N] rad and ``gripper_width`` [m], at rest."""
        for joint, position in zip(self.joints, positions):
            pybullet.resetJointState(self.body, joint, position, 0.0,
                                     physicsClientId=self.client)
        for finger in self.fingers:
            pybullet.resetJointState(self.body, finger, gripper_width / len(self.fingers), 0.0,
                                     physicsClientId=self.client)
        self._states = None         # or the last episode's velocities would cost motors effort
        self.set_target(positions, np.zeros(len(self.joints)), gripper_width)
        self._wrist.clear()

    def set_target(self, positions, velocities, gripper_width):
        """Drive the joints to ``positions`` [N] rad moving at ``velocities`` [N] rad/s."""
        count = len(self.joints)
        pybullet.setJointMotorControlArray(
            self.body, self.joints, pybullet.POSITION_CONTROL, targetPositions=positions,
            targetVelocities=velocities, forces=self._left(),
            positionGains=[self._gain * _POSITION_GAIN] * count,
            velocityGains=[self._gain * _VELOCITY_GAIN] * count,
            physicsClientId=self.client)
        if self.fingers:
            share = len(self.fingers)
            pybullet.setJointMotorControlArray(
                self.body, self.fingers, pybullet.POSITION_CONTROL,
                targetPositions=[gripper_width / share] * share,
                forces=[FINGER_FORCE] * share, physicsClientId=self.client)

    def _left(self):
        """Return the efforts [N] N m that friction and damping leave to the motors."""
        damping = self._physics.joint_damping
        lost = damping * np.abs(self.joint_velocities) if damping else 0.0
        return np.maximum(self._efforts - lost, 0.0)

    def refresh(self):
        """Forget what was read; to be called after each substep."""
        self._states = None
        self._wrist.feel(pybullet.getJointState(self.body, self._sensor,
                                                physicsClientId=self.client)[2])

    def _read(self):
        if self._states is None:
            self._states = pybullet.getJointStates(
                self.body, self.joints + self.fingers, physicsClientId=self.client)
        return self._states

    @property
    def joint_positions(self):
        """Measured positions [N] rad."""
        return np.array([s[0] for s in self._read()[:len(self.joints)]])

    @property
    def joint_velocities(self):
        """Measured velocities [N] rad/s."""
        return np.array([s[1] for s in self._read()[:len(self.joints)]])

    @property
    def joint_efforts(self):
        """Motor torques applied in the last substep [N] N m; 0 before the first."""
        if self._wrist.untouched:      # PyBullet still shows those of the last episode
            return np.zeros(len(self.joints))
        return np.array([s[3] for s in self._read()[:len(self.joints)]])

    @property
    def gripper_width(self):
        """Measured distance between the fingers [m]."""
        return float(sum(s[0] for s in self._read()[len(self.joints):]))

    @property
    def wrench(self):
        """
        Reaction force and torque [6] N, N m at the last joint, along its frame's axes; 0 at first.

        The torque is about the last link's centre of mass, as PyBullet has it.
        Filtered, see ``Wrist``.
        """
        return self._wrist.wrench
