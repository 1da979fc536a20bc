"""The scene in a MuJoCo world: another contact model than PyBullet's, other motors."""

import mujoco
import numpy as np
from sim.mujoco_arm import MujocoArm
from sim.mujoco_model import add_box, add_table, arm_spec
from sim.scene import Scene, SUBSTEP
from wm_ros.robot.robot import Robot

_STEPS = 2                  # of the physics in a substep: contacts are stiffer than 1/240 s


class MujocoScene(Scene):
    """The scene in MuJoCo's physics (Todorov 2012): soft contacts, elliptic friction cones."""

    def __init__(self, robot: Robot, task_name: str):
        super().__init__(robot, task_name)
        self._spec = arm_spec(robot)
        self._spec.option.timestep = SUBSTEP / _STEPS
        self._spec.option.integrator = mujoco.mjtIntegrator.mjINT_IMPLICITFAST
        self._spec.option.cone = mujoco.mjtCone.mjCONE_ELLIPTIC
        self._spec.option.impratio = 10.0       # or what is held would creep out of the gripper
        add_table(self._spec)
        self._boxes = {f'object {number}': box for number, box in enumerate(self.task.boxes)}
        for number, (name, box) in enumerate(self._boxes.items()):
            add_box(self._spec, name, box, [0.5, 0.2 * number, 0.5, 0, 0, 0, 1])
        self._strangers = {}                    # name: BoxSpec of what was spawned
        self.model = self._spec.compile()
        self.data = mujoco.MjData(self.model)
        self.arm = MujocoArm(robot, self.model, self.data)
        self.reset(0)

    def spawn(self, box, pose, velocity=(0.0, 0.0, 0.0)):
        """Add an object; see Scene."""
        name = f'stranger {len(self._strangers)}'
        add_box(self._spec, name, box, pose)
        self._strangers[name] = box
        self._recompile()
        self._put(name, pose, velocity)

    @property
    def spawned(self):
        """What was added in this episode, and where it is."""
        return [(box, self._pose(name)) for name, box in self._strangers.items()]

    def move(self, index, pose, velocity=(0.0, 0.0, 0.0), spin=(0.0, 0.0, 0.0)):
        """Put an object elsewhere; see Scene."""
        self._put(f'object {index}', pose, velocity, spin)

    def scale(self, index, mass=1.0, friction=1.0):
        """Change an object's mass and friction; see Scene."""
        name = f'object {index}'
        box, geom = self._boxes[name], self._spec.geom(name)
        geom.mass = mass * box.mass
        geom.friction[0] = friction * box.friction
        self._recompile()

    def _recompile(self):
        """Take up what has changed in the specification; everything stays where it is."""
        self.model, self.data = self._spec.recompile(self.model, self.data)
        self.arm.bind(self.model, self.data)
        mujoco.mj_forward(self.model, self.data)

    def _put(self, name, pose, velocity=(0.0, 0.0, 0.0), spin=(0.0, 0.0, 0.0)):
        joint, pose = self.data.joint(name), np.asarray(pose, dtype=float)
        joint.qpos[:] = [*pose[:3], pose[6], *pose[3:6]]
        joint.qvel[:3] = velocity
        turned = np.zeros(3)    # MuJoCo has the spin of a free body in its own frame
        mujoco.mju_rotVecQuat(turned, np.asarray(spin, dtype=float),
                              np.array([pose[6], *-pose[3:6]]))
        joint.qvel[3:] = turned
        mujoco.mj_forward(self.model, self.data)

    def _pose(self, name):
        x, y, z, w, *vector = self.data.joint(name).qpos
        return np.array([x, y, z, *vector, w])

    def _place(self, joint_positions, gripper_width, object_poses):
        self._forget_changes()
        mujoco.mj_resetData(self.model, self.data)
        self.arm.reset(joint_positions, gripper_width)
        for name, pose in zip(self._boxes, object_poses):
            self._put(name, pose)
        mujoco.mj_forward(self.model, self.data)

    def _forget_changes(self):
        changed = bool(self._strangers)
        for name in self._strangers:
            self._spec.delete(self._spec.body(name))
        self._strangers = {}
        for name, box in self._boxes.items():
            geom = self._spec.geom(name)
            changed |= geom.mass != box.mass or geom.friction[0] != box.friction
            geom.mass, geom.friction[0] = box.mass, box.friction
        if changed:
            self._recompile()

    def _advance(self):
        for _ in range(_STEPS):
            self.arm.drive()
            mujoco.mj_step(self.model, self.data)
        self.arm.refresh()

    @property
    def object_poses(self):
        """Poses of the objects [M, 7]."""
        return np.array([self._pose(name) for name in self._boxes]).reshape(-1, 7)

    @property
    def object_velocities(self):
        """Linear velocities of the objects [M, 3] m/s."""
        return np.array([self.data.joint(name).qvel[:3] for name in self._boxes]).reshape(-1, 3)

    def close(self):
        """Let go of the physics."""
        self.model = self.data = self.arm = self._spec = None
