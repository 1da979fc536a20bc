"""
The launch files start what the table says.

Where the official ``launch`` and ``launch_ros`` are installed, the files are loaded with
them; elsewhere they are read as text, which shows less but does not need ROS's own tools.
"""

import ast
from importlib.util import find_spec, module_from_spec, spec_from_file_location

import pytest
from wm_ros import paths
from wm_ros.graph import graph, GraphOptions, KINDS
from wm_ros.nodes.processes.lock import GraphLock

try:
    # The `launch` of PyPI is another program.
    HAS_LAUNCH = find_spec('launch_ros') is not None and find_spec('launch.actions') is not None
except ModuleNotFoundError:
    HAS_LAUNCH = False
needs_launch = pytest.mark.skipif(not HAS_LAUNCH, reason='the official launch is not installed')
NAMES = {'namespace', 'use_sim_time', 'params_file', 'autostart', 'log_level', 'robot', 'task',
         'checkpoint', 'sensors', 'engine', 'randomization', 'use_mock_hardware', 'rviz',
         'single_process'}
SIMULATED = {'engine', 'randomization'}     # of what a real robot knows nothing


def tree_of(path):
    """Return the syntax tree of a Python file."""
    return ast.parse(path.read_text(encoding='utf-8'), str(path))


def launching_tree():
    """Return the syntax tree of the module behind the launch files."""
    import wm_ros.nodes
    return tree_of(paths.Path(wm_ros.nodes.__file__).parent / 'processes' / 'launching.py')


def test_there_is_one_for_each_kind_of_graph():
    """Nothing else stands in the folder."""
    files = {path.name for path in paths.launch_dir().glob('*.py')}
    assert files == {f'{kind}.launch.py' for kind in KINDS}


@pytest.mark.parametrize('kind', KINDS)
def test_file_describes_its_graph(kind):
    """Each file returns the shared description of its own kind, and names all arguments."""
    tree = tree_of(paths.launch_dir() / f'{kind}.launch.py')
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    assert [function.name for function in functions] == ['generate_launch_description']
    returned = functions[0].body[-1]
    assert isinstance(returned, ast.Return)
    assert ast.unparse(returned.value) == f'description({kind!r})'
    assert 'from wm_ros.nodes.processes.launching import description' in ast.unparse(tree)
    text = ast.get_docstring(tree)
    listed = text.split('explains them): ')[1].split('.\n')[0].replace('\n', ' ').split(', ')
    assert set(listed) == NAMES - (SIMULATED if kind == 'robot' else set())


def test_arguments():
    """The arguments are those that users try."""
    for node in launching_tree().body:
        if isinstance(node, ast.Assign) and node.targets[0].id == 'ARGUMENTS':
            found = ast.literal_eval(node.value)
    assert set(found) == NAMES
    assert all(isinstance(default, str) and text for default, text in found.values())


def test_nodes_come_from_the_table():
    """The description is built of ``graph``, and of no executable of its own but one."""
    tree = launching_tree()
    calls = [ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)]
    assert 'graph' in calls and 'graph_command_line' in calls
    executables = {keyword.value.value for node in ast.walk(tree) if isinstance(node, ast.Call)
                   for keyword in node.keywords if keyword.arg == 'executable'
                   and isinstance(keyword.value, ast.Constant)}
    assert executables == {'robot_state_publisher', 'rviz2'}


def described(kind, **arguments):
    """Return the nodes that the launch file of ``kind`` starts; only with ``launch``."""
    from launch import LaunchContext
    from launch.actions import DeclareLaunchArgument, OpaqueFunction
    path = paths.launch_dir() / f'{kind}.launch.py'
    spec = spec_from_file_location(f'{kind}_launch', path)
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    context = LaunchContext()
    context.launch_configurations.update(arguments)
    found = []
    for entity in module.generate_launch_description().entities:
        if isinstance(entity, DeclareLaunchArgument):
            entity.execute(context)
        else:
            assert isinstance(entity, OpaqueFunction)
            found += entity.execute(context)
    return context, found


def told(context, node):
    """Return (executable, namespace, parameters) of a launch_ros node as it would start."""
    from launch_ros.utilities import evaluate_parameters
    node._perform_substitutions(context)
    parameters = {}
    for values in evaluate_parameters(context, node._Node__parameters):
        parameters.update(values)
    plain = {name: list(value) if isinstance(value, tuple) else value
             for name, value in parameters.items()}
    return node.node_executable, node.expanded_node_namespace, plain


@pytest.mark.parametrize('kind', KINDS)
@pytest.mark.parametrize('arguments, options', [
    ({}, GraphOptions()),
    ({'task': 'push', 'use_mock_hardware': 'true', 'autostart': 'false'},
     GraphOptions(task='push', use_mock_hardware=True, autostart=False)),
    ({'engine': 'mujoco'}, GraphOptions(engine='mujoco')),
    ({'randomization': 'usual'}, GraphOptions(randomization='usual')),
    ({'use_sim_time': 'True', 'namespace': 'left'}, GraphOptions(use_sim_time=True)),
])
@needs_launch
def test_launched_nodes_are_those_of_the_table(kind, arguments, options):
    """Executables, namespaces and every parameter, with its type."""
    if kind == 'robot' and SIMULATED & set(arguments):
        arguments, options = {}, GraphOptions()     # it has no such argument
    context, nodes = described(kind, **arguments)
    entries = graph(kind, options)
    assert len(nodes) == len(entries)
    for node, entry in zip(nodes, entries):
        executable, namespace, parameters = told(context, node)
        assert executable == entry.executable
        # Without one, the node goes where an including launch file puts it.
        expected = arguments.get('namespace', '<node_namespace_unspecified>')
        assert namespace.strip('/') == expected
        assert parameters == dict(entry.parameters)
        for name, value in entry.parameters.items():
            assert type(parameters[name]) is type(value), name


@needs_launch
def test_single_process():
    """One process, told in words what the table would have said."""
    context, (node,) = described('sim', single_process='true', task='push')
    executable, _, _ = told(context, node)
    assert executable == 'graph_node'
    words = [''.join(part.perform(context) for part in word) for word in node.cmd[1:]]
    assert words[words.index('--task') + 1] == 'push'


@pytest.mark.parametrize('arguments, expected', [
    ({'task': 'juggle'}, 'unknown task'), ({'autostart': 'maybe'}, 'true or false'),
    ({'params_file': '/nowhere.yaml'}, 'cannot be read'),
    ({'robot': 'nobody'}, 'unknown robot'), ({'log_level': 'loud'}, 'expected one of debug')])
@needs_launch
def test_bad_arguments_are_refused(arguments, expected):
    """Before anything starts."""
    with pytest.raises(Exception, match=expected):
        described('sim', **arguments)


@needs_launch
def test_second_graph_is_refused():
    """While another one holds the lock."""
    lock = GraphLock('held')
    lock.require()
    try:
        with pytest.raises(Exception, match='runs already'):
            described('sim', namespace='held')
    finally:
        lock.release()


@needs_launch
def test_the_nodes_libraries_are_not_needed_to_launch_them(monkeypatch):
    """As with apt's `ros2` and nodes that have a virtual environment of their own."""
    monkeypatch.setattr('wm_ros.robot.urdf.find_spec', lambda name: None)
    assert len(described('sim')[1]) == len(graph('sim'))
