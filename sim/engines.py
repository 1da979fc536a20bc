"""The engines that a scene can be made in, by name."""

from sim.scene import Scene
from wm_ros.robot.robot import Robot


def make_scene(engine: str, robot: Robot, task_name: str) -> Scene:
    """Return a scene of 'pybullet' or 'mock'; only the engine that is asked for is imported."""
    if engine == 'mock':
        from sim.mock import MockScene
        return MockScene(robot, task_name)
    from sim.bullet import BulletScene
    return BulletScene(robot, task_name)
