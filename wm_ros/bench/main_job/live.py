"""Figures of the running graph: success, rates, latency, changes while the arm moves."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from itertools import count
import os
import threading

from wm_ros.bench.main_job.product import evaluate
from wm_ros.bench.record import at_least, at_most, load_note, shown, true
from wm_ros.console import progress_bar
from wm_ros.evaluation.live import report
from wm_ros.evaluation.run import Evaluation, Request
from wm_ros.graph import GraphOptions

EPISODES = 100
_RUNS, _RUN_EPISODES = 3, 12
_TUNING = 'wm_ros bench main_job --only tuning'
_WATCHED = 3.0          # [s] in which the arm has to go on after changes were refused
_WAY = 0.2              # [rad] that it has to move in them; it stands between episodes


def played(request, title) -> dict:
    """Return the report of a request that the live graph has played."""
    from wm_ros.nodes.clients.live import play
    evaluation = Evaluation(request)
    with progress_bar(title, request.episodes) as advance:
        return report(evaluation, play(request.options(), request.seeds, advance))


def live():
    """Return success through the live graph, beside the lockstep evaluation's."""
    rows = []
    for task in ('reach', 'push'):
        command = f'wm_ros evaluate --task {task} --episodes {EPISODES} --ros'
        figures = played(Request(task, EPISODES), f'{task}, live')
        note = load_note()      # of the live run, not of what comes now
        library = evaluate(task, EPISODES)['success_rate']
        # Rounded, so that three episodes of a hundred are three points.
        difference = round(abs(figures['success_rate'] - library), 9)
        rows += [
            shown(f'live_{task}_success', figures['success_rate'], 'share', command,
                  f'lockstep on the same seeds: {library:.3f}; real-time factor '
                  f'{figures["real_time_factor"]:.3f}; {note}'),
            at_most(f'live_{task}_difference', difference, 0.03, 'share', command),
            shown(f'live_{task}_time_to_goal', figures['time_to_goal_mean'], 's', command)]
    return rows


def rates():
    """Return rates and latency of the push graph with the shipped settings, several runs."""
    request = Request('push', _RUN_EPISODES, seed=3000)
    rows = []
    for number in range(_RUNS):
        figures = played(request, f'run {number + 1}')
        command = 'wm_ros bench main_job --only rates'
        note, tail = load_note(), f'/run{number + 1}'
        rows += [
            at_least(f'real_time_factor{tail}', figures['real_time_factor'], 0.98, '', command,
                     note),
            at_least(f'plan_rate{tail}', figures['plan_rate_hz'], 30, 'Hz', command),
            at_least(f'horizon{tail}', figures['horizon'], 5, 'steps', command),
            at_most(f'latency_p99{tail}', figures['latency_p99_ms'], 50, 'ms', command,
                    f'of {figures["latency_count"]} plans, all of the run'),
            shown(f'latency_p50{tail}', figures['latency_p50_ms'], 'ms', command),
            shown(f'late_share{tail}', figures['late_share'], 'share', command,
                  'plans that were sent after they should have acted'),
            at_least(f'gate_rate{tail}', figures['gate_rate_hz'], 100, 'Hz', command),
            shown(f'plan_ms_p50{tail}', figures['plan_ms_p50'], 'ms', command)]
    return rows


def tuning():
    """Change parameters while the arm moves; good ones work, bad ones are refused."""
    from wm_ros.nodes.clients.live import LiveGraph
    from wm_ros.nodes.clients.probe import PlannerProbe
    enough = threading.Event()
    with open(os.devnull, 'w', encoding='utf-8') as silence:
        graph = LiveGraph(GraphOptions(task='push'), log=silence)
        with graph as client, ThreadPoolExecutor(1) as aside:
            played = aside.submit(_play_until, enough, client)
            try:
                with closing(PlannerProbe(graph.context, alive=lambda: played.done()
                                          and played.result())) as probe:
                    rows = _tuned(probe)
            finally:
                enough.set()
                # Raises what ended the episodes: the reason for whatever went wrong here.
                episodes = played.result()
    successes = sum(episode.success for episode in episodes)
    rows.append(shown('tuning_successes', successes, f'of {len(episodes)}', _TUNING))
    return rows


def _play_until(enough, client):
    """Return the episodes that were played until ``enough`` was set."""
    episodes = []
    for seed in count():
        episodes.append(client.run(seed))
        if enough.is_set():
            return episodes


def _tuned(probe):
    """Return what changes of the horizon do, and whether the arm moves after bad ones."""
    from wm_ros.nodes.clients.probe import not_a_number
    probe.plans_until(10, 0, 60.0)
    _, reason, seen = probe.change('planner.horizon', 8)
    rows = [at_most('horizon_change_plans', probe.plans_until(8, seen), 3, 'plans', _TUNING,
                    reason)]
    for name, value in (('minus_one', -1), ('zero', 0), ('nan', not_a_number()),
                        ('text', 'ten')):
        accepted, reason, _ = probe.change('planner.horizon', value)
        rows.append(true(f'horizon_refused/{name}', not accepted and bool(reason), _TUNING,
                         reason))
    plans, way = probe.watch(_WATCHED)
    return [*rows,
            at_least('plans_per_second_after', plans / _WATCHED, 20, 'Hz', _TUNING),
            at_least('joint_way_after', way, _WAY, 'rad', _TUNING,
                     f'of the joint that went farthest in {_WATCHED:g} s: the arm goes on')]
