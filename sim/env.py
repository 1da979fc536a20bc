"""The same arm and task as a Gymnasium environment, so that learning needs no ROS."""

from dataclasses import replace
from pathlib import Path
from typing import Optional, Union

import gymnasium
import numpy as np
from sim.engines import make_scene
from sim.randomize import load_randomization, Randomization
from sim.stepper import Stepper
from sim.tasks.base import UNIT
from wm_ros.robot.robot import load_robot
from wm_ros.tasks import TASKS
from wm_ros.types import ACTION_NAMES, WmRosError


class ArmEnv(gymnasium.Env):
    """
    Goal-conditioned arm environment (Dict of observation, achieved_goal, desired_goal).

    Action: Box [5] in [-1, 1], the end effector's velocity (x, y, z, yaw) and the gripper.
    ``observation``: end effector [m, m/s] (6), gripper width [m] (1), the setpoint that it
    follows, which takes up an action with bounded acceleration [m, m/s] (6), then per object its
    position [m] (3), quaternion (4) and velocity [m/s] (3).  The reward is dense and at
    most 0; an episode terminates with success and is truncated at the task's time limit.

    With ``randomization`` (a name in config/randomization, a file, or what is loaded from one)
    worlds differ from episode to episode, as in ``wm_ros evaluate``: the seed of an episode fixes
    its world as well, ``startup`` (default: 0) what is drawn once for all.  The info of ``reset``
    holds what was ``drawn``, by term.  Observations are the truth: what ``sensing`` makes of it
    is not in them.
    """

    metadata = {'render_modes': ['rgb_array'], 'render_fps': 20}

    def __init__(self, task: str = 'reach', robot: str = 'panda', delay: float = 0.0,
                 render_mode=None, engine: str = 'pybullet',
                 randomization: Union[None, str, Path, Randomization] = None,
                 startup: Optional[int] = None):
        self.robot = load_robot(robot)
        self.scene = make_scene(engine, self.robot, task, _worlds(randomization, startup))
        self.stepper = Stepper(self.scene, delay)
        self.render_mode = render_mode
        width = 13 + 10 * len(self.scene.object_poses)
        box = gymnasium.spaces.Box
        self.action_space = box(-1.0, 1.0, (len(ACTION_NAMES),), np.float32)
        self.observation_space = gymnasium.spaces.Dict({
            'observation': box(-np.inf, np.inf, (width,), np.float64),
            'achieved_goal': box(-np.inf, np.inf, (3,), np.float64),
            'desired_goal': box(-np.inf, np.inf, (3,), np.float64)})

    def reset(self, *, seed=None, options=None):
        """Begin an episode; the seed fixes start and goal."""
        super().reset(seed=seed)
        self.stepper.reset(int(self.np_random.integers(2 ** 31)) if seed is None else seed)
        return self._observation(), {**self._info(), 'drawn': self.scene.conditions.numbers()}

    def step(self, action):
        """Execute one action of 0.05 s."""
        self.stepper.step(np.clip(action, -1.0, 1.0))
        success, seen, info = self.scene.success, self._observation(), self._info()
        reward = float(self.compute_reward(seen['achieved_goal'], seen['desired_goal'], info))
        return seen, reward, success, self.scene.timeout and not success, info

    def compute_reward(self, achieved_goal, desired_goal, info):
        """Return the reward for any pair of goals [..., 3], for hindsight relabelling."""
        return -np.linalg.norm(np.asarray(achieved_goal) - desired_goal, axis=-1) / UNIT

    def render(self):
        """Return a camera frame [H, W, 3] uint8."""
        if self.render_mode != 'rgb_array':
            return None
        from sim.sensors.camera import render
        return render(self.scene, 256, 256)

    def close(self):
        """Disconnect from the physics, and end the camera that ``render`` made."""
        if self.render_mode is not None:
            from sim.sensors.camera import release
            release(self.scene)
        self.scene.close()

    def _info(self):
        return {'is_success': self.scene.success, 'distance': self.scene.distance}

    def _observation(self):
        told = self.stepper
        now = self.scene.situation(told.ordered, told.ordered_velocity, told.gripper)
        objects = np.hstack([now.object_poses, now.object_velocities]).ravel()
        return {
            'observation': np.concatenate([
                now.end_effector, now.end_effector_velocity, [self.scene.arm.gripper_width],
                now.setpoint, now.setpoint_velocity, objects]),
            'achieved_goal': np.array(self.scene.task.subject(now)[0]),
            'desired_goal': self.scene.goal[:3].copy()}


def _worlds(randomization, startup) -> Optional[Randomization]:
    """Return what worlds are drawn by, None where nothing varies."""
    if not randomization:
        if startup is not None:
            raise WmRosError(f'startup: got {startup} without a randomization, expected both: it '
                             'is the seed of what is drawn once')
        return None
    if not isinstance(randomization, Randomization):
        return load_randomization(str(randomization), startup or 0)
    return randomization if startup is None else replace(randomization, seed=startup)


def register():
    """Register ``wm_ros/PandaReach-v0`` and the other tasks with Gymnasium."""
    for task in TASKS:
        name = f'wm_ros/Panda{task.title().replace("_", "")}-v0'
        if name not in gymnasium.registry:
            gymnasium.register(name, entry_point='sim.env:ArmEnv', kwargs={'task': task})
