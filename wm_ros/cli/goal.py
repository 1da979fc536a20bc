"""
Send a running graph a goal, and wait for what comes of it.

The position is that of the end effector, or of the object that the task moves, in the robot's
base frame.
"""

import argparse
import math

_EXAMPLES = """
examples:
  wm_ros goal 0.5 0.1 0.2           reach: the end effector goes there
  wm_ros goal 0.5 0.1 0.025         push: the block's centre, so at half its height
  wm_ros goal 0.5 0.1 0.2 --namespace left

exit code: 0 the goal was reached; 1 it was refused or not reached; 2 no graph took it.
"""
_FIND = 15.0        # [s] in which a planner must be found


def add_parser(subparsers):
    """Add the verb."""
    parser = subparsers.add_parser(
        'goal', help='send a goal', description=__doc__, epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    for axis in 'xyz':
        parser.add_argument(axis, type=float, help='m')
    parser.add_argument('--robot', default='panda', metavar='NAME',
                        help='whose base frame it is in (default: %(default)s)')
    parser.add_argument('--namespace', default='', metavar='NS', help='namespace of the graph')
    parser.add_argument('--timeout', type=float, default=60.0, metavar='S',
                        help='wait so long for the end (default: %(default)s)')
    parser.set_defaults(run=run)


def run(arguments) -> int:
    """Send the goal and tell what the planner says of it."""
    from wm_ros.nodes.processes import environment
    from wm_ros.robot.robot import load_robot
    from wm_ros.types import Code, WmRosError
    position = arguments.x, arguments.y, arguments.z
    if not all(map(math.isfinite, position)):
        raise WmRosError(f'position: got {position}, expected finite numbers')
    frame = load_robot(arguments.robot).base_frame
    environment.prepare()
    import rclpy
    from wm_ros.nodes import convert
    from wm_ros.nodes.clients.client_node import ClientNode
    from wm_ros.param_table import MPC
    rclpy.init()
    client, said = ClientNode('goal_client', arguments.namespace), []
    try:
        goal = client.node.create_publisher(convert.PoseStamped, f'{MPC}/goal', 1)
        client.wait(goal.get_subscription_count, _FIND, f'a planner that listens to {MPC}/goal')
        client.listen(convert.DiagnosticStatus, f'{MPC}/status',
                      lambda msg: said.append(convert.status_from_msg(msg)))
        client.wait(lambda: said, _FIND, f'{MPC}/status')
        msg = convert.PoseStamped()
        msg.header.frame_id = frame
        p = msg.pose.position
        p.x, p.y, p.z = position
        msg.pose.orientation.w = 1.0
        said.clear()
        goal.publish(msg)
        client.wait(lambda: _end(said), arguments.timeout, 'the end of the motion')
        status = _end(said)
    finally:
        client.close()
        rclpy.try_shutdown()
    print(f'{status.code.name}: {status.text}' if status.text else status.code.name)
    return 0 if status.code is Code.GOAL_REACHED else 1


def _end(said):
    """Return the status that ends the wait, None while there is none."""
    from wm_ros.types import Code
    begun = False
    for status in said:
        begun = begun or status.code is Code.OK
        if status.code is Code.GOAL_REJECTED or begun and status.code in (
                Code.GOAL_REACHED, Code.GOAL_FAILED):
            return status
    return None
