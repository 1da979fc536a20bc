"""What every test runs under: an environment that rclpy can be imported in, and a DDS domain."""

import os

import pytest
from wm_ros.nodes.processes import environment

# As the graph sets it: two threads of torch wait for each other on a busy machine.
os.environ.setdefault('OMP_NUM_THREADS', '1')
# Every field of every message is checked, which newer ROS distributions do only when asked.
os.environ.setdefault('ROS_PYTHON_CHECK_FIELDS', '1')
# Nodes of tests talk to nobody else: not to the network, not to another run on this machine.
os.environ['ROS_AUTOMATIC_DISCOVERY_RANGE'] = 'LOCALHOST'
# Each test takes a domain of its own (``ros_testing.Domain``), never that of whoever runs them.
os.environ.pop('ROS_DOMAIN_ID', None)

try:
    environment.prepare()
except environment.RosNotInstalled:
    # The library's own tests do not need ROS; those of the nodes fail when they import it.
    pass


def pytest_collection_modifyitems(items):
    """Have pytest-xdist run the tests of the running graph one after the other."""
    for item in items:
        if item.get_closest_marker('slow'):
            item.add_marker(pytest.mark.xdist_group('graph'))


# The helpers are imported late: tests of the library alone run where there is no ROS.
@pytest.fixture
def peer():
    """Yield a Peer."""
    from ros_testing import Peer
    made = Peer()
    yield made
    made.close()


@pytest.fixture
def arm(peer):
    """Yield an EchoArm of the shipped robot."""
    from robot_testing import EchoArm
    from wm_ros.robot.robot import load_robot
    made = EchoArm(peer, load_robot('panda'))
    yield made
    made.close()


@pytest.fixture
def plans(arm):
    """Yield a PlanSource for the arm."""
    from robot_testing import PlanSource
    made = PlanSource(arm)
    yield made
    made.close()


@pytest.fixture
def processes(peer):
    """Yield a function (module, *arguments) -> NodeProcess in the peer's domain."""
    from process_testing import NodeProcess
    started = []

    def start(module, *arguments, **variables):
        process = NodeProcess(module, peer.domain.id, arguments, **variables)
        started.append(process)
        return process
    yield start
    for process in started:
        process.stop()


@pytest.fixture
def robot_node(peer, processes):
    """Yield a function (**parameters) -> RobotProcess."""
    from robot_node_testing import RobotProcess

    def start(**parameters):
        return RobotProcess(peer, processes, **parameters)
    return start
