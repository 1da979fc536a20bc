"""The report of episodes that the live graph has played."""

from typing import Sequence

import numpy as np
from wm_ros.evaluation.run import Evaluation
from wm_ros.evaluation.statistics import percentiles, wilson
from wm_ros.param_table import MODEL, MPC, SAFETY
from wm_ros.tasks import get_task
from wm_ros.types import WmRosError


def report(evaluation: Evaluation, episodes: Sequence) -> dict:
    """
    Return the figures of live episodes, named as those of the lockstep evaluation.

    ``episodes`` are those of ``wm_ros.nodes.live.play``.  Latencies are those of all plans of
    all episodes together: no percentile of percentiles.  Raises WmRosError for none.
    """
    if not episodes:
        raise WmRosError('no episode was played')
    request, params = evaluation.request, evaluation.params
    limit = get_task(request.task).time_limit
    successes = sum(episode.success for episode in episodes)
    times = [episode.elapsed if episode.success else limit for episode in episodes]

    latencies = np.concatenate([episode.latencies for episode in episodes])
    latency_p50, latency_p99 = percentiles(1e3 * latencies)
    planned = sum(episode.planned for episode in episodes)
    late = sum(episode.late for episode in episodes)

    def figure(node, name):
        values = [episode.figures.get(node, {}).get(name, np.nan) for episode in episodes]
        values = [value for value in values if np.isfinite(value)]
        return float(np.median(values)) if values else float('nan')

    return {
        'task': request.task, 'episodes': len(episodes), 'seed': request.seed,
        'success_rate': successes / len(episodes),
        'success_ci95': list(wilson(successes, len(episodes))),
        'time_to_goal_mean': float(np.mean(times)),
        'return_mean': float(np.mean([episode.total_reward for episode in episodes])),
        'planner': params[MPC]['planner.type'], 'horizon': params[MPC]['planner.horizon'],
        'plan_ms_p50': figure(MPC, 'plan_ms_p50'), 'plan_ms_p99': figure(MPC, 'plan_ms_p99'),
        'plan_rate_hz': float(np.median([episode.plan_rate for episode in episodes])),
        'latency_p50_ms': latency_p50, 'latency_p99_ms': latency_p99,
        'latency_count': len(latencies),
        'late_share': late / planned if planned else float('nan'),
        'gate_rate_hz': figure(SAFETY, 'gate_rate_hz'),
        'surprise': figure(MODEL, 'surprise'),
        'real_time_factor': float(np.median([e.real_time_factor for e in episodes])),
        'checkpoint': evaluation.checkpoint, 'engine': 'pybullet',
        'robot': evaluation.robot, 'ros': True,
        'failed_seeds': [e.seed for e in episodes if not e.success],
        'times': [round(float(t), 4) for t in times],
    }
