"""The live graph and its client: episodes from the outside, and what happens when one dies."""

from concurrent.futures import ThreadPoolExecutor
import os
import shutil
import signal

import numpy as np
import pytest
from ros_testing import Domain, wait_until
from wm_ros import paths
from wm_ros.evaluation.live import report
from wm_ros.evaluation.run import Evaluation, Request
from wm_ros.graph import GraphOptions
from wm_ros.nodes.clients.episode_client import EpisodeClient
from wm_ros.nodes.clients.live import LiveGraph, play
from wm_ros.param_table import MPC, SAFETY
from wm_ros.types import WmRosError

pytestmark = pytest.mark.slow


@pytest.fixture
def domain(monkeypatch):
    """Yield a DDS domain of its own, in the environment."""
    made = Domain()
    monkeypatch.setenv('ROS_DOMAIN_ID', str(made.id))
    yield made
    made.release()


def test_episodes_and_recordings(domain):
    """The asked seed is played, the arm moves towards the goal, all of it is recorded."""
    options = GraphOptions(task='reach', use_mock_hardware=True)
    with LiveGraph(options, namespace='left') as client:
        client.record(True)
        first = client.run(11)
        client.record(False)
        second = client.run(11)
    assert (first.seed, first.task) == (second.seed, second.task) == (11, 'reach')
    assert np.array_equal(first.goal, second.goal)
    assert second.recording is None
    assert first.elapsed <= 5.1 and first.plan_rate > 1.0
    assert {MPC, SAFETY} <= set(first.figures)
    for one in (first, second):
        # One latency for each plan that the gate followed, none of what came before.
        assert 3 < len(one.latencies) <= 1.2 * one.plan_rate * one.elapsed + 20
        assert 0.0 < one.latencies.min() and one.latencies.max() < 2.0
        assert 0 <= one.late <= one.planned
    assert first.planned + second.planned > 3
    recording = first.recording
    assert len(recording.times) > 50 * first.elapsed
    assert np.all(np.diff(recording.times) > 0)
    assert len(recording.plans) > 3 and len(recording.imagined) > 1
    names = {line.name for _, lines in recording.imagined for line in lines}
    assert {'imagined_end_effector', 'plan'} <= names
    moved = np.abs(recording.joints[-1] - recording.joints[0]).max()
    assert moved > 0.05, 'the arm stood still'


def test_each_episode_begins_where_the_arm_is_put(domain):
    """
    What the gate has commanded last does not lead it back.

    A pause takes until the arm stands, and commands go on so long: drawn anew before that, the
    scene's arm was pulled by a third of a radian.
    """
    with LiveGraph(GraphOptions(task='reach')) as client:
        client.record(True)
        for seed in range(4):
            recording = client.run(seed).recording
            joints, times = np.array(recording.joints), np.array(recording.times)
            at_first = joints[times < times[0] + 0.03]
            assert len(at_first) >= 2
            assert np.abs(at_first - joints[0]).max() < 0.02


def test_report_of_live_episodes(domain, monkeypatch):
    """
    It has what the lockstep report has, and the figures that only a running graph has.

    The first client does not see all of the graph: another one takes its place.
    """
    wait_ready, tries = EpisodeClient.wait_ready, []

    def blind_at_first(client, timeout):
        tries.append(client)
        if len(tries) == 1:
            raise WmRosError('service robot_node/reset did not come')
        wait_ready(client, timeout)
    monkeypatch.setattr(EpisodeClient, 'wait_ready', blind_at_first)
    request, heard = Request('reach', 2, seed=11), []
    evaluation = Evaluation(request)
    options = GraphOptions(task='reach', use_mock_hardware=True)
    figures = report(evaluation, play(options, request.seeds, lambda *so_far, **_: heard.append(
        so_far)))
    assert len(tries) == 2 and heard == [(1,), (2,)]
    assert {'task', 'episodes', 'success_rate', 'success_ci95', 'return_mean', 'planner',
            'horizon', 'plan_ms_p50', 'plan_ms_p99', 'checkpoint', 'seed',
            'engine'} <= set(figures)
    assert figures['episodes'] == 2 and figures['seed'] == 11 and figures['ros'] is True
    assert figures['success_rate'] == 1.0 - len(figures['failed_seeds']) / 2
    assert figures['return_mean'] < 0 and len(figures['times']) == 2
    for name in ('plan_rate_hz', 'gate_rate_hz', 'latency_p50_ms', 'latency_p99_ms',
                 'latency_count', 'real_time_factor'):
        assert figures[name] > 0, name
    assert 0.0 <= figures['late_share'] <= 1.0


def test_death_during_an_episode(domain):
    """The wait ends at once and says who died; the rest is stopped on the way out."""
    graph = LiveGraph(GraphOptions(task='push', use_mock_hardware=True))
    with pytest.raises(WmRosError, match='mpc_node was killed by SIGKILL'):
        with graph as client, ThreadPoolExecutor(1) as aside:
            played = aside.submit(client.run, 0)
            wait_until(lambda: client._latencies, 60.0, 'the arm on its way')
            os.kill(graph.supervisor.pid(MPC), signal.SIGKILL)
            played.result(60.0)
    assert all(process.poll() is not None for process in graph.supervisor._processes.values())


def test_graph_that_does_not_come_up(domain, tmp_path):
    """The reason is the node's own."""
    bad = tmp_path / 'model.safetensors'
    bad.write_bytes(b'nothing')
    shutil.copy(paths.checkpoint_dir() / 'panda_reach.json', bad.with_suffix('.json'))
    graph = LiveGraph(GraphOptions(use_mock_hardware=True, checkpoint=str(bad)))
    with pytest.raises(WmRosError, match=f'world_model_node: could not configure.*{bad}: damaged'):
        with graph:
            raise AssertionError('it came up')
