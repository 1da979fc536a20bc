"""The planner while it plans: parameters that change, and markers for those who look."""

from mpc_node_testing import bring_up, Goals
import numpy as np
import pytest
from ros_testing import CLEANUP, CONFIGURE
from wm_ros.nodes import convert
from wm_ros.nodes.mpc_node import MpcNode
from wm_ros.nodes.sensor_node import SensorNode
from wm_ros.nodes.world_model_node import WorldModelNode

pytestmark = pytest.mark.slow


def test_parameters_change_between_plans(peer, arm):
    bring_up(peer, SensorNode, WorldModelNode, MpcNode)
    goals = Goals(peer)
    plans = peer.record(convert.JointTrajectory, 'mpc_node/plan')
    goals.send()
    assert len(plans.next().points) == 11
    assert peer.set('mpc_node', planner__horizon=6).successful
    plans.next(lambda msg: len(msg.points) == 7)
    result = peer.set('mpc_node', planner__horizon=8, planner__num_samples=4)
    assert not result.successful and 'planner.num_' in result.reason
    assert len(plans.next().points) == 7
    for name in ('cem', 'gradient', 'nlp', 'tree', 'actor', 'prior', 'mppi'):
        assert peer.set('mpc_node', planner__type=name).successful
        plans.next()
    result = peer.set('mpc_node', planner__dt=0.1)
    assert not result.successful and 'fixed' in result.reason
    plans.next()


def test_settings_are_judged_by_the_model_that_is_there(peer):
    """Before and after it none is, and the checkpoint to come may have what is asked for."""
    peer.run(MpcNode, {'robot': 'ur5e'})        # for which no actor is shipped
    assert peer.change('mpc_node', CONFIGURE)
    result = peer.set('mpc_node', planner__type='actor')
    assert not result.successful and 'train --model actor' in result.reason
    assert peer.change('mpc_node', CLEANUP)
    assert peer.set('mpc_node', planner__type='actor').successful
    assert not peer.change('mpc_node', CONFIGURE)
    assert peer.set('mpc_node', planner__type='mppi').successful
    assert peer.change('mpc_node', CONFIGURE)


def test_imagined_trajectories_are_made_for_those_who_look(peer, arm):
    (_, _, node) = bring_up(peer, SensorNode, WorldModelNode, MpcNode)
    goals = Goals(peer)
    plans = peer.record(convert.JointTrajectory, 'mpc_node/plan')
    goals.send()
    for _ in range(5):
        plans.next()
    assert node._shown == 0.0
    recorder = peer.record(convert.MarkerArray, 'mpc_node/imagined_trajectories')
    found = recorder.next().markers
    assert {marker.ns for marker in found} == {'imagined_end_effector', 'plan', 'goal'}
    assert len(found) > 10
    for marker in found:
        assert marker.header.frame_id == 'panda_link0'
        assert np.isfinite([[p.x, p.y, p.z] for p in marker.points]).all()
    imagined = [marker for marker in found if marker.ns.startswith('imagined')]
    assert imagined[0].color.g > imagined[0].color.r       # the best is green
    assert imagined[-1].color.r > imagined[-1].color.g
    assert peer.set('mpc_node', planner__keep_out=[0.5, 0.0, 0.9, 0.1, 0.2, 0.3]).successful
    boxes = recorder.next(lambda msg: {marker.ns for marker in msg.markers} >= {'keep_out'})
    (box,) = [marker for marker in boxes.markers if marker.ns == 'keep_out']
    assert (box.pose.position.z, box.scale.x, box.scale.z) == (0.9, 0.1, 0.3)
    result = peer.set('mpc_node', planner__keep_out=[0.5, 0.0, 0.9])
    assert not result.successful and 'got 3 numbers' in result.reason
