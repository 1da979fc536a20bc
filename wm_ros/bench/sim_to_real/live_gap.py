"""The same way through the running graph: real nodes, real DDS, in real time."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
from wm_ros.bench.record import at_most, load_note, shown
from wm_ros.bench.sim_to_real.gap import DROP, EPISODES, REALITY, UPPER
from wm_ros.bench.sim_to_real.parts import Crossing, played


def reach():
    """Return what reach loses; half an hour."""
    return _crossed('reach')


def push():
    """Return what push loses; an hour and a half."""
    return _crossed('push')


def pick_and_place():
    """Return what pick_and_place loses; an hour and a half."""
    return _crossed('pick_and_place')


def _crossed(task):
    command = f'wm_ros bench sim_to_real --only live_{task}'
    # Both worlds at once, a graph of each.
    with ThreadPoolExecutor(2) as pool:
        here, there = pool.map(lambda world: played(
            task, f'panda_{task}_robust', EPISODES, world, live=True), ({}, REALITY))
    found = Crossing.of(here, there)
    factors = [np.median([part['real_time_factor'] for part in reports])
               for reports in (here, there)]
    return [
        at_most(f'live_gap_drop/{task}', found.drop, DROP, 'share', command,
                f'{found}; {EPISODES} paired episodes through the graph, real-time factor '
                f'{factors[0]:.3f} and {factors[1]:.3f}; {load_note()}'),
        at_most(f'live_gap_drop_upper95/{task}', found.high, UPPER, 'share', command),
        shown(f'live_latency_p99/{task}', max(part['latency_p99_ms'] for part in there), 'ms',
              command, f'the greatest of {len(there)} parts')]
