"""
The graph: one table of nodes that the launch files and ``wm_ros up`` both read.

``graph(kind, ...)`` returns what to start, in the order of starting, with every parameter
already merged and checked: ``config/params.yaml``, then ``config/tasks/<task>.yaml``, then
``config/sensors/<sensors>.yaml`` where others than the usual ones are asked for, then what the
kind of graph asks for, the user's files, the arguments, single settings.  A later one wins,
however general its section is.
"""

from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Mapping, Optional, Tuple

from wm_ros import paths
from wm_ros.param_layers import files_of, Layers, split, task_in
from wm_ros.param_table import MANAGER, MODEL, MPC, ROBOT, SAFETY, SENSOR, TABLE
from wm_ros.tasks import get_task, TASKS
from wm_ros.types import ParameterError, WmRosError

KINDS = ('sim', 'robot')
#: What a real robot starts at, until somebody says otherwise.
ROBOT_SPEED_SCALE = 0.1

#: For all processes of the graph, where nothing else is set.  On a robot other things run
#: as well, and networks as small as ours get slower, not faster, by threads that spin.
#: A crash in compiled code, the middleware's included, says where every thread was.
ENVIRONMENT = {'OMP_NUM_THREADS': '1', 'OMP_WAIT_POLICY': 'PASSIVE', 'PYTHONFAULTHANDLER': '1'}

_SHARED = ('robot', 'task', 'checkpoint', 'base_frame', 'ee_frame')


@dataclass(frozen=True)
class Program:
    """One row of the table: what there is to run, whatever the settings."""

    executable: str             # console script, also the key in ``wm_ros.param_table``
    module: str                 # has main() and, but for the manager, the class ``cls``
    cls: str
    lifecycle: bool             # the lifecycle manager brings it up
    required: bool = True       # the graph ends when it ends
    stop_stage: int = 0         # lower ones are stopped first


#: In the order in which they are started; the lifecycle nodes in the order of bring-up.
PROGRAMS = (
    Program(ROBOT, 'sim.robot_node', 'RobotNode', lifecycle=False, stop_stage=3),
    Program(SENSOR, 'wm_ros.nodes.sensor_node', 'SensorNode', lifecycle=True, stop_stage=1),
    Program(MODEL, 'wm_ros.nodes.world_model_node', 'WorldModelNode', lifecycle=True,
            stop_stage=1),
    Program(MPC, 'wm_ros.nodes.mpc_node', 'MpcNode', lifecycle=True, stop_stage=1),
    Program(SAFETY, 'wm_ros.nodes.safety_node', 'SafetyNode', lifecycle=True, stop_stage=2),
    Program(MANAGER, 'wm_ros.nodes.lifecycle_manager', 'LifecycleManager', lifecycle=False),
)


@dataclass(frozen=True)
class NodeEntry:
    """One node of a graph: the program, its name, and all that it is told."""

    program: Program
    name: str
    parameters: Mapping[str, Any]           # checked values, those that were set anywhere
    files: Tuple[str, ...] = ()             # parameter files that they came from
    remaps: Tuple[Tuple[str, str], ...] = ()

    def __post_init__(self):
        object.__setattr__(self, 'parameters', MappingProxyType(dict(self.parameters)))

    @property
    def executable(self) -> str:
        """Name of the console script."""
        return self.program.executable

    @property
    def module(self) -> str:
        """Python module whose main() runs the node."""
        return self.program.module

    @property
    def required(self) -> bool:
        """Whether the graph ends when this node ends."""
        return self.program.required

    @property
    def lifecycle(self) -> bool:
        """Whether the lifecycle manager brings the node up."""
        return self.program.lifecycle


@dataclass(frozen=True)
class GraphOptions:
    """What a user may ask of a graph; '' and None mean: as the files say."""

    task: str = ''
    robot: str = ''
    checkpoint: str = ''
    sensors: str = ''                       # such as camera
    engine: str = ''                        # of a simulated robot: pybullet, mujoco or mock
    randomization: str = ''                 # of a simulated robot: a name or a file
    params_files: Tuple[str, ...] = ()
    settings: Tuple[str, ...] = ()          # '[node:]name:=value'
    remaps: Tuple[str, ...] = ()            # 'from:=to'
    use_sim_time: Optional[bool] = None
    use_mock_hardware: bool = False
    autostart: Optional[bool] = None


def graph(kind: str = 'sim', options: GraphOptions = GraphOptions()) -> Tuple[NodeEntry, ...]:
    """
    Return the nodes of a graph, in the order of starting.

    ``sim`` brings its own robot, ``robot`` finds one there (unless its hardware is
    mocked).  Raises WmRosError (one line) for anything that cannot be right.
    """
    if kind not in KINDS:
        raise WmRosError(f'unknown graph {kind!r}: expected one of {", ".join(KINDS)}')
    _check_engine(kind, options)
    programs = [program for program in PROGRAMS
                if program.executable != ROBOT or kind == 'sim' or options.use_mock_hardware]
    files, layers = _layers(kind, options)
    values = {program.executable: layers.merged(program.executable) for program in programs}
    managed = [program.executable for program in programs if program.lifecycle]
    values[MANAGER].setdefault('node_names', managed)
    _check_agreement(values)
    _check_delay(values[MPC], values[SAFETY])
    _set_time_source(values, options.use_sim_time)
    remaps = tuple(split(remap, 'remap', 'from:=to') for remap in options.remaps)
    return tuple(
        NodeEntry(program, program.executable, values[program.executable],
                  files, remaps)
        for program in programs)


def _check_engine(kind, options):
    for name in ('engine', 'randomization'):
        value = getattr(options, name)
        if kind == 'robot' and value:
            raise WmRosError(f'{name} {value!r}: is that of a simulated robot; leave it away, or '
                             'start the graph sim')
    if options.use_mock_hardware and options.engine not in ('', 'mock'):
        raise WmRosError(f'engine {options.engine!r}: mocked hardware has no physics; leave one '
                         'of the two away')


def _layers(kind, options):
    """Return the files that were read, and all that was asked for, the strongest last."""
    nodes = [program.executable for program in PROGRAMS]
    task = options.task or task_in(options.settings, options.params_files, nodes)
    get_task(task)
    shipped, given = files_of(task, options.sensors, options.params_files, nodes)
    layers = Layers(nodes)
    for file in shipped:
        layers.add_file(file)
    if kind == 'robot':
        layers.add('robot graph', {SAFETY: {'safety.speed_scale': ROBOT_SPEED_SCALE}})
    for file in given:
        layers.add_file(file)
    layers.add('arguments', _arguments(options))
    for setting in options.settings:
        layers.add_setting(setting)
    return tuple(str(file) for file in shipped + given), layers


def _arguments(options):
    general = {name: value for name, value in (
        ('task', options.task), ('robot', _whole(options.robot)),
        ('checkpoint', _existing(options.checkpoint)), ('autostart', options.autostart),
        ('engine', 'mock' if options.use_mock_hardware else options.engine),
        ('randomization', _whole(options.randomization)))
        if value not in ('', None)}
    return {'': general}


def _whole(name):
    """Return a name as it is, a file with its whole path: nodes may run elsewhere."""
    return str(Path(name).resolve()) if name.endswith(('.yaml', '.yml')) else name


def _existing(checkpoint):
    if not checkpoint:
        return ''
    file = paths.find_weights(checkpoint)
    if not file.is_file():
        raise paths.no_checkpoint(file)
    return str(file.resolve())


def _check_agreement(values):
    """Refuse nodes that do not speak of the same robot, task, model and frames."""
    for name in _SHARED:
        found = {node: own[name] for node, own in values.items() if name in own}
        if len(set(found.values())) > 1:
            raise ParameterError(f'parameter {name}: the nodes disagree ('
                                 + ', '.join(f'{n}: {v!r}' for n, v in found.items()) + ')')
    task = values[SENSOR].get('task', TABLE.specs['task'].default)
    if task not in TASKS:
        get_task(task)


def _check_delay(mpc, safety):
    """Refuse plans that would be too old before they begin: the arm would never move."""
    delay, timeout = (own.get(name, TABLE.specs[name].default) for own, name in (
        (mpc, 'planner.action_delay'), (safety, 'safety.plan_timeout')))
    if delay >= timeout:
        raise ParameterError(f'parameter planner.action_delay: got {delay:g} s, expected less '
                             f'than safety.plan_timeout, {timeout:g} s: the gate would hold, '
                             'because every plan would be too old before it begins')


def _set_time_source(values, use_sim_time):
    """Set simulated time everywhere or nowhere; unasked, as the robot is in lockstep."""
    if use_sim_time is None:
        said = [own['use_sim_time'] for own in values.values() if 'use_sim_time' in own]
        use_sim_time = any(said) if said else values.get(ROBOT, {}).get('lockstep', False)
    for own in values.values():
        own['use_sim_time'] = use_sim_time
