"""What ``wm_ros doctor --robot`` says of a robot file: all that was read, and what it lacks."""

from typing import Iterator

from wm_ros.cli._checks import FAIL, Finding, NOTE, OK
from wm_ros.types import WmRosError

_LEVEL = 0.9        # least cosine between the gripper's direction and straight down


def robot_checks(reference: str) -> Iterator[Finding]:
    """Yield the findings on the robot called ``reference``, or of that file."""
    try:
        from wm_ros.robot.kinematics import Kinematics
        from wm_ros.robot.robot import load_robot
        from wm_ros.world_model import load_checkpoint
    except ImportError as error:
        yield Finding('libraries', FAIL, str(error), 'wm_ros doctor says what is missing')
        return
    try:
        robot = load_robot(reference)
        yield Finding('robot', OK, f'{robot.name} ({reference})')
        yield Finding('URDF', OK, str(robot.urdf))
        yield from _joints(robot)
        kinematics = Kinematics(robot)
    except WmRosError as error:
        yield Finding('robot file', FAIL, str(error), 'config/robots/panda.yaml is an example')
        return
    yield Finding('frames', OK, f'{robot.base_frame} -> {robot.ee_frame}')
    yield Finding('gripper', OK, f'{", ".join(robot.gripper_joint_names) or "no joints"}, '
                  f'{robot.gripper_min:g} to {robot.gripper_max:g} m between the fingers')
    yield _motion(robot)
    yield _home(robot, kinematics)
    yield from _checkpoints(robot, reference, load_checkpoint)


def _joints(robot):
    limits = robot.limits
    for i, name in enumerate(limits.names):
        yield Finding('joint', OK, f'{name} from {limits.lower[i]:.3f} to {limits.upper[i]:.3f} '
                      f'rad, {limits.velocity[i]:g} rad/s, {limits.acceleration[i]:g} rad/s^2, '
                      f'{limits.effort[i]:g} N m')


def _motion(robot):
    low, high = robot.workspace_low.tolist(), robot.workspace_high.tolist()
    return Finding('motion', OK, f'{robot.max_linear_speed:g} m/s, {robot.max_yaw_rate:g} rad/s, '
                   f'from {low} to {high} m, a step each {robot.dt:g} s')


def _home(robot, kinematics):
    """Return whether the home posture is one that planning can begin from."""
    position, yaw = kinematics.forward(robot.home)
    text = f'end effector at [{", ".join(f"{x:.3f}" for x in position)}] m, yaw {yaw:.2f} rad'
    if kinematics.rotation(robot.home)[2, 2] > -_LEVEL:
        return Finding('home', NOTE, f'{text}: the gripper does not point down',
                       'choose home so that the z axis of ee_frame points down')
    if (position < robot.workspace_low).any() or (position > robot.workspace_high).any():
        return Finding('home', NOTE, f'{text}: outside the workspace',
                       'change home, or workspace_low and workspace_high')
    return Finding('home', OK, text)


def _checkpoints(robot, reference, load_checkpoint):
    from wm_ros.tasks import TASKS
    for task in TASKS.values():
        name = f'checkpoint {task.name}'
        try:
            yield Finding(name, OK, load_checkpoint('', robot, task).checkpoint)
        except WmRosError as error:
            # No fault of the robot file, and it may have been trained to another place.
            yield Finding(name, NOTE, str(error),
                          f'wm_ros train --robot {reference} --task {task.name}')
