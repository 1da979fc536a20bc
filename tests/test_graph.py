"""The table of nodes: what is started, with which parameters, and what is refused."""

from pathlib import Path

import pytest
from wm_ros import paths
from wm_ros.graph import graph, GraphOptions, PROGRAMS, ROBOT_SPEED_SCALE
from wm_ros.param_table import MANAGER, MODEL, MPC, ROBOT, SAFETY, SENSOR, TABLE
from wm_ros.params import load_files, sections
from wm_ros.tasks import TASKS
from wm_ros.types import ParameterError, WmRosError


def names(entries):
    """Return the names of the nodes."""
    return [entry.name for entry in entries]


def parameters(kind='sim', **options):
    """Return {node: parameters} of a graph."""
    return {entry.name: dict(entry.parameters) for entry in graph(kind, GraphOptions(**options))}


def write(folder, text):
    """Return the path of a parameter file with this text."""
    path = Path(folder) / 'mine.yaml'
    path.write_text(text, encoding='utf-8')
    return str(path)


def test_simulation_brings_its_robot_and_a_real_one_is_found():
    """The robot node is in the graph when there is no robot."""
    assert names(graph('sim')) == [ROBOT, SENSOR, MODEL, MPC, SAFETY, MANAGER]
    assert names(graph('robot')) == [SENSOR, MODEL, MPC, SAFETY, MANAGER]
    mocked = graph('robot', GraphOptions(use_mock_hardware=True))
    assert names(mocked)[0] == ROBOT
    assert mocked[0].parameters['engine'] == 'mock'


def test_the_engine_is_that_of_a_simulated_robot():
    assert parameters('sim', engine='mujoco')[ROBOT]['engine'] == 'mujoco'
    with pytest.raises(WmRosError, match='expected one of pybullet, mujoco, mock'):
        graph('sim', GraphOptions(engine='havok'))
    with pytest.raises(WmRosError, match="'mujoco': is that of a simulated robot"):
        graph('robot', GraphOptions(engine='mujoco'))
    with pytest.raises(WmRosError, match="'mujoco': mocked hardware has no physics"):
        graph('sim', GraphOptions(engine='mujoco', use_mock_hardware=True))


def test_a_real_robot_starts_slowly_unless_told(tmp_path):
    """The speed scale of robot graphs is low, and a file or setting of the user wins."""
    assert parameters('robot')[SAFETY]['safety.speed_scale'] == ROBOT_SPEED_SCALE
    assert parameters('sim')[SAFETY]['safety.speed_scale'] == 1.0
    file = write(tmp_path, 'safety_node:\n  ros__parameters:\n    safety: {speed_scale: 0.5}\n')
    assert parameters('robot', params_files=(file,))[SAFETY]['safety.speed_scale'] == 0.5
    told = parameters('robot', settings=('safety.speed_scale:=0.7',))
    assert told[SAFETY]['safety.speed_scale'] == 0.7


def test_order_of_bring_up_is_that_of_the_table():
    """The manager is told the lifecycle nodes, the gate as the last."""
    managed = parameters()[MANAGER]['node_names']
    assert managed == [entry.name for entry in graph() if entry.lifecycle]
    assert managed[-1] == SAFETY


@pytest.mark.parametrize('task', sorted(TASKS))
def test_task_reaches_all_nodes(task):
    """Every node that has a task parameter gets the task, and its overlay is read."""
    found = parameters(task=task)
    for node in (ROBOT, SENSOR, MODEL, MPC, SAFETY):
        assert found[node]['task'] == task
    overlay = paths.config_dir() / 'tasks' / f'{task}.yaml'
    assert str(overlay) in graph('sim', GraphOptions(task=task))[0].files
    for name, value in load_files([overlay], MPC).items():
        assert found[MPC][name] == value


def test_task_of_a_user_file_chooses_the_overlay(tmp_path):
    """A task that is named in a file, or by a setting, counts like the argument."""
    file = write(tmp_path, '/**:\n  ros__parameters:\n    task: push\n')
    for options in ({'params_files': (file,)}, {'settings': ('task:=push',)}):
        entry = graph('sim', GraphOptions(**options))[0]
        assert entry.parameters['task'] == 'push'
        assert any(path.endswith('push.yaml') for path in entry.files)
    assert parameters(task='reach', params_files=(file,))[MPC]['task'] == 'reach'


def test_other_sensors_than_the_usual_ones():
    found = parameters(task='push', sensors='camera')
    assert found[SENSOR]['use_camera'] and not found[SENSOR]['use_object_poses']
    assert found[MODEL]['eyes'] and found[ROBOT]['camera.rate'] >= 20.0
    assert not parameters(task='push').get(SENSOR, {}).get('use_camera')
    with pytest.raises(ParameterError, match="unknown sensors 'nose': expected one of camera"):
        graph('sim', GraphOptions(sensors='nose'))


def test_later_wins_however_general(tmp_path):
    """A wildcard of the user's file beats a node's section of the shipped one."""
    file = write(tmp_path, '/**:\n  ros__parameters:\n    planner.rate: 33.0\n')
    assert parameters(params_files=(file,))[MPC]['planner.rate'] == 33.0
    settings = ('mpc_node:planner.rate:=20',)
    found = parameters(params_files=(file,), settings=settings)[MPC]['planner.rate']
    assert found == 20.0 and isinstance(found, float)


def test_wildcard_is_for_the_nodes_that_have_the_name(tmp_path):
    """A value under /** is no error in nodes without that parameter."""
    file = write(tmp_path, '/**:\n  ros__parameters:\n    planner.rate: 33.0\n')
    assert 'planner.rate' not in parameters(params_files=(file,))[SAFETY]


def test_shipped_file_says_what_the_table_says():
    """config/params.yaml names every parameter of every node, at its default."""
    path = paths.config_dir() / 'params.yaml'
    known = {program.executable for program in PROGRAMS}
    assert set(sections(path)) <= known | {'/**'}
    for node in known:
        general = load_files([path], '')
        values = {name: value for name, value in load_files([path], node).items()
                  if name not in general or name in TABLE.of_node(node)}
        assert TABLE.resolve(node, values) == TABLE.defaults(node), (
            'config/params.yaml and wm_ros/param_table.py differ')
        missing = {name for name, value in TABLE.defaults(node).items() if name not in values}
        # ROS has no empty lists in parameter files: these stand there as comments.
        said = {name for name in missing if TABLE.defaults(node)[name] == []
                and f'# {name.split(".")[-1]}: ' in path.read_text(encoding='utf-8')}
        assert missing == said, f'{node}: not in config/params.yaml: {missing - said}'


def test_joint_limits_pass(tmp_path):
    """Limits named as ros2_control names them go to the gate, and only there."""
    text = ('safety_node:\n  ros__parameters:\n    joint_limits:\n'
            '      panda_joint1: {has_velocity_limits: true, max_velocity: 1.0}\n')
    found = parameters(params_files=(write(tmp_path, text),))
    assert found[SAFETY]['joint_limits.panda_joint1.max_velocity'] == 1.0
    with pytest.raises(WmRosError, match='joint_limits'):
        parameters(params_files=(write(tmp_path, text.replace('safety', 'mpc')),))


def test_simulated_time():
    """By itself it follows lockstep, everywhere alike."""
    assert not any(p['use_sim_time'] for p in parameters().values())
    assert all(p['use_sim_time'] for p in parameters(settings=('lockstep:=true',)).values())
    assert all(p['use_sim_time'] for p in parameters(use_sim_time=True).values())
    found = parameters(settings=('lockstep:=true',), use_sim_time=False)
    assert not any(p['use_sim_time'] for p in found.values())


def test_remaps():
    """Remappings reach every node."""
    entries = graph('robot', GraphOptions(remaps=('joint_states:=/franka/joint_states',)))
    assert all(e.remaps == (('joint_states', '/franka/joint_states'),) for e in entries)


BAD_FILES = {
    'unknown name': ('mpc_node:\n  ros__parameters: {planner: {horizn: 3}}\n',
                     "did you mean 'planner.horizon'"),
    'unknown name for all': ('/**:\n  ros__parameters: {planner.horizn: 3}\n',
                             "did you mean 'planner.horizon'"),
    'wrong type': ('mpc_node:\n  ros__parameters: {planner.horizon: fast}\n', 'an integer'),
    'not finite': ('mpc_node:\n  ros__parameters: {planner.rate: .nan}\n', 'finite'),
    'out of range': ('/**:\n  ros__parameters: {safety.speed_scale: 3.0}\n', 'from 0.01 to 1'),
    'wrong node': ('safety_node:\n  ros__parameters: {planner.horizon: 3}\n', 'no parameter'),
    'misspelt node': ('mpc_nod:\n  ros__parameters: {planner.horizon: 3}\n',
                      "did you mean 'mpc_node'"),
    'malformed': ('mpc_node: [\n', 'not valid YAML'),
    'no mapping': ('mpc_node:\n  planner.horizon: 3\n', 'ros__parameters'),
    'disagreement': ('mpc_node:\n  ros__parameters: {robot: ur5}\n', 'disagree'),
    'sim time': ('/**:\n  ros__parameters: {use_sim_time: 1}\n', 'a bool'),
    'unknown task': ('/**:\n  ros__parameters: {task: juggle}\n', 'unknown task'),
}


@pytest.mark.parametrize('case', sorted(BAD_FILES))
def test_bad_files_are_refused_in_one_line(tmp_path, case):
    """The error says what was got and what was expected."""
    text, expected = BAD_FILES[case]
    with pytest.raises(WmRosError) as caught:
        parameters(params_files=(write(tmp_path, text),))
    assert expected in str(caught.value)
    assert '\n' not in str(caught.value)


@pytest.mark.parametrize('options, expected', [
    ({'task': 'juggle'}, 'unknown task'),
    ({'params_files': ('/nowhere/at/all.yaml',)}, 'cannot be read'),
    ({'checkpoint': '/nowhere/at/all'}, 'no such file'),
    ({'settings': ('planner.horizon',)}, 'name:=value'),
    ({'settings': ('planner.horizon:=[',)}, 'not valid YAML'),
    ({'settings': ('nobody:planner.horizon:=3',)}, 'no node'),
    ({'settings': ('planner.horizn:=3',)}, 'did you mean'),
    ({'settings': ('planner.type:=psychic',)}, 'one of mppi'),
    ({'remaps': ('joint_states',)}, 'from:=to'),
])
def test_bad_options_are_refused_in_one_line(options, expected):
    """So are arguments."""
    with pytest.raises(WmRosError) as caught:
        parameters(**options)
    assert expected in str(caught.value)
    assert '\n' not in str(caught.value)


def test_plans_that_would_be_too_old_are_refused():
    """A delay as long as the gate's patience would keep the arm still for ever."""
    delay = 'planner.action_delay:=0.2'
    with pytest.raises(ParameterError, match='action_delay.*less than safety.plan_timeout, 0.15'):
        graph('sim', GraphOptions(settings=(delay,)))
    graph('sim', GraphOptions(settings=(delay, 'safety.plan_timeout:=0.3')))


@pytest.mark.parametrize('ending', ['', '.safetensors', '.json'])
def test_a_checkpoint_is_named_with_or_without_its_ending(tmp_path, ending):
    """As ``wm_ros train --output my_reach`` named it."""
    shipped = paths.checkpoint_dir() / 'panda_reach'
    given = parameters(checkpoint=f'{shipped}{ending}')[MPC]['checkpoint']
    assert given == f'{shipped}.safetensors'


def test_foreign_sections_may_stand(tmp_path):
    """A file may hold parameters of other software, as ROS files do."""
    file = write(tmp_path, 'move_group:\n  ros__parameters: {anything: 3}\n')
    assert parameters(params_files=(file,))[MPC] == parameters()[MPC]
