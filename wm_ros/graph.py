"""
The graph: one table of nodes that the launch files and ``wm_ros up`` both read.

``graph(kind, ...)`` returns what to start, in the order of starting, with every parameter
already merged and checked: ``config/params.yaml``, then ``config/tasks/<task>.yaml``, then
what the kind of graph asks for, the user's files, the arguments, single settings.  A later
one wins, however general its section is.
"""

from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from types import MappingProxyType
from typing import Any, Mapping, Optional, Tuple

from wm_ros import paths
from wm_ros.param_table import MANAGER, MODEL, MPC, ROBOT, SAFETY, SENSOR, TABLE
from wm_ros.params import load_files, sections
from wm_ros.tasks import get_task, TASKS
from wm_ros.types import CheckpointError, ParameterError, WmRosError
import yaml

KINDS = ('sim', 'robot')
#: What a real robot starts at, until somebody says otherwise.
ROBOT_SPEED_SCALE = 0.1

#: For all processes of the graph, where nothing else is set.  On a robot other things run
#: as well, and networks as small as ours get slower, not faster, by threads that spin.
ENVIRONMENT = {'OMP_NUM_THREADS': '1', 'OMP_WAIT_POLICY': 'PASSIVE'}

_WILDCARDS = ('/**', '/*')
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
    programs = [program for program in PROGRAMS
                if program.executable != ROBOT or kind == 'sim' or options.use_mock_hardware]
    files = _files(options)
    layers = _layers(kind, options, files)
    values = {program.executable: _merge(program.executable, layers) for program in programs}
    managed = [program.executable for program in programs if program.lifecycle]
    values[MANAGER].setdefault('node_names', managed)
    _check_agreement(values)
    _set_time_source(values, options.use_sim_time)
    remaps = tuple(_split(remap, 'remap', 'from:=to') for remap in options.remaps)
    return tuple(
        NodeEntry(program, program.executable, values[program.executable],
                  tuple(str(file) for file in files), remaps)
        for program in programs)


def _files(options):
    """Return the parameter files in the order of reading."""
    for file in options.params_files:
        _check_sections(file)
    task = options.task or _task_in(options)
    get_task(task)
    config = paths.config_dir()
    overlay = config / 'tasks' / f'{task}.yaml'
    files = [config / 'params.yaml'] + ([overlay] if overlay.is_file() else [])
    return files + [Path(file) for file in options.params_files]


def _task_in(options):
    """Return the task that settings or files name, the last of them first."""
    for setting in reversed(options.settings):
        name, value = _split(setting, 'setting', 'name:=value')
        if name.split(':')[-1] == 'task':
            return str(_parse(value, setting))
    for program in PROGRAMS:
        task = load_files(options.params_files, program.executable).get('task')
        if task is not None:
            return str(task)
    return TABLE.specs['task'].default


def _check_sections(file):
    """Refuse a section that is a slip of the pen; sections of other software may stand."""
    known = [program.executable for program in PROGRAMS]
    for section in sections(file):
        name = section.rstrip('/').split('/')[-1]
        if section in _WILDCARDS or name in known:
            continue
        close = get_close_matches(name, known, n=1)
        if close:
            raise ParameterError(f'parameter file {file}: no node {section!r}; '
                                 f'did you mean {close[0]!r}?')


def _layers(kind, options, files):
    """Return [(where from, {node or '': {name: value}})], the strongest last."""
    own = len(files) - len(options.params_files)
    layers = [_file_layer(file) for file in files[:own]]
    if kind == 'robot':
        layers.append(('robot graph', {SAFETY: {'safety.speed_scale': ROBOT_SPEED_SCALE}}))
    layers += [_file_layer(file) for file in files[own:]]
    layers.append(('arguments', _arguments(options)))
    return layers + [_setting_layer(setting) for setting in options.settings]


def _file_layer(file):
    values = {program.executable: load_files([file], program.executable)
              for program in PROGRAMS}
    # What stands under a wildcard is for the nodes that have it.
    general = load_files([file], '')
    for name in general:
        _refuse_unknown(name, f'parameter file {file}')
    for node in values:
        values[node] = {name: value for name, value in values[node].items()
                        if name not in general or _has(node, name)}
    return f'parameter file {file}', values


def _arguments(options):
    robot = options.robot
    if robot.endswith(('.yaml', '.yml')):
        robot = str(Path(robot).resolve())
    general = {name: value for name, value in (
        ('task', options.task), ('robot', robot),
        ('checkpoint', _existing(options.checkpoint)), ('autostart', options.autostart))
        if value not in ('', None)}
    if options.use_mock_hardware:
        general['engine'] = 'mock'
    return {'': general}


def _existing(checkpoint):
    if not checkpoint:
        return ''
    file = paths.weights_file(checkpoint)
    if not file.is_file():
        raise CheckpointError(f'checkpoint {file}: no such file')
    return str(file.resolve())


def _setting_layer(setting):
    name, value = _split(setting, 'setting', '[node:]name:=value')
    node, _, short = name.rpartition(':')
    if node and node not in (program.executable for program in PROGRAMS):
        raise ParameterError(f'setting {setting!r}: no node {node!r}; expected one of '
                             f'{", ".join(p.executable for p in PROGRAMS)}')
    if not node:
        _refuse_unknown(short, f'setting {setting!r}')
    return f'setting {setting!r}', {node: {short: _parse(value, setting)}}


def _split(text, what, expected):
    name, separator, value = text.partition(':=')
    if not separator or not name or not value:
        raise ParameterError(f'{what} {text!r}: expected {expected}')
    return name, value


def _parse(value, setting):
    try:
        return yaml.safe_load(value)
    except yaml.YAMLError as error:
        raise ParameterError(f'setting {setting!r}: {value!r} is not valid YAML') from error


def _has(node, name):
    if name == 'use_sim_time':
        return True
    try:
        TABLE.find(node, name)
    except ParameterError:
        return False
    return True


def _refuse_unknown(name, where):
    if not any(_has(program.executable, name) for program in PROGRAMS):
        close = get_close_matches(name, TABLE.specs, n=1)
        raise ParameterError(f'{where}: no node has a parameter {name!r}'
                             + (f'; did you mean {close[0]!r}?' if close else ''))


def _merge(node, layers):
    """Return the values that ``node`` gets of all layers, each checked."""
    merged = {}
    for where, values in layers:
        chosen = {name: value for name, value in values.get('', {}).items()
                  if _has(node, name)}
        chosen.update(values.get(node, {}))
        for name, value in chosen.items():
            merged[name] = _check(node, name, value, where)
    return merged


def _check(node, name, value, where):
    if name == 'use_sim_time':
        if not isinstance(value, bool):
            raise ParameterError(f'{where}: parameter use_sim_time: got {value!r}, '
                                 'expected a bool')
        return value
    try:
        return TABLE.find(node, name).check(value)
    except ParameterError as error:
        raise ParameterError(f'{where}: {error}') from error


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


def _set_time_source(values, use_sim_time):
    """Set simulated time everywhere or nowhere; unasked, as the robot is in lockstep."""
    if use_sim_time is None:
        said = [own['use_sim_time'] for own in values.values() if 'use_sim_time' in own]
        use_sim_time = any(said) if said else values.get(ROBOT, {}).get('lockstep', False)
    for own in values.values():
        own['use_sim_time'] = use_sim_time
