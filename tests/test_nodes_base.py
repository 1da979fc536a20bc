"""What all nodes have in common: parameters, lifecycle, start and end."""

import os
import signal
import threading

import pytest
from rcl_interfaces.srv import DescribeParameters, ListParameters
from rclpy.parameter import Parameter
from ros_testing import ACTIVATE, ACTIVE, CLEANUP, CONFIGURE, DEACTIVATE, UNCONFIGURED, wait_until
from wm_ros.nodes import convert
from wm_ros.nodes.safety_node import SafetyNode
from wm_ros.nodes.sensor_node import SensorNode
from wm_ros.param_table import TABLE
from wm_ros.types import ParameterError

pytestmark = pytest.mark.slow


# Parameters

def test_every_parameter_is_declared_as_in_the_table(peer):
    peer.run(SensorNode)
    specs = TABLE.of_node('sensor_node')
    found = peer.call(ListParameters, 'sensor_node/list_parameters').result.names
    assert set(specs) <= set(found)
    names = sorted(specs)
    described = peer.call(DescribeParameters, 'sensor_node/describe_parameters',
                          DescribeParameters.Request(names=names)).descriptors
    for name, descriptor in zip(names, described):
        assert specs[name].doc in descriptor.description
        if specs[name].kind == 'double':
            (limits,) = descriptor.floating_point_range
            assert limits.from_value == specs[name].low


@pytest.mark.parametrize('name, value, reason', [
    ('observation_rat', 20.0, "did you mean 'observation_rate'"),
    ('observation_rate', float('nan'), 'finite'),
    ('observation_rate', 0.0, 'from 1 to 250'),
    ('observation_rate', 'fast', "got 'fast'"),
    ('use_camera', 1, 'a bool')])
def test_parameters_refused_at_start(peer, name, value, reason):
    with pytest.raises(ParameterError, match=reason):
        peer.run(SensorNode, {name: value})


def test_an_integer_is_a_number(peer):
    assert peer.run(SensorNode, {'observation_rate': 20}).node.values['observation_rate'] == 20.0


def test_parameters_of_other_nodes_are_left_aside(peer):
    # Wildcard sections of parameter files reach every node.
    assert 'checkpoint' not in peer.run(SensorNode, {'checkpoint': 'x'}).node.values


_BAD = {
    'double': [float('nan'), float('inf'), -float('inf'), 'x', [1.0], True, -1e300, 1e300],
    'int': [1.5, 'x', True, [1], -10 ** 18], 'bool': [1, 'true', 0.0], 'string': [1, True, 2.0],
    'string_array': [1, 'x']}


@pytest.mark.parametrize('node_class', [SensorNode, SafetyNode])
def test_bad_values_are_refused_and_the_value_stays(peer, node_class):
    node = peer.run(node_class).node
    name = node.get_name()
    assert peer.change(name, CONFIGURE, ACTIVATE)
    for spec in TABLE.of_node(name).values():
        before = peer.get(name, spec.name)
        for value in _BAD[spec.kind]:
            result = peer.set(name, **{spec.name: value})
            assert not result.successful, (spec.name, value)
            assert result.reason
        assert peer.get(name, spec.name) == before
        assert node.values[spec.name] == spec.default
    assert peer.state(name) == ACTIVE


def test_a_set_is_taken_or_refused_as_a_whole(peer, arm):
    node = peer.run(SafetyNode).node
    assert peer.change('safety_node', CONFIGURE, ACTIVATE)
    result = peer.set('safety_node', safety__plan_timeout=0.3, safety__speed_scale=2.0)
    assert not result.successful and 'safety.speed_scale' in result.reason
    assert peer.get('safety_node', 'safety.plan_timeout').double_value == 0.15
    assert peer.set('safety_node', safety__plan_timeout=0.3, safety__speed_scale=0.5).successful
    wait_until(lambda: (node.values['safety.plan_timeout'],
                        node.values['safety.speed_scale']) == (0.3, 0.5), 5.0, 'both in use')
    assert node._gate.settings.speed_scale == 0.5


def test_fixed_parameters_change_only_while_unconfigured(peer):
    node = peer.run(SafetyNode).node
    assert peer.set('safety_node', safety__rate=60.0).successful
    assert peer.change('safety_node', CONFIGURE)
    assert node.values['safety.rate'] == 60.0
    result = peer.set('safety_node', safety__rate=90.0)
    assert not result.successful and 'fixed while the node is configured' in result.reason
    assert peer.set('safety_node', safety__rate=60.0).successful      # it is that already
    assert peer.change('safety_node', CLEANUP)
    assert peer.set('safety_node', safety__rate=90.0).successful


def test_joint_limits_tighten_what_the_gate_allows(peer):
    node = peer.run(SafetyNode, {
        'joint_limits.panda_joint2.max_position': 0.5,
        'joint_limits.panda_joint3.max_velocity': 1}).node
    assert peer.change('safety_node', CONFIGURE)
    limits = node._limits()
    own = node.robot.limits
    assert limits.upper[1] == 0.5 and limits.velocity[2] == 1.0
    assert limits.lower[1] == own.lower[1] and limits.velocity[1] == own.velocity[1]
    result = peer.set('safety_node', **{'joint_limits.panda_joint1.max_velocity': 0.5})
    assert not result.successful and 'fixed' in result.reason


def test_joint_limits_that_nobody_knows(peer):
    with pytest.raises(ParameterError, match='max_speed'):
        peer.run(SafetyNode, {'joint_limits.panda_joint2.max_speed': 0.5})
    peer.run(SafetyNode, {'joint_limits.joint_a.max_velocity': 0.5})
    assert not peer.change('safety_node', CONFIGURE)
    assert peer.state('safety_node') == UNCONFIGURED


# Lifecycle

def test_a_refused_configuration_leaves_the_node_unconfigured(peer):
    node = peer.run(SensorNode, {'robot': 'r2d2'}).node
    topics = node.count_publishers('sensor_node/observation')
    assert not peer.change('sensor_node', CONFIGURE)
    assert peer.state('sensor_node') == UNCONFIGURED
    assert node.count_publishers('sensor_node/observation') == topics == 0
    assert peer.set('sensor_node', robot='panda').successful
    assert peer.change('sensor_node', CONFIGURE, ACTIVATE)


@pytest.mark.parametrize('node_class', [SensorNode, SafetyNode])
def test_a_destroyed_node_is_gone_for_others(peer, node_class):
    thread = peer.run(node_class)
    name = thread.node.get_fully_qualified_name()
    assert peer.change(name, CONFIGURE)
    assert name in peer.node.get_fully_qualified_node_names()
    thread.close()
    wait_until(lambda: name not in peer.node.get_fully_qualified_node_names(), 5.0)


def resources():
    return threading.active_count(), len(os.listdir('/proc/self/fd'))


@pytest.mark.parametrize('node_class', [SensorNode, SafetyNode])
def test_fifty_round_trips_leak_nothing(peer, arm, node_class):
    node = peer.run(node_class).node
    name = node.get_name()
    counts = []
    for _ in range(50):
        assert peer.change(name, CONFIGURE, ACTIVATE, DEACTIVATE, CLEANUP)
        counts.append((*resources(), len(list(node.publishers)), len(list(node.subscriptions)),
                       len(list(node.timers)), len(list(node.services)), len(node._undo)))
    for now, first in zip(counts[-1], counts[4]):
        assert now <= first, (counts[4], counts[-1])
    assert peer.change(name, CONFIGURE, ACTIVATE)


def test_status_and_diagnostics(peer):
    peer.run(SensorNode)
    status = peer.record(convert.DiagnosticStatus, 'sensor_node/status')
    diagnostics = peer.record(convert.DiagnosticArray, '/diagnostics')
    assert peer.change('sensor_node', CONFIGURE)
    assert status.next().message == 'WAITING: inactive'
    assert peer.change('sensor_node', ACTIVATE)
    found = status.next(lambda msg: 'STALE_INPUT' in msg.message)
    assert found.message == 'STALE_INPUT: no joint states' and found.hardware_id == 'panda'
    array = diagnostics.next(lambda msg: msg.status[0].message == found.message)
    assert array.status[0].name == 'sensor_node' and array.header.stamp.sec > 0
    first, said = len(diagnostics), len(status)
    diagnostics.next()
    diagnostics.next()
    assert len(diagnostics) - first == 2
    assert len(status) - said > 4       # the status comes far more often
    assert peer.pause('sensor_node', True).success
    assert status.next(lambda msg: 'PAUSED' in msg.message).message == 'PAUSED: paused'


# Processes

MODULE = 'wm_ros.nodes.sensor_node'


def test_an_unknown_parameter_ends_the_process_with_one_line(processes):
    process = processes(MODULE, '--ros-args', '-p', 'observation_rat:=20.0')
    assert process.wait() == 2
    lines = process.output().strip().splitlines()
    assert lines == ["sensor_node: sensor_node has no parameter 'observation_rat'; did you mean "
                     "'observation_rate'?"]


@pytest.mark.parametrize('renamed', [False, True])
def test_a_second_graph_is_refused(peer, processes, renamed):
    # ros2 launch remaps the name of each node that it gives a name to.
    arguments = ['--ros-args', '-r', '__ns:=/left']
    arguments += ['-r', '__node:=sensor_node'] if renamed else []
    first = processes(MODULE, *arguments)
    assert peer.state('/left/sensor_node') == UNCONFIGURED
    second = processes(MODULE, *arguments)
    assert second.wait() == 2
    (line,) = second.output().strip().splitlines()
    assert line.startswith('sensor_node: /left/sensor_node runs already in ROS domain '
                           f'{peer.domain.id}')
    other = processes(MODULE, '--ros-args', '-r', '__ns:=/right')
    assert peer.state('/right/sensor_node') == UNCONFIGURED
    assert first.process.poll() is None and other.process.poll() is None


@pytest.mark.parametrize('numbers', [[signal.SIGINT], [signal.SIGTERM],
                                     [signal.SIGINT, signal.SIGINT, signal.SIGTERM]])
def test_signals_end_a_node_cleanly(peer, arm, processes, numbers):
    process = processes(MODULE)
    assert peer.change('sensor_node', CONFIGURE, ACTIVATE), process.output()
    peer.record(convert.PointCloud2, 'sensor_node/observation').next()
    for number in numbers:
        process.signal(number)
    assert process.wait(10.0) == 0
    assert process.output() == ''


def test_an_ament_prefix_path_is_not_needed(peer, processes):
    process = processes(MODULE, AMENT_PREFIX_PATH='')
    assert peer.state('sensor_node') == UNCONFIGURED, process.output()


def test_parameter_files(peer, processes, tmp_path):
    file = tmp_path / 'mine.yaml'
    file.write_text('/**:\n  ros__parameters:\n    checkpoint: x\n    use_sim_time: false\n'
                    'sensor_node:\n  ros__parameters:\n    observation_rate: 25\n')
    processes(MODULE, '--ros-args', '--params-file', str(file))
    assert peer.get('sensor_node', 'observation_rate').double_value == 25.0
    assert Parameter.Type.DOUBLE.value == peer.get('sensor_node', 'observation_rate').type
