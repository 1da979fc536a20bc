"""The engines that a scene can be made in, by name."""

from importlib import import_module
from typing import Optional

from sim.randomize import Randomization
from sim.scene import Scene
from wm_ros.robot.robot import Robot
from wm_ros.types import WmRosError

#: Module, class and package of an engine, by name.
ENGINES = {
    'pybullet': ('sim.engines.bullet', 'BulletScene', 'pybullet'),
    'mujoco': ('sim.engines.mujoco_scene', 'MujocoScene', 'mujoco'),
    'mock': ('sim.engines.mock', 'MockScene', '')}


def make_scene(engine: str, robot: Robot, task_name: str,
               randomization: Optional[Randomization] = None) -> Scene:
    """Return a scene of an engine in ``ENGINES``; only the one that is asked for is imported."""
    if engine not in ENGINES:
        raise WmRosError(f'engine: got {engine!r}, expected one of {", ".join(ENGINES)}')
    module, name, package = ENGINES[engine]
    try:
        return getattr(import_module(module), name)(robot, task_name, randomization)
    except ModuleNotFoundError as error:
        if error.name != package:
            raise
        raise WmRosError(f'engine {engine!r}: {package} is not installed '
                         f'(pip install {package})') from error
