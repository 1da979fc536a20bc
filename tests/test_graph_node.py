"""The graph in one process, and what launch sets around it."""

import pytest
from ros_testing import wait_until

pytestmark = pytest.mark.slow
TOPICS = {'/left/mpc_node/plan', '/left/safety_node/command', '/left/arm/joints'}


def test_namespace_and_remaps_of_the_process_are_for_all_nodes(peer, processes):
    """As PushRosNamespace and SetRemap give them to a node of launch."""
    process = processes('wm_ros.nodes.graph_node', 'sim', '--use-mock-hardware', '--ros-args',
                        '-r', '__ns:=/left', '-r', 'joint_states:=arm/joints')

    def topics():
        assert process.process.poll() is None, process.output()
        return {name for name, _ in peer.node.get_topic_names_and_types()}
    wait_until(lambda: TOPICS <= topics(), 60.0, f'{TOPICS}')
    assert not [name for name in topics() if name.endswith('joint_states')]
    wait_until(lambda: peer.node.count_subscribers('/left/arm/joints') >= 2, 30.0, 'listeners')
    assert process.stop() == 0, process.output()
