"""A position-controlled arm in MuJoCo, behaving as a ros2_control robot does."""

import mujoco
import numpy as np
from sim.engines.mujoco_model import SENSED
from sim.engines.wrist import FINGER_FORCE, Wrist
from sim.randomize import Physics
from wm_ros.robot.robot import Robot

_BANDWIDTH = 80.0           # [rad/s] of the joints' controllers, critically damped
_FINGER_BANDWIDTH = 60.0


class MujocoArm:
    """
    The arm of ``robot`` in the scene's ``model`` and ``data``; N joints, SI units.

    Joints are driven as arms' own controllers do it: by computed torque (Luh et al. 1980),
    gravity compensated, within the efforts of the URDF.
    """

    def __init__(self, robot: Robot, model, data):
        self.robot = robot
        #: [rad/s] of the joints' controllers.
        self.bandwidth = _BANDWIDTH
        self._physics, self._wrist = Physics(), Wrist()
        self.bind(model, data)
        self.reset(robot.home, robot.gripper_min)

    def bind(self, model, data):
        """Live in ``model`` and ``data`` from now on."""
        self._model, self._data = model, data
        names = self.robot.joint_names, self.robot.gripper_joint_names
        self._joints, self._fingers = (
            np.array([model.joint(name).dofadr[0] for name in group], dtype=int)
            for group in names)
        self._q, self._finger_q = (
            np.array([model.joint(name).qposadr[0] for name in group], dtype=int)
            for group in names)
        self._sensors = [model.sensor(name).adr[0] + np.arange(3) for name in SENSED]
        self._wanted, self._torque = np.zeros((2, model.nv))    # accelerations, their causes
        self.configure(self._physics)

    def configure(self, physics: Physics):
        """Take up what concerns the joints and their motors."""
        self._physics = physics
        self.bandwidth = _BANDWIDTH * physics.motor_gain
        self._limit = physics.motor_effort * np.array(self.robot.limits.effort)
        self._model.dof_damping[self._joints] = physics.joint_damping
        self._model.dof_frictionloss[self._joints] = physics.joint_friction

    def reset(self, positions, gripper_width):
        """Put the arm at ``positions`` [N] rad and ``gripper_width`` [m], at rest."""
        self._data.qpos[self._q] = positions
        self._data.qpos[self._finger_q] = gripper_width / max(len(self._fingers), 1)
        self.set_target(positions, np.zeros(len(self._joints)), gripper_width)
        self._wrist.clear()

    def set_target(self, positions, velocities, gripper_width):
        """Drive the joints to ``positions`` [N] rad moving at ``velocities`` [N] rad/s."""
        self._target = np.array(positions, dtype=float), np.array(velocities, dtype=float)
        self._finger_target = gripper_width / max(len(self._fingers), 1)

    def drive(self):
        """Apply the controllers' torques; to be called before each step of the physics."""
        model, data, wide = self._model, self._data, self.bandwidth
        error = self._target[0] - data.qpos[self._q]
        rate = self._target[1] - data.qvel[self._joints]
        self._wanted[self._joints] = wide ** 2 * error + 2 * wide * rate
        mujoco.mj_mulM(model, data, self._torque, self._wanted)
        torque = self._torque[self._joints] + data.qfrc_bias[self._joints]
        data.qfrc_applied[self._joints] = np.clip(torque, -self._limit, self._limit)
        if len(self._fingers):
            self._drive_fingers()

    def _drive_fingers(self):
        model, data, wide = self._model, self._data, _FINGER_BANDWIDTH
        weight = model.dof_armature[self._fingers]
        force = weight * (wide ** 2 * (self._finger_target - data.qpos[self._finger_q])
                          - 2 * wide * data.qvel[self._fingers])
        data.qfrc_applied[self._fingers] = (
            np.clip(force, -FINGER_FORCE, FINGER_FORCE) + data.qfrc_bias[self._fingers])

    def refresh(self):
        """Take in what the force sensor feels; to be called after each substep."""
        self._wrist.feel(np.concatenate([self._data.sensordata[at] for at in self._sensors]))

    @property
    def joint_positions(self):
        """Measured positions [N] rad."""
        return self._data.qpos[self._q]

    @property
    def joint_velocities(self):
        """Measured velocities [N] rad/s."""
        return self._data.qvel[self._joints]

    @property
    def joint_efforts(self):
        """Motor torques applied in the last substep [N] N m; 0 before the first."""
        if self._wrist.untouched:
            return np.zeros(len(self._joints))
        return self._data.qfrc_applied[self._joints]

    @property
    def gripper_width(self):
        """Measured distance between the fingers [m]."""
        return float(self._data.qpos[self._finger_q].sum())

    @property
    def wrench(self):
        """Reaction force and torque [6] N, N m at the last joint; see ``BulletArm.wrench``."""
        return self._wrist.wrench
