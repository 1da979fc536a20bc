"""The sentinel in the running graph: its alarm is published, and each sense in the status."""

import pytest
from ros_testing import ACTIVATE, CONFIGURE
from sentinel_testing import write_sentinel
from wm_ros.nodes import convert
from wm_ros.nodes.sensor_node import SensorNode
from wm_ros.nodes.world_model_node import WorldModelNode


@pytest.mark.slow
def test_a_sentinel_says_how_unusual_it_is(peer, arm, tmp_path):
    sentinel = {'sentinel': write_sentinel(tmp_path / 'watchful')}
    names = [peer.run(cls, parameters).node.get_name() for cls, parameters in (
        (SensorNode, {}), (WorldModelNode, sentinel))]
    assert all(peer.change(name, change) for change in (CONFIGURE, ACTIVATE) for name in names)
    status = peer.record(convert.DiagnosticStatus, 'world_model_node/status').connected()
    alarm = peer.record(convert.Float32, 'world_model_node/alarm')
    assert alarm.next().data > 0
    found = convert.status_from_msg(status.next(lambda msg: any(
        entry.key == 'alarm_robot' for entry in msg.values)))
    assert found.figures['alarm_robot'] > 0 and found.figures['alarm_wrench'] == 0
