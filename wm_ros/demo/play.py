"""Episodes on the live graph, a row of figures for each."""

from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Dict, Iterator, List, Optional, Sequence, Tuple

import numpy as np
from wm_ros.evaluation.statistics import percentiles
from wm_ros.graph import GraphOptions
from wm_ros.nodes.clients.episode_client import LiveEpisode
from wm_ros.nodes.clients.live import LiveGraph
from wm_ros.nodes.clients.recording import Recording

#: Share of successes below which the demo has failed.
BARS = {'reach': 0.9, 'push': 0.8}
#: Figures mean what they say only while the world goes as fast as the clock.
REAL_TIME = 0.98


@dataclass(frozen=True)
class Row:
    """One episode as the table shows it."""

    task: str
    seed: int
    success: bool
    time: float                 # [s]
    distance: float             # [m] at the end
    plan_rate: float            # [Hz]
    latency_p50: float          # [ms] joint state to command, in this episode
    latency_p99: float          # [ms]
    surprise: float             # median of the episode
    real_time_factor: float
    complaints: Tuple[str, ...] = ()        # of nodes, in diagnostics
    latencies: Tuple[float, ...] = ()       # [ms] all of them, for those of a whole task

    @classmethod
    def of(cls, episode: LiveEpisode) -> 'Row':
        """Return the row of an episode; NaN where the graph has not said anything yet."""
        latencies = 1e3 * episode.latencies
        latency_p50, latency_p99 = percentiles(latencies)
        return cls(
            task=episode.task, seed=episode.seed, success=episode.success,
            time=episode.elapsed, distance=episode.distance, plan_rate=episode.plan_rate,
            latency_p50=latency_p50, latency_p99=latency_p99,
            surprise=percentiles(episode.surprises, (50,))[0],
            real_time_factor=episode.real_time_factor, complaints=episode.complaints,
            latencies=tuple(latencies.round(3).tolist()))


def play(task: str, seeds: Sequence[int], recorded: int, log_path: Path,
         say: Callable[[str], None] = lambda text: None,
         settings: Tuple[str, ...] = (), sensors: str = ''
         ) -> Iterator[Tuple[Row, Optional[LiveEpisode]]]:
    """
    Yield the episodes of ``seeds`` as they end, with the first ``recorded`` of them in full.

    The graph is up while this is iterated.  Raises WmRosError when it does not come up, or
    when a node dies; what the nodes print goes to ``log_path``.
    """
    with open(log_path, 'a', encoding='utf-8') as log:
        say(f'bringing up the graph for {task}')
        with LiveGraph(GraphOptions(task=task, sensors=sensors, settings=settings),
                       log=log) as client:
            client.record(recorded > 0)
            for i, seed in enumerate(seeds):
                say(f'{task}: episode {i + 1} of {len(seeds)}')
                if i == recorded:
                    client.record(False)
                episode = client.run(seed)
                yield Row.of(episode), episode if episode.recording else None
            say(f'{task}: stopping the graph')


def summary(rows: List[Row]) -> Dict[str, dict]:
    """Return the figures of each task, and whether its bar is met."""
    found = {}
    for task in dict.fromkeys(row.task for row in rows):
        own = [row for row in rows if row.task == task]
        rate = float(np.mean([row.success for row in own]))
        latencies = [latency for row in own for latency in row.latencies]
        p50, p99 = percentiles(latencies) if latencies else (None, None)
        found[task] = {
            'episodes': len(own), 'successes': int(sum(row.success for row in own)),
            'success_rate': rate, 'bar': BARS.get(task, 0.8), 'met': rate >= BARS.get(task, 0.8),
            'time_of_successes_mean': _mean(row.time for row in own if row.success),
            'plan_rate_hz_median': _median(row.plan_rate for row in own),
            'latency_ms_p50': p50, 'latency_ms_p99': p99,
            'failed': [{'seed': row.seed, 'complaints': list(row.complaints)}
                       for row in own if not row.success],
            'real_time_factor_min': min(row.real_time_factor for row in own),
            'real_time': min(row.real_time_factor for row in own) >= REAL_TIME}
    return found


def _mean(values):
    values = list(values)
    return float(np.mean(values)) if values else None


def _median(values):
    finite = [value for value in values if np.isfinite(value)]
    return float(np.median(finite)) if finite else None


def showable(recording: Recording) -> bool:
    """Return whether a recording has enough in it to be shown."""
    return len(recording.times) > 5 and len(recording.imagined) > 1
