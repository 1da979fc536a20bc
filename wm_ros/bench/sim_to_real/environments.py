"""Environments that are stepped for time: ours, panda-gym's, and MuJoCo alone."""

from importlib.util import find_spec
from typing import Callable, Dict

import gymnasium
import numpy as np
from sim.engines import make_scene
from sim.env import register
from sim.quiet import quiet
from sim.sensors.camera import Camera
from wm_ros.robot.robot import load_robot
from wm_ros.types import ACTION_NAMES, WmRosError

#: Of a picture [px].
SIZE = 64


class Ours:
    """Our environment of ``task`` in an engine, and a camera as evaluations have it."""

    def __init__(self, task: str, engine: str):
        register()
        self._env = gymnasium.make(f'wm_ros/Panda{_title(task)}-v0', engine=engine,
                                   disable_env_checker=True)
        self.scene = self._env.unwrapped.scene
        self.actions, self.seconds = len(ACTION_NAMES), self.scene.robot.dt
        self._camera = Camera(self.scene.robot, self.scene.boxes, SIZE, SIZE)

    def reset(self, seed: int):
        """Begin the episode of ``seed``."""
        self._env.reset(seed=seed)

    def step(self, action) -> bool:
        """Execute ``action`` [A] for ``seconds``; return whether the episode is over."""
        _, _, terminated, truncated, _ = self._env.step(action)
        return terminated or truncated

    def look(self):
        """Return a picture [H, W, 3] uint8."""
        scene = self.scene
        return self._camera.render(scene.arm.joint_positions, scene.arm.gripper_width,
                                   scene.object_poses, strangers=scene.spawned).rgb


class PandaGym:
    """The environment of ``task`` in panda-gym (Gallouedec et al. 2021), as it comes."""

    def __init__(self, task: str):
        with quiet():
            # Imports panda_gym, which registers them.
            self._env = gymnasium.make(
                f'panda_gym:Panda{_title(task)}-v3', render_mode='rgb_array', render_width=SIZE,
                render_height=SIZE, disable_env_checker=True)
        self.actions, self.seconds = self._env.action_space.shape[0], self._env.unwrapped.sim.dt

    def reset(self, seed: int):
        """Begin the episode of ``seed``."""
        self._env.reset(seed=seed)

    def step(self, action) -> bool:
        """Execute ``action`` [A] for ``seconds``; return whether the episode is over."""
        _, _, terminated, truncated, _ = self._env.step(action)
        return bool(terminated or truncated)

    def look(self):
        """Return a picture [H, W, 3] uint8."""
        return self._env.render()


class Bare:
    """Our MuJoCo model of ``task``, and nothing but its physics: torques hold the arm's weight."""

    actions, _episode = 1, 20

    def __init__(self, task: str):
        from sim.engines.mujoco_scene import mujoco
        self._mujoco, robot = mujoco, load_robot()
        self.scene, self.seconds = make_scene('mujoco', robot, task), robot.dt
        self._physics = round(robot.dt / self.scene.model.opt.timestep)

    def reset(self, seed: int):
        """Begin the episode of ``seed``."""
        self.scene.reset(seed)
        model, data = self.scene.model, self.scene.data
        driven = model.jnt_dofadr[model.jnt_type != self._mujoco.mjtJoint.mjJNT_FREE]
        data.qfrc_applied[:] = 0.0
        data.qfrc_applied[driven] = data.qfrc_bias[driven]
        self._left = self._episode

    def step(self, action) -> bool:
        """Let ``seconds`` pass; return whether the arm may have sunk noticeably by now."""
        self._mujoco.mj_step(self.scene.model, self.scene.data, self._physics)
        self._left -= 1
        return self._left == 0


def makers(task: str) -> Dict[str, Callable]:
    """Return what makes each environment of ``task``, by name; WmRosError where one is missing."""
    for name, how in (('panda_gym', '--no-deps panda-gym'), ('mujoco', 'mujoco')):
        if find_spec(name) is None:
            raise WmRosError(f'{name} is missing: this bench compares with it; pip install {how}')
    return {'PyBullet': lambda: Ours(task, 'pybullet'), 'MuJoCo': lambda: Ours(task, 'mujoco'),
            'panda-gym': lambda: PandaGym(task), 'mj_step alone': lambda: Bare(task)}


def drawn(environment, steps: int, rng: np.random.Generator) -> np.ndarray:
    """Return random actions [T, A]."""
    return rng.uniform(-1.0, 1.0, (steps, environment.actions)).astype(np.float32)


def _title(task):
    return task.title().replace('_', '')
