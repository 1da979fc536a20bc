"""The scene in a MuJoCo world: another contact model than PyBullet's, other motors."""

import mujoco
import numpy as np
from sim.engines.mujoco_arm import MujocoArm
from sim.engines.mujoco_model import add_box, add_table, arm_spec, remove, rub, shape_geom
from sim.scene import Scene, SUBSTEP
from wm_ros.robot.robot import Robot

_STEPS = 2                  # of the physics in a substep: contacts are stiffer than 1/240 s


class MujocoScene(Scene):
    """The scene in MuJoCo's physics (Todorov 2012): soft contacts, elliptic friction cones."""

    def __init__(self, robot: Robot, task_name: str, randomization=None):
        super().__init__(robot, task_name, randomization)
        self._spec = arm_spec(robot)
        self._links = [(body.mass, np.array(body.inertia)) for body in self._spec.bodies]
        self._spec.option.timestep = SUBSTEP / _STEPS
        self._spec.option.integrator = mujoco.mjtIntegrator.mjINT_IMPLICITFAST
        self._spec.option.cone = mujoco.mjtCone.mjCONE_ELLIPTIC
        self._spec.option.impratio = 10.0       # or what is held would creep out of the gripper
        add_table(self._spec)
        self._names = [f'object {number}' for number in range(len(self.task.boxes))]
        for number, (name, box) in enumerate(zip(self._names, self.task.boxes)):
            add_box(self._spec, name, box, [0.5, 0.2 * number, 0.5, 0, 0, 0, 1])
        self._strangers = {}                    # name: BoxSpec of what was spawned
        self._known = None                      # conditions that the model was compiled for
        self.model = self._spec.compile()
        self.data = mujoco.MjData(self.model)
        self.arm = MujocoArm(robot, self.model, self.data)
        self._set_up()

    def _configure(self, conditions):
        physics = conditions.physics
        self._spec.option.gravity = [0.0, 0.0, -physics.gravity]
        self._spec.geom('table').pos = [0.0, 0.0, conditions.scenery.table_height]
        for body, (mass, inertia) in zip(self._spec.bodies, self._links):
            body.mass, body.inertia = physics.link_mass * mass, physics.link_mass * inertia
        for name, box in zip(self._names, self.boxes):
            shape_geom(self._spec.geom(name), box)
            rub(self._spec, name, box.friction, physics)
        self.arm.configure(physics)
        if conditions != self._known:
            self._known = conditions
            self._recompile()

    def spawn(self, box, pose, velocity=(0.0, 0.0, 0.0)):
        """Add an object; see Scene."""
        name = f'stranger {len(self._strangers)}'
        add_box(self._spec, name, box, pose)
        rub(self._spec, name, box.friction, self.conditions.physics)
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
        box, name = self.boxes[index], self._names[index]
        self._spec.geom(name).mass = mass * box.mass
        rub(self._spec, name, friction * box.friction, self.conditions.physics)
        self._known = None
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
        if self._strangers:
            for name in self._strangers:
                remove(self._spec, name)
            self._strangers = {}
            self._recompile()
        mujoco.mj_resetData(self.model, self.data)
        self.arm.reset(joint_positions, gripper_width)
        for name, pose in zip(self._names, object_poses):
            self._put(name, pose)
        mujoco.mj_forward(self.model, self.data)

    def _advance(self):
        for _ in range(_STEPS):
            self.arm.drive()
            mujoco.mj_step(self.model, self.data)
        self.arm.refresh()

    @property
    def object_poses(self):
        """Poses of the objects [M, 7]."""
        return np.array([self._pose(name) for name in self._names]).reshape(-1, 7)

    @property
    def object_velocities(self):
        """Linear velocities of the objects [M, 3] m/s."""
        return np.array([self.data.joint(name).qvel[:3] for name in self._names]).reshape(-1, 3)

    def close(self):
        """Let go of the physics."""
        self.model = self.data = self.arm = self._spec = None
