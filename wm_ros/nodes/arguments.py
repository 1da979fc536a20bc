"""Command line of everything that starts a graph: ``wm_ros up``, graph_node, the demo."""

import argparse
from typing import List

from wm_ros.graph import GraphOptions, KINDS
from wm_ros.tasks import TASKS

LOG_LEVELS = ('debug', 'info', 'warn', 'error', 'fatal')


def add_graph_arguments(parser: argparse.ArgumentParser):
    """Add what a graph can be told."""
    parser.add_argument('kind', choices=KINDS, metavar='sim|robot',
                        help='sim: with a simulated robot; robot: with the one that is there')
    parser.add_argument('--task', default='', metavar='TASK',
                        help=f'one of {", ".join(sorted(TASKS))} (default: reach)')
    parser.add_argument('--robot', default='', metavar='NAME',
                        help='a name in config/robots, or the path of such a file')
    parser.add_argument('--checkpoint', default='', metavar='PATH',
                        help='world model (default: the one shipped for robot and task)')
    parser.add_argument('--sensors', default='', metavar='NAME',
                        help='camera: objects are found in its image (default: object_poses)')
    parser.add_argument('--engine', default='', metavar='NAME',
                        help='physics of the simulated robot: pybullet (default) or mujoco')
    parser.add_argument('--randomization', default='', metavar='NAME',
                        help='what varies from episode to episode: a name in '
                        'config/randomization, or a file')
    parser.add_argument('--namespace', default='', metavar='NS',
                        help='namespace of all nodes and relative topics')
    parser.add_argument('--params-file', action='append', default=[], metavar='FILE',
                        help='ROS parameter file, read after the shipped ones; repeatable')
    parser.add_argument('--set', action='append', default=[], metavar='[NODE:]NAME:=VALUE',
                        help='one parameter, stronger than all files; repeatable')
    parser.add_argument('--remap', action='append', default=[], metavar='FROM:=TO',
                        help='remap a topic or service of all nodes; repeatable')
    parser.add_argument('--use-sim-time', action=argparse.BooleanOptionalAction, default=None,
                        help='take the time from /clock (default: only in lockstep)')
    parser.add_argument('--use-mock-hardware', action='store_true',
                        help='a kinematic echo of the arm in place of physics or hardware')
    parser.add_argument('--autostart', action=argparse.BooleanOptionalAction, default=None,
                        help='configure and activate at once (default: yes)')
    parser.add_argument('--log-level', default='', choices=LOG_LEVELS, metavar='LEVEL',
                        help=', '.join(LOG_LEVELS))


def graph_options(arguments: argparse.Namespace) -> GraphOptions:
    """Return what the parsed command line asks for."""
    return GraphOptions(
        task=arguments.task, robot=arguments.robot, checkpoint=arguments.checkpoint,
        sensors=arguments.sensors, engine=arguments.engine,
        randomization=arguments.randomization,
        params_files=tuple(arguments.params_file), settings=tuple(arguments.set),
        remaps=tuple(arguments.remap), use_sim_time=arguments.use_sim_time,
        use_mock_hardware=arguments.use_mock_hardware, autostart=arguments.autostart)


def graph_command_line(kind: str, options: GraphOptions, namespace: str = '',
                       log_level: str = '') -> List[str]:
    """Return the command line that says the same as ``options``."""
    line = [kind]
    for flag, value in (('--task', options.task), ('--robot', options.robot),
                        ('--checkpoint', options.checkpoint), ('--sensors', options.sensors),
                        ('--engine', options.engine),
                        ('--randomization', options.randomization), ('--namespace', namespace),
                        ('--log-level', log_level)):
        if value:
            line += [flag, value]
    for flag, values in (('--params-file', options.params_files), ('--set', options.settings),
                         ('--remap', options.remaps)):
        for value in values:
            line += [flag, value]
    for name, value in (('use-sim-time', options.use_sim_time),
                        ('autostart', options.autostart)):
        if value is not None:
            line.append(f'--{name}' if value else f'--no-{name}')
    return line + ['--use-mock-hardware'] * options.use_mock_hardware
