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
    from wm_ros.nodes.clients.goal import pursue
    status = pursue(position, frame, arguments.namespace, arguments.timeout)
    print(f'{status.code.name}: {status.text}' if status.text else status.code.name)
    return 0 if status.code is Code.GOAL_REACHED else 1
