"""Figures of the running graph: 50 Hz with a camera, planners that change while the arm moves."""

from contextlib import closing, contextmanager
from itertools import cycle
import os
import time

import numpy as np
from wm_ros.bench.main_job.live import played
from wm_ros.bench.planning.quality import PLANNERS
from wm_ros.bench.planning.timing import spread_of
from wm_ros.bench.record import at_least, at_most, load_note, shown, true
from wm_ros.evaluation.run import parameters, Request
from wm_ros.graph import GraphOptions
from wm_ros.param_table import MPC, SAFETY
from wm_ros.robot.robot import load_robot

_SECONDS, _RATE, _CAMERA = 300.0, 50.0, 30.0        # of the run; Hz of plans and of frames
_GOALS = ((0.5, 0.18, 0.2), (0.45, -0.18, 0.25))    # [m], to and fro
_UNDER_WAY, _AROUND, _LEG = 0.4, 0.5, 1.0   # [s] before a change, close to it, and after that
_CHANGES = (('planner.horizon', (12, 8, 10)), ('planner.num_samples', (64, 16, 32)))


def real_time():
    """Return how many deadlines are missed at 50 Hz in five minutes, with a camera streaming."""
    from wm_ros.nodes.clients.live import LiveGraph
    request = Request('push', 1, settings=(
        f'mpc_node:planner.rate:={_RATE}', f'sensor_node:observation_rate:={_RATE}',
        'sensor_node:use_camera:=true', 'sensor_node:image_size:=64',
        f'robot_node:camera.rate:={_CAMERA}'))
    episodes, began = [], time.monotonic()
    with open(os.devnull, 'w', encoding='utf-8') as silence:
        with LiveGraph(request.options(), log=silence) as client:
            while time.monotonic() - began < _SECONDS:
                episodes.append(client.run(len(episodes)))
    planned = sum(episode.planned for episode in episodes)
    figures = episodes[-1].figures['mpc_node']
    missed = figures['missed_deadlines'] / max(1, planned)
    rates = [episode.plan_rate for episode in episodes]
    command, note = 'wm_ros bench planning --only real_time', load_note()
    return [
        at_most('real_time_missed', missed, 0.01, 'share', command,
                f'of {planned} plans in {_SECONDS:g} s: not on the wire within '
                f'{1e3 / _RATE:g} ms of the belief; camera at {_CAMERA:g} Hz; {note}'),
        at_least('real_time_rate', float(np.median(rates)), 0.97 * _RATE, 'Hz', command),
        at_least('real_time_horizon', figures['horizon'], 10, 'steps', command),
        shown('real_time_plan_ms_p50', figures['plan_ms_p50'], 'ms', command),
        shown('real_time_plan_ms_p99', figures['plan_ms_p99'], 'ms', command),
        shown('real_time_successes', sum(episode.success for episode in episodes),
              f'of {len(episodes)}', command)]


def nlp_live():
    """Return the rate of plans by nlp in the running graph."""
    request = Request('push', 10, planner='nlp', settings=('mpc_node:planner.rate:=20.0',))
    figures, command = played(request, 'nlp, live'), 'wm_ros bench planning --only nlp_live'
    return [at_least('nlp_live_rate', figures['plan_rate_hz'], 10, 'Hz', command,
                     f'planner.rate 20 Hz; {load_note()}'),
            at_least('nlp_live_success', figures['success_rate'], 0.8, 'share', command),
            shown('nlp_live_plan_ms_p50', figures['plan_ms_p50'], 'ms', command),
            shown('nlp_live_plan_ms_p99', figures['plan_ms_p99'], 'ms', command)]


@contextmanager
def _roaming():
    """Give a probe of a running graph and a function that sends the arm on to the next goal."""
    from wm_ros.nodes.clients.live import LiveGraph
    from wm_ros.nodes.clients.probe import PlannerProbe
    goals, frame = cycle(_GOALS), load_robot('panda').base_frame
    with open(os.devnull, 'w', encoding='utf-8') as silence:
        graph = LiveGraph(GraphOptions(task='reach'), log=silence)
        with graph, closing(PlannerProbe(graph.context)) as probe:
            probe.send(next(goals), frame)
            probe.plans_until(10, 0, 60.0)
            probe.watch(_LEG)       # until then the scene was drawn, and the arm put there
            yield probe, lambda: probe.send(next(goals), frame)


def swap():
    """Change among all planners while the arm moves: plans go on, and no joint jumps."""
    rows, command = [], 'wm_ros bench planning --only swap'
    shipped = parameters(Request('reach', 1))
    usual, swapped = [], []
    with _roaming() as (probe, onward):
        first = len(probe.plan_times())
        for planner in 2 * (*PLANNERS, *PLANNERS[::-1]):
            # The same leg with the planner so far, and with one that takes over on the way.
            usual.append(_leg(probe, onward, lambda: None)[1])
            (accepted, reason, _), window = _leg(
                probe, onward, lambda name=planner: probe.change('planner.type', name))
            swapped.append(window)
            plans, way = probe.watch(_LEG)
            rows += [true(f'swap_accepted/{planner}', accepted, command, reason),
                     shown(f'swap_plans_per_second/{planner}', plans / _LEG, 'Hz', command,
                           f'the joint that went farthest: {way:.2f} rad')]
        gap = float(np.diff(probe.plan_times(first)).max())
        motion, commanded = probe.motion(), probe.commanded()
    usual, swapped = ([_acceleration(*(part[window] for part in motion)).max()
                       for window in windows] for windows in (usual, swapped))
    limits = load_robot('panda').limits.acceleration
    wanted = _acceleration(*commanded)[:, :len(limits)] / limits
    rows = list({row.figure: row for row in rows}.values())
    return [
        at_most('swap_longest_gap', gap, shipped[SAFETY]['safety.plan_timeout'], 's', command,
                'between plans, over all changes; later than that the gate would hold'),
        at_most('swap_commanded', wanted.max(), 1.01, 'of the limit', command,
                f'greatest acceleration of any joint in all {len(wanted)} commands, of its own '
                'limit'),
        at_most('swap_acceleration', np.median(swapped) / np.median(usual), 1.25, 'of the usual',
                command, 'greatest of any joint from one joint state to the next, within '
                f'{_AROUND:g} s of a change under way: {spread_of(swapped, "rad/s^2")}, at most '
                f'{max(swapped):.1f}; at the same place without a change {spread_of(usual)}, at '
                f'most {max(usual):.1f}; {len(usual)} legs each'), *rows]


def _leg(probe, onward, change):
    """Return what ``change``, on the way to the next goal, returns, and the states around it."""
    onward()
    probe.watch(_UNDER_WAY)
    before = probe.heard()
    found = change()
    probe.watch(_AROUND)
    return found, slice(before, probe.heard())


def _acceleration(stamps, velocities):
    """Return the accelerations [T, N] rad/s^2 from one state to the next, unsigned."""
    apart = np.diff(stamps)
    there = apart > 1e-3
    return np.abs(np.diff(velocities, axis=0))[there] / apart[there, None]


def changes():
    """Change horizon and samples while the arm moves: count cycles that are left out."""
    command = 'wm_ros bench planning --only changes'
    rate = parameters(Request('reach', 1))[MPC]['planner.rate']
    with _roaming() as (probe, onward):
        usual = []
        for _ in range(6):
            onward()
            usual.append(_skipped(probe, len(probe.plan_times()), rate))
        rows = [shown('change_missed_cycles/none', sum(usual), 'cycles', command,
                      f'{len(usual)} times {_AROUND:g} s without a change')]
        for name, values in _CHANGES:
            skipped = []
            for value in values:
                onward()
                _, _, seen = probe.change(name, value)
                skipped.append(_skipped(probe, seen, rate))
            rows.append(at_most(f'change_missed_cycles/{name}', sum(skipped), 0, 'cycles',
                                command, f'after {values}, within {_AROUND:g} s each'))
    return rows


def _skipped(probe, since, rate):
    """
    Return how many cycles at ``rate`` [Hz] were left out within half a second.

    Of what plans are made from: when they come to this process says more of this process.
    """
    probe.watch(_AROUND)
    gaps = np.diff(probe.plan_stamps(max(0, since - 1)))
    return int(np.maximum(np.round(gaps * rate) - 1, 0).sum())
