"""World model and planner: from observations and a goal to plans, over DDS."""

import signal
import time

from mpc_node_testing import bring_up, GOAL, Goals
import numpy as np
import pytest
from ros_testing import ACTIVATE, CONFIGURE, DEACTIVATE, UNCONFIGURED, wait_until
from wm_ros import paths
from wm_ros.nodes import convert, frames
from wm_ros.nodes.mpc_node import MpcNode
from wm_ros.nodes.safety_node import SafetyNode
from wm_ros.nodes.sensor_node import SensorNode
from wm_ros.nodes.world_model_node import WorldModelNode
from wm_ros.robot.kinematics import Kinematics
from wm_ros.types import Belief, Code, GoalRejected

pytestmark = pytest.mark.slow


def test_beliefs_follow_observations(peer, arm):
    bring_up(peer, SensorNode, WorldModelNode)
    surprise = peer.record(convert.Float32, 'world_model_node/surprise')
    recorder = peer.record(convert.PointCloud2, 'world_model_node/belief')
    msg = recorder.next()
    belief = convert.belief_from_msg(msg)
    ee, _ = Kinematics(arm.robot).forward(arm.robot.home)
    np.testing.assert_allclose(belief.state[:3], ee, atol=1e-5)
    assert len(belief.checkpoint) == 12
    assert np.isfinite(surprise.next().data)
    count = len(recorder)
    wait_until(lambda: len(recorder) > count + 60, 20.0)
    stamps = [convert.belief_from_msg(m).stamp for m in recorder.messages[count:]]
    assert (np.diff(stamps) > 0).all()


def test_plans_are_timed_from_the_joint_state(peer, arm):
    bring_up(peer, SensorNode, WorldModelNode, MpcNode)
    goals = Goals(peer)
    assert goals.wait(Code.WAITING).text == 'no goal'
    recorder = peer.record(convert.JointTrajectory, 'mpc_node/plan')
    goals.send()
    goals.wait(Code.OK, text='goal accepted')
    msg = recorder.next()
    age = time.time() - convert.seconds(msg.header.stamp)
    plan = convert.plan_from_msg(msg, arm.robot)
    assert 0 < age < 5.0        # of the same clock
    assert plan.stamp - plan.observed == pytest.approx(0.02, abs=1e-6)
    assert plan.dt == pytest.approx(0.05) and len(plan.positions) == 11
    np.testing.assert_allclose(plan.positions[0], arm.robot.home, atol=1e-3)
    # The end effector is to move towards the goal.
    kinematics = Kinematics(arm.robot)
    distance = [np.linalg.norm(kinematics.forward(q)[0] - GOAL) for q in plan.positions[[0, -1]]]
    assert distance[1] < distance[0]
    found = goals.wait(Code.OK, text='pursued')
    assert {'plan_rate_hz', 'plan_ms_p50', 'plan_ms_p99', 'missed_deadlines', 'horizon',
            'predicted_return', 'disagreement', 'dropped', 'iterations',
            'return_goal'} <= set(found.figures)


def test_the_chain_brings_the_arm_to_the_goal(peer, arm):
    bring_up(peer, SensorNode, WorldModelNode, MpcNode, SafetyNode)
    goals = Goals(peer)
    goals.send()
    found = goals.wait(Code.GOAL_REACHED, 20.0)
    assert found.figures['goal_distance'] < 0.02
    ee, _ = Kinematics(arm.robot).forward(arm.positions)
    assert np.linalg.norm(ee - GOAL) < 0.02
    # It stays there ...
    count = len(arm.commands)
    wait_until(lambda: len(arm.commands) > count + 120)
    ee, _ = Kinematics(arm.robot).forward(arm.positions)
    assert np.linalg.norm(ee - GOAL) < 0.02
    # ... until the next goal.
    goals.send((0.55, -0.15, 0.3))
    goals.wait(Code.OK, text='pursued')
    goals.wait(Code.GOAL_REACHED, 20.0)


@pytest.mark.parametrize('position, frame, reason', [
    (GOAL, '', 'frame_id is empty'), ((0.5, float('nan'), 0.2), 'panda_link0', 'not finite'),
    ((2.0, 0.0, 0.2), 'panda_link0', 'out of reach'), (GOAL, 'nowhere', "frame 'nowhere'")])
def test_goals_that_are_refused(peer, arm, position, frame, reason):
    bring_up(peer, SensorNode, WorldModelNode, MpcNode)
    goals = Goals(peer)
    plans = peer.record(convert.JointTrajectory, 'mpc_node/plan')
    goals.wait(Code.WAITING)
    goals.send(position, frame)
    for _ in range(3):      # those after the first are of cycles of the planner
        assert reason in goals.wait(Code.GOAL_REJECTED).text
    assert not plans.messages
    goals.send()
    plans.next()
    goals.send(position, frame)
    # The goal before it stays.
    goals.wait(Code.GOAL_REJECTED)
    for _ in range(3):      # one may have been under way
        plans.next()


def test_frames_without_tf2_are_told(peer):
    if frames.tf2_ros is not None:
        pytest.skip('tf2_ros is installed')
    found = frames.Frames(peer.node, 'base')
    assert found.to_base('base', 'pose') == 'pose'
    with pytest.raises(GoalRejected, match='need tf2_ros, which is not installed'):
        found.to_base('camera', np.zeros(7))
    found.close()


def test_pause_and_reset(peer, arm):
    bring_up(peer, SensorNode, WorldModelNode, MpcNode)
    goals = Goals(peer)
    plans = peer.record(convert.JointTrajectory, 'mpc_node/plan')
    goals.send()
    plans.next()
    assert peer.pause('mpc_node', True).success
    goals.wait(Code.PAUSED)
    count = len(plans)
    goals.wait(Code.PAUSED)
    assert len(plans) == count
    assert peer.pause('mpc_node', False).success
    plans.next()
    assert peer.trigger('mpc_node/reset').success
    assert goals.wait(Code.WAITING).text == 'no goal'


def test_beliefs_that_cannot_be_planned_from_are_refused(peer, arm):
    (node,) = bring_up(peer, MpcNode)
    goals = Goals(peer)
    plans = peer.record(convert.JointTrajectory, 'mpc_node/plan')
    goals.send()
    publisher = peer.publisher(convert.PointCloud2, 'world_model_node/belief', 1)
    model = node._mpc.model
    n = len(arm.robot.joint_names)

    def send(**changes):
        fields = {
            'stamp': time.time(), 'state': np.zeros(model.layout.width, np.float32),
            'latent': np.zeros(model.dynamics.config.latent, np.float32),
            'joint_positions': arm.robot.home, 'commanded_positions': arm.robot.home,
            'commanded_velocities': np.zeros(n), 'checkpoint': model.checkpoint}
        fields.update(changes)
        publisher.publish(convert.belief_to_msg(Belief(**fields), 'panda_link0'))

    def wait(code, **changes):
        first = len(goals.status)

        def found():
            send(**changes)
            return next((msg for msg in goals.status.messages[first:]
                         if msg.message.startswith(code.name)), None)
        return wait_until(found).message
    text = wait(Code.CHECKPOINT_MISMATCH, checkpoint='ffffffffffff')
    assert 'ffffffffffff' in text and model.checkpoint in text
    assert '10.' in wait(Code.STALE_INPUT, stamp=time.time() - 10.0)
    assert '0.80' in wait(Code.STALE_INPUT, unseen=0.8)     # no plan about a ghost
    assert not plans.messages
    state = np.zeros(model.layout.width, np.float32)
    state[:3] = state[6:9] = Kinematics(arm.robot).forward(arm.robot.home)[0]
    wait_until(lambda: send(state=state) or plans.messages)


def test_a_bad_checkpoint_leaves_the_nodes_unconfigured(peer, tmp_path):
    shipped = paths.checkpoint_dir() / 'panda_reach.safetensors'
    broken = tmp_path / 'broken.safetensors'
    broken.write_bytes(shipped.read_bytes()[:-100])
    broken.with_suffix('.json').write_bytes(shipped.with_suffix('.json').read_bytes())
    for cls in (WorldModelNode, MpcNode):
        for checkpoint in (broken, tmp_path / 'missing'):
            thread = peer.run(cls, {'checkpoint': str(checkpoint)})
            name = cls.executable
            assert not peer.change(name, CONFIGURE)
            assert peer.state(name) == UNCONFIGURED
            assert not thread.node._undo
            thread.close()
            wait_until(lambda name=name: f'/{name}' not in
                       peer.node.get_fully_qualified_node_names())


def test_deactivated_nodes_are_silent(peer, arm):
    bring_up(peer, SensorNode, WorldModelNode, MpcNode)
    goals = Goals(peer)
    plans = peer.record(convert.JointTrajectory, 'mpc_node/plan')
    goals.send()
    plans.next()
    assert peer.change('mpc_node', DEACTIVATE)
    goals.wait(Code.WAITING, text='inactive')
    count = len(plans)
    goals.wait(Code.WAITING, text='inactive')
    assert len(plans) == count
    assert peer.change('mpc_node', ACTIVATE)
    plans.next()        # the goal was not forgotten


@pytest.mark.parametrize('fault', ['stopped', 'killed'])
def test_a_planner_that_hangs_or_dies(peer, arm, processes, fault):
    names = ('sensor_node', 'world_model_node', 'mpc_node', 'safety_node')
    started = {name: processes(f'wm_ros.nodes.{name}') for name in names}
    for name in names:
        assert peer.change(name, CONFIGURE), started[name].output()
    for name in names:
        assert peer.change(name, ACTIVATE)
    goals = Goals(peer)
    gate = peer.record(convert.DiagnosticStatus, 'safety_node/status').connected()
    goals.send((0.35, -0.2, 0.3))
    arm.wait_for_command(lambda p, v: np.abs(v).max() > 0.05)
    first = len(arm.commands)
    began = time.monotonic()
    started['mpc_node'].signal(signal.SIGSTOP if fault == 'stopped' else signal.SIGKILL)
    gate.next(lambda msg: msg.message.startswith('STALE_PLAN'))
    # The bar to the millisecond is pinned in test_safety_faults, on a clock of its own.
    assert time.monotonic() - began < 0.15 + 1.0
    arm.wait_for_command(lambda p, v: not v.any())
    held = arm.commands[-1][1]
    wait_until(lambda: len(arm.commands) > first + 120)
    np.testing.assert_array_equal(arm.commands[-1][1], held)
    if fault == 'killed':
        return
    started['mpc_node'].signal(signal.SIGCONT)
    goals.wait(Code.GOAL_REACHED, 20.0)
    # Nothing old was followed: no jump anywhere.
    positions = np.array([c[1] for c in arm.commands])
    fastest = 1.5 / 120 * arm.robot.limits.velocity
    assert (np.abs(np.diff(positions, axis=0)) <= fastest + 1e-9).all()
