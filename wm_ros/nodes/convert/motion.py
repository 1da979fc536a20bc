"""Plans and commands."""

from typing import Sequence, Tuple

import numpy as np
from sensor_msgs.msg import JointState
from std_msgs.msg import Float64MultiArray
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint
from wm_ros.nodes.convert.basics import ConvertError, counted, doubles, seconds, show, sized, stamp
from wm_ros.robot.braking import coasting_time, stopping_knots
from wm_ros.robot.limits import JointLimits
from wm_ros.robot.robot import Robot
from wm_ros.types import Command, Plan

_COAST = 2              # periods that a command is extended by
_LATEST = 0.5           # [s] that a stamped command may take to arrive


def plan_joint_names(robot: Robot) -> Tuple[str, ...]:
    """Return the joint names of a plan on the wire: the arm's, then the first finger's."""
    return robot.joint_names + robot.gripper_joint_names[:1]


def plan_to_msg(plan: Plan, robot: Robot, frame: str) -> JointTrajectory:
    """
    Return the trajectory of a plan: header.stamp is the stamp of the joint state behind it.

    The first point acts ``plan.stamp - plan.observed`` after that, the others dt apart.
    The gripper is one more joint: the position of one finger.
    """
    fingers = len(robot.gripper_joint_names)
    positions, velocities = plan.positions, plan.velocities
    if fingers:
        finger = plan.gripper / fingers
        speed = np.zeros_like(finger)
        speed[:-1] = np.diff(finger) / plan.dt
        positions = np.column_stack([positions, finger])
        velocities = np.column_stack([velocities, speed])
    msg = JointTrajectory(joint_names=list(plan_joint_names(robot)))
    msg.header.frame_id = frame
    msg.header.stamp = stamp(plan.observed)
    lead = plan.stamp - plan.observed
    msg.points = [_trajectory_point(lead + i * plan.dt, p, v)
                  for i, (p, v) in enumerate(zip(positions, velocities))]
    return msg


def plan_from_msg(msg: JointTrajectory, robot: Robot) -> Plan:
    """
    Return the plan of a trajectory; what only its planner knows is left empty or zero.

    Raises ConvertError unless it names each joint once, has at least two points with
    positions and velocities, equally spaced in time, the first not before the stamp.  Numbers that
    are not finite are for the gate to find: a planner that sends them is not to be trusted again.
    """
    names = plan_joint_names(robot)
    order = _order('plan', msg.joint_names, names)
    if len(msg.points) < 2:
        raise ConvertError(f'plan: got {len(msg.points)} points, expected at least two')
    rows = len(msg.points)
    positions = np.empty((rows, len(names)))
    velocities = np.empty_like(positions)
    times = np.empty(rows)
    for i, item in enumerate(msg.points):
        positions[i] = counted('plan: positions', item.positions, len(names))
        velocities[i] = counted('plan: velocities', item.velocities, len(names))
        times[i] = _time(item)
    steps = np.diff(times)
    dt = (times[-1] - times[0]) / (rows - 1)
    if times[0] < 0 or dt < 1e-4 or np.abs(steps - dt).max() > 1e-6 + 1e-3 * dt:
        raise ConvertError('plan: time_from_start must not be negative, and rise in equal steps')
    observed = seconds(msg.header.stamp)
    count, fingers = len(robot.joint_names), len(robot.gripper_joint_names)
    positions, velocities = positions[:, order], velocities[:, order]
    gripper = positions[:, count] * fingers if fingers else np.zeros(rows)
    return Plan(
        stamp=observed + float(times[0]), observed=observed, dt=float(dt),
        actions=np.zeros((rows - 1, 0)), positions=positions[:, :count],
        velocities=velocities[:, :count], gripper=gripper, path=np.zeros((rows, 0)),
        predicted_return=0.0, disagreement=0.0, solve_time=0.0,
        planner='')


def command_to_msg(command: Command, robot: Robot, frame: str) -> JointState:
    """Return the command as sent, arm joints first, then the gripper's."""
    fingers = len(robot.gripper_joint_names)
    positions, velocities = command.positions, command.velocities
    if fingers:
        positions = np.append(positions, [command.gripper / fingers] * fingers)
        velocities = np.append(velocities, [0.0] * fingers)
    msg = JointState(name=list(robot.joint_names + robot.gripper_joint_names),
                     position=doubles(positions), velocity=doubles(velocities))
    msg.header.stamp = stamp(command.stamp)
    msg.header.frame_id = frame
    return msg


def command_from_msg(msg: JointState, robot: Robot) -> Command:
    """Return the command that the safety node sent; ConvertError for any other JointState."""
    names = robot.joint_names + robot.gripper_joint_names
    order = _order('command', msg.name, names)
    positions = sized('command: positions', msg.position, len(names))[order]
    velocities = sized('command: velocities', msg.velocity, len(names))[order]
    count = len(robot.joint_names)
    return Command(stamp=seconds(msg.header.stamp), positions=positions[:count],
                   velocities=velocities[:count], gripper=float(positions[count:].sum()),
                   hold=False)


def command_to_trajectory(command: Command, names: Sequence[str], period: float,
                          limits: JointLimits, stamped: bool) -> JointTrajectory:
    """
    Return the trajectory that takes a joint_trajectory_controller through a command.

    The command is for its stamp, ``period`` [s] after it was made; the trajectory counts from
    when that was, or where ``stamped`` is false from its arrival (a stamp of 0 means that).  The
    first point lies some periods further along the command's velocities: the controller has to be
    there at that time, so a point close by would make it hurry after each command that arrives
    late.  It refuses trajectories that end in motion, so the last points brake to rest as hard as
    ``limits`` allow: the next trajectory replaces them before they count, and if none comes any
    more, the arm stops gently by itself.
    """
    ahead = coasting_time(command.positions, command.velocities, limits, _COAST * period)
    first, place = period + ahead, command.positions + ahead * command.velocities
    msg = JointTrajectory(joint_names=list(names))
    if stamped:
        msg.header.stamp = stamp(command.stamp - period)
    msg.points = [_trajectory_point(first, place, command.velocities)]
    for time, positions, velocities in stopping_knots(
            place, command.velocities, limits.acceleration):
        msg.points.append(_trajectory_point(first + time, positions, velocities))
    if stamped:
        # It refuses what has ended before it arrives as well.
        msg.points.append(_trajectory_point(
            _time(msg.points[-1]) + _LATEST, msg.points[-1].positions, np.zeros(len(names))))
    return msg


def command_to_array(command: Command) -> Float64MultiArray:
    """Return the positions of a command for a forward_command_controller."""
    return Float64MultiArray(data=doubles(command.positions))


def gripper_to_trajectory(width: float, names: Sequence[str], period: float) -> JointTrajectory:
    """Return the trajectory that opens the gripper ``width`` [m], all fingers alike."""
    msg = JointTrajectory(joint_names=list(names))
    msg.points = [_trajectory_point(period, [width / len(names)] * len(names))]
    return msg


def gripper_to_array(width: float, names: Sequence[str]) -> Float64MultiArray:
    """Return the finger positions of a gripper that is open by ``width`` [m]."""
    return Float64MultiArray(data=doubles([width / len(names)] * len(names)))


def _order(what, names, expected):
    """Return where each of ``expected`` stands in ``names``, which must be just these."""
    if len(names) != len(expected) or set(names) != set(expected):
        raise ConvertError(f'{what}: got joints {show(list(names))}, expected each of '
                           f'{", ".join(expected)} once')
    return [list(names).index(name) for name in expected]


def _time(point):
    return point.time_from_start.sec + point.time_from_start.nanosec * 1e-9


def _trajectory_point(time, positions, velocities=None):
    item = JointTrajectoryPoint(positions=doubles(positions))
    if velocities is not None:
        item.velocities = doubles(velocities)
    nanoseconds = round(time * 1e9)
    item.time_from_start.sec = nanoseconds // 1_000_000_000
    item.time_from_start.nanosec = nanoseconds % 1_000_000_000
    return item
