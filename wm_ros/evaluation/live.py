"""The report of episodes that the live graph has played."""

from typing import Sequence

import numpy as np
from wm_ros.evaluation.run import Evaluation
from wm_ros.evaluation.statistics import percentiles, wilson
from wm_ros.param_table import MPC, ROBOT, SAFETY
from wm_ros.tasks import get_task
from wm_ros.types import WmRosError


def report(evaluation: Evaluation, episodes: Sequence) -> dict:
    """
    Return the figures of live episodes, named as those of the lockstep evaluation.

    ``episodes`` are those of ``wm_ros.nodes.clients.live.play``.  Latencies and surprises
    are those of all episodes together.  Plan times and the gate's rate are what the nodes
    say of their last hundreds of cycles, at the end of each episode: the median over the
    episodes.  ``complaints`` are what nodes complained of in the failed episodes.  Raises
    WmRosError for no episodes.
    """
    if not episodes:
        raise WmRosError('no episode was played')
    request, params = evaluation.request, evaluation.params
    limit = get_task(request.task).time_limit
    successes = sum(episode.success for episode in episodes)
    times = [episode.elapsed if episode.success else limit for episode in episodes]
    return {
        'task': request.task, 'episodes': len(episodes), 'seed': request.seed,
        'success_rate': successes / len(episodes),
        'success_ci95': list(wilson(successes, len(episodes))),
        'time_to_goal_mean': float(np.mean(times)),
        'return_mean': float(np.mean([episode.total_reward for episode in episodes])),
        'planner': params[MPC]['planner.type'],
        'horizon': _said(episodes, MPC, 'horizon'),
        'plan_ms_p50': _said(episodes, MPC, 'plan_ms_p50'),
        'plan_ms_p99': _said(episodes, MPC, 'plan_ms_p99'),
        'gate_rate_hz': _said(episodes, SAFETY, 'gate_rate_hz'),
        **_wire(episodes),
        'checkpoint': evaluation.checkpoint, 'engine': evaluation.engine,
        'robot': evaluation.robot, 'randomization': params[ROBOT]['randomization'],
        'sensors': request.sensors or 'poses', 'ros': True,
        'changed_parameters': evaluation.changed,
        'failed_seeds': [e.seed for e in episodes if not e.success],
        'complaints': {str(e.seed): list(e.complaints) for e in episodes if not e.success},
        'times': [round(float(t), 4) for t in times],
    }


def _said(episodes, node, name) -> float:
    """Return the median over the episodes of a figure that ``node`` tells of itself."""
    values = [episode.figures.get(node, {}).get(name, np.nan) for episode in episodes]
    values = [value for value in values if np.isfinite(value)]
    return float(np.median(values)) if values else float('nan')


def _wire(episodes) -> dict:
    """Return what was measured on the wire."""
    latencies = 1e3 * np.concatenate([episode.latencies for episode in episodes])
    latency_p50, latency_p99 = percentiles(latencies)
    surprise_p50, surprise_p99 = percentiles(
        [surprise for episode in episodes for surprise in episode.surprises])
    planned = sum(episode.planned for episode in episodes)
    late = sum(episode.late for episode in episodes)
    return {
        'plan_rate_hz': float(np.median([episode.plan_rate for episode in episodes])),
        'latency_p50_ms': latency_p50, 'latency_p99_ms': latency_p99,
        'latency_count': len(latencies),
        'late_share': late / planned if planned else float('nan'),
        'surprise_p50': surprise_p50, 'surprise_p99': surprise_p99,
        'real_time_factor': float(np.median([e.real_time_factor for e in episodes]))}
