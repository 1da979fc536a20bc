"""Figures of live episodes from known ones: latencies pooled, late plans, the bench's rows."""

import time
from types import SimpleNamespace

import numpy as np
import pytest
from wm_ros.bench.main_job import live as bench
from wm_ros.evaluation.live import report
from wm_ros.evaluation.report.page import page
from wm_ros.evaluation.run import Request
from wm_ros.nodes import convert
from wm_ros.nodes.clients import live, probe
from wm_ros.nodes.clients.episode_client import EpisodeClient, LiveEpisode
from wm_ros.param_table import MPC, ROBOT, SAFETY
from wm_ros.types import Code, Status, WmRosError

EVALUATION = SimpleNamespace(
    request=Request('reach', 3, seed=7), checkpoint='abc', robot='panda',
    engine='pybullet', changed=[],
    params={ROBOT: {'randomization': ''}, MPC: {'planner.type': 'mppi', 'planner.horizon': 10}})


def episode(latencies, planned=10, late=0, seed=7, rolling=999.0, **kwargs):
    """Return an episode whose diagnostics say something else than its latencies."""
    return LiveEpisode(**{
        'seed': seed, 'task': 'reach', 'goal': np.zeros(7), 'success': True, 'elapsed': 1.0,
        'distance': 0.01, 'total_reward': -1.0, 'real_time_factor': 1.0, 'plan_rate': 40.0,
        'latencies': np.array(latencies), 'surprises': np.array([0.5]),
        'planned': planned, 'late': late, 'complaints': (),
        'figures': {MPC: {'horizon': 10.0}, SAFETY: {
            'latency_p50_ms': rolling, 'latency_p99_ms': rolling, 'gate_rate_hz': 120.0}},
        **kwargs})


def test_latencies_of_all_episodes_are_one_heap():
    """The slow plans of one episode of three are seen, as they would be in one long one."""
    parts = [[0.03] * 300, [0.03] * 90, [0.2] * 10]
    figures = report(EVALUATION, [episode(part) for part in parts])
    heap = 1e3 * np.concatenate(parts)
    assert figures['latency_p50_ms'] == pytest.approx(np.percentile(heap, 50))
    assert figures['latency_p99_ms'] == pytest.approx(np.percentile(heap, 99)) == 200.0
    assert figures['latency_count'] == 400
    assert figures['gate_rate_hz'] == 120.0


def test_late_plans_are_added_up_before_they_are_divided():
    """An episode that no diagnostics fell into has none of its own: the next one has them."""
    figures = report(EVALUATION, [episode([0.03], 0, 0), episode([0.03], 30, 6),
                                  episode([0.03], 10, 0)])
    assert figures['late_share'] == pytest.approx(6 / 40)


def test_live_figures_make_a_page():
    text = page(report(EVALUATION, [episode([0.03]), episode([0.04], success=False, seed=8)]))
    assert 'through the live graph of ROS nodes' in text and '<video' not in text
    for figure in ('latency p99', '120.0 Hz', 'not reached, 1'):
        assert figure in text


def test_figures_of_nothing_are_not_a_number():
    figures = report(EVALUATION, [episode([], 0, 0)])
    assert figures['latency_count'] == 0
    assert np.isnan([figures['latency_p50_ms'], figures['latency_p99_ms'],
                     figures['late_share']]).all()


def test_late_plans_are_of_those_seen_when_the_diagnostics_came():
    """Plans that came since would make the share too small; other graphs count nothing."""
    client = SimpleNamespace(
        _ros=SimpleNamespace(node=SimpleNamespace(get_namespace=lambda: '/left')),
        _figures={}, _complaints={}, _planned=40, _counts=(0, 0))

    def hear(name, **figures):
        EpisodeClient._on_diagnostics(client, convert.diagnostics(
            [convert.status_to_msg(Status(Code.OK, '', figures), name)], 1.0))

    hear('left/mpc_node', late=6)
    client._planned = 70
    hear('left/safety_node', late=9)
    hear('right/mpc_node', late=50)
    assert client._counts == (40, 6)
    hear('left/mpc_node', late=8)
    assert client._counts == (70, 8)


def test_of_each_kind_of_complaint_the_newest_is_kept():
    client = SimpleNamespace(
        _ros=SimpleNamespace(node=SimpleNamespace(get_namespace=lambda: '/')),
        _figures={}, _complaints={}, _counts=(0, 0))
    for code, text in ((Code.OK, ''), (Code.TRACKING_ERROR, '0.1 rad'), (Code.STALE_PLAN, 'old'),
                       (Code.LIMITED, ''), (Code.TRACKING_ERROR, '0.2 rad')):
        EpisodeClient._on_diagnostics(client, convert.diagnostics(
            [convert.status_to_msg(Status(code, text), SAFETY)], 1.0))
    assert list(client._complaints.values()) == [
        f'{SAFETY}: TRACKING_ERROR: 0.2 rad', f'{SAFETY}: STALE_PLAN: old']


def test_a_report_tells_what_nodes_complained_of_where_an_episode_failed():
    figures = report(EVALUATION, [
        episode([0.03], seed=7, complaints=('a',)),
        episode([0.03], seed=8, success=False, complaints=('b', 'c'))])
    assert figures['complaints'] == {'8': ['b', 'c']}


def test_the_way_of_the_arm_is_that_of_its_farthest_joint():
    still = [[0.1, 0.2]] * 50
    assert probe.way([]) == probe.way(still[:1]) == probe.way(still) == 0.0
    swing = [[0.01 * np.sin(t), 0.02 * t] for t in np.arange(0.0, 10.0, 0.1)]
    assert probe.way(swing) == pytest.approx(0.02 * 9.9, abs=1e-9)
    # A scene that is drawn anew puts the arm elsewhere, which is no motion.
    assert probe.way(still + [[1.0, -1.0]] * 50) == 0.0


@pytest.mark.parametrize('live_share, lockstep, holds', [
    (0.97, 1.0, True), (0.96, 0.99, True), (0.95, 0.98, True), (1.0, 0.97, True),
    (0.96, 1.0, False), (0.93, 0.97, False)])
def test_three_episodes_of_a_hundred_are_three_points(monkeypatch, live_share, lockstep, holds):
    monkeypatch.setattr(bench, 'played', lambda request, title: {
        'success_rate': live_share, 'real_time_factor': 1.0, 'time_to_goal_mean': 1.0})
    monkeypatch.setattr(bench, 'evaluate', lambda *_: {'success_rate': lockstep})
    found = {row.figure: row for row in bench.live()}
    assert found['live_push_difference'].holds is found['live_reach_difference'].holds is holds


def test_rates_show_how_many_plans_were_late(monkeypatch):
    monkeypatch.setattr(bench, 'played', lambda request, title: report(
        EVALUATION, [episode([0.03], 40, 10, real_time_factor=0.99)]))
    found = {row.figure: row for row in bench.rates()}
    assert found['late_share/run3'].value == 0.25 and not found['late_share/run3'].bar
    assert found['latency_p99/run3'].value == 30.0


@pytest.fixture
def played(monkeypatch):
    """Let ``tuning`` play with a graph of paper; yield what it does, to be changed."""
    does = SimpleNamespace(way=1.5, error=None, closed=0)

    class Probe:
        """Accepts a horizon of 8 alone."""

        def __init__(self, context, alive=lambda: None):
            self.alive = alive

        def plans_until(self, steps, since, timeout=10.0):
            end = time.monotonic() + 5.0
            while does.error is not None:   # no plan ever comes
                self.alive()
                if time.monotonic() > end:
                    raise WmRosError('a plan did not come')
            return 1

        def change(self, name, value):
            return value == 8, 'for a reason', 5

        def watch(self, seconds):
            return round(40 * seconds), does.way

        def close(self):
            does.closed += 1

    class Client:
        """Plays an episode in no time."""

        def run(self, seed):
            if does.error is not None:
                raise does.error
            return episode([0.03], seed=seed)

    class Graph:
        """Is up at once."""

        context = None

        def __init__(self, options, log):
            pass

        def __enter__(self):
            return Client()

        def __exit__(self, *_):
            does.closed += 1

    monkeypatch.setattr(live, 'LiveGraph', Graph)
    monkeypatch.setattr(probe, 'PlannerProbe', Probe)
    return does


@pytest.mark.parametrize('way, moves', [(1.5, True), (0.01, False)])
def test_plans_without_motion_are_not_enough(played, way, moves):
    played.way = way
    found = {row.figure: row for row in bench.tuning()}
    assert found['plans_per_second_after'].holds
    assert found['joint_way_after'].holds is moves
    assert sum(name.startswith('horizon_refused/') for name in found) == 4
    assert found['tuning_successes'].value >= 1
    assert played.closed == 2


def test_an_error_of_the_episodes_is_that_of_the_bench(played):
    played.error = WmRosError('mpc_node was killed by SIGKILL during an episode')
    with pytest.raises(WmRosError, match='killed by SIGKILL'):
        bench.tuning()
    assert played.closed == 2
