"""The launch descriptions of the graph, from the same table that ``wm_ros up`` reads."""

from typing import List

from ament_index_python.packages import get_package_prefix, PackageNotFoundError
from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, OpaqueFunction, Shutdown
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue
from wm_ros import paths
from wm_ros.graph import ENVIRONMENT, graph, GraphOptions, NodeEntry
from wm_ros.nodes.arguments import graph_command_line, LOG_LEVELS
from wm_ros.nodes.processes.child import DIE_WITH_PARENT
from wm_ros.nodes.processes.lock import GraphLock
from wm_ros.param_table import SENSOR
from wm_ros.robot.robot import load_robot
from wm_ros.robot.urdf import MissingPackage
from wm_ros.types import WmRosError

PACKAGE = 'wm_ros'

# A launch that is killed, or stumbles over its own error, would leave its nodes behind.
_ENVIRONMENT = {**ENVIRONMENT, DIE_WITH_PARENT: '1'}

#: name: (default, what it is); '' as a default means: as the parameter files say.
ARGUMENTS = {
    'namespace': ('', 'namespace of all nodes and relative topics'),
    'task': ('', 'such as reach or push'),
    'robot': ('', 'a name in config/robots, or the path of such a file'),
    'checkpoint': ('', 'world model; empty: the one shipped for robot and task'),
    'sensors': ('', 'such as camera: objects are found in its image; empty: object_poses'),
    'engine': ('', 'physics of the simulated robot: pybullet or mujoco; empty: pybullet'),
    'randomization': ('', 'what varies from episode to episode: a name in config/randomization '
                      'or a file; empty: nothing'),
    'params_file': ('', 'ROS parameter file, read after the shipped ones'),
    'use_sim_time': ('', 'true or false; empty: only when the robot is in lockstep'),
    'autostart': ('', 'true or false: configure and activate at once; empty: true'),
    'use_mock_hardware': ('false', 'a kinematic echo of the arm instead of physics or hardware'),
    'single_process': ('false', 'all nodes in one process'),
    'rviz': ('false', 'start RViz and robot_state_publisher as well'),
    'log_level': ('info', 'debug, info, warn, error or fatal'),
}


def description(kind: str) -> LaunchDescription:
    """Return the launch description of a ``sim`` or ``robot`` graph."""
    arguments = [DeclareLaunchArgument(name, default_value=default, description=text)
                 for name, (default, text) in arguments_of(kind).items()]
    return LaunchDescription(arguments + [OpaqueFunction(function=_set_up, args=[kind])])


def arguments_of(kind: str) -> dict:
    """Return the arguments of a launch file, as in ``ARGUMENTS``."""
    return {name: told for name, told in ARGUMENTS.items()
            if kind == 'sim' or name not in ('engine', 'randomization')}


def actions(kind: str, values: dict) -> List[Node]:
    """Return what is started for these values of the arguments."""
    options = GraphOptions(
        task=values['task'], robot=values['robot'], checkpoint=values['checkpoint'],
        sensors=values['sensors'], engine=values.get('engine', ''),
        randomization=values.get('randomization', ''),
        params_files=tuple(filter(None, [values['params_file']])),
        use_sim_time=_flag(values, 'use_sim_time'), autostart=_flag(values, 'autostart'),
        use_mock_hardware=bool(_flag(values, 'use_mock_hardware')))
    entries = graph(kind, options)
    told = next(entry.parameters for entry in entries if entry.name == SENSOR)
    robot = _robot(told['robot'], needed=_flag(values, 'rviz'))
    _check_log_level(values['log_level'])
    namespace = values['namespace'].strip('/')
    if _flag(values, 'single_process'):
        line = graph_command_line(kind, options, namespace)
        found = [_node('graph_node', values, name_of_end='graph_node', arguments=line)]
    else:
        found = [_node_of(entry, namespace, values) for entry in entries]
    if _flag(values, 'rviz'):
        for package in ('robot_state_publisher', 'rviz2'):
            _require(package)
        found += _rviz(namespace, robot, told['use_sim_time'])
    return found


def _set_up(context, kind):
    values = {name: LaunchConfiguration(name).perform(context) for name in arguments_of(kind)}
    found = actions(kind, values)
    lock = GraphLock(values['namespace'])
    lock.require()
    lock.release()      # for the lifecycle manager, which holds it from now on
    return found


def _robot(name, needed):
    """Return the robot; None where only the nodes' own Python, a venv's, can find its URDF."""
    try:
        return load_robot(name)
    except MissingPackage:
        if needed:
            raise
        return None


def _node_of(entry: NodeEntry, namespace: str, values):
    return _node(
        entry.executable, values, name_of_end=entry.name if entry.required else '',
        namespace=namespace or None, remappings=list(entry.remaps),
        parameters=[{name: _typed(value) for name, value in entry.parameters.items()}])


def _node(executable, values, name_of_end, **rest):
    """Return a node; the whole launch ends when it does, if ``name_of_end`` says so."""
    if name_of_end:
        rest['on_exit'] = Shutdown(reason=f'{name_of_end} has ended')
    return Node(package=PACKAGE, executable=executable, output='screen',
                ros_arguments=['--log-level', values['log_level']],
                additional_env=_ENVIRONMENT, **rest)


def _typed(value):
    """Keep text as text: launch would read 'no' as false and '' as nothing."""
    if isinstance(value, str):
        return ParameterValue(value, value_type=str)
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return ParameterValue(value, value_type=List[str])
    return value


def _flag(values, name):
    text = values[name].strip().lower()
    if text in ('', 'true', '1', 'false', '0'):
        return None if text == '' else text in ('true', '1')
    raise WmRosError(f'{name}:={values[name]}: expected true or false')


def _check_log_level(text):
    """Refuse what no node would start with; '<node>:=debug' is for the logger of one node."""
    if text.split(':=')[-1].lower() not in LOG_LEVELS:
        raise WmRosError(f'log_level:={text}: expected one of {", ".join(LOG_LEVELS)}')


def _require(package):
    try:
        get_package_prefix(package)
    except PackageNotFoundError as error:
        raise WmRosError(f'rviz:=true: the ROS package {package} is not installed') from error


def _rviz(namespace, robot, use_sim_time):
    # Meshes beside the URDF, which is in no ROS package that RViz could ask.
    description_of_robot = robot.urdf.read_text(encoding='utf-8').replace(
        'package://meshes', f'file://{robot.urdf.parent}/meshes')
    return [
        Node(package='robot_state_publisher', executable='robot_state_publisher',
             namespace=namespace or None, output='screen', parameters=[{
                 'robot_description': ParameterValue(description_of_robot, value_type=str),
                 'use_sim_time': use_sim_time}]),
        Node(package='rviz2', executable='rviz2', namespace=namespace or None, output='screen',
             arguments=['-d', str(paths.config_dir() / 'view.rviz'), '-f', robot.base_frame],
             parameters=[{'use_sim_time': use_sim_time}])]
