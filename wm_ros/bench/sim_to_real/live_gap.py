"""
The same way through the running graph: real nodes, real DDS, in real time.

Episodes are played in parts, which stay in ``benchmarks/work``: a bench that was interrupted goes
on after the last whole one.  Both worlds are played at once, a graph of each.
"""

from concurrent.futures import ThreadPoolExecutor
import json

import numpy as np
from wm_ros.bench.main_job.product import succeeded
from wm_ros.bench.record import at_most, load_note, shown
from wm_ros.bench.sim_to_real.gap import Crossing, DROP, EPISODES, REALITY, UPPER
from wm_ros.bench.world_model.workshop import FOLDER, run
from wm_ros.evaluation.statistics import paired
from wm_ros.world_model.load import hash_of

_PART = 100             # episodes
_WORLDS = {'pybullet': {}, 'reality': REALITY}


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
    with ThreadPoolExecutor(len(_WORLDS)) as pool:
        here, there = pool.map(lambda world: _played(task, world), _WORLDS)
    lost = [[one for part in reports for one in succeeded(part)] for reports in (here, there)]
    found = Crossing(*(float(np.mean(part)) for part in lost), *paired(*lost))
    factors = [np.median([part['real_time_factor'] for part in reports])
               for reports in (here, there)]
    return [
        at_most(f'live_gap_drop/{task}', found.drop, DROP, 'share', command,
                f'{found}; {EPISODES} paired episodes through the graph, real-time factor '
                f'{factors[0]:.3f} and {factors[1]:.3f}; {load_note()}'),
        at_most(f'live_gap_drop_upper95/{task}', found.high, UPPER, 'share', command),
        shown(f'live_latency_p99/{task}', max(part['latency_p99_ms'] for part in there), 'ms',
              command, f'the greatest of {len(there)} parts')]


def _played(task, world):
    """Return the reports of all parts, played now where they lack."""
    agent, reports = f'panda_{task}_robust', []
    for first in range(0, EPISODES, _PART):
        file = FOLDER / f'live_{task}_{world}_{hash_of(agent)[:12]}_{first:04d}.json'
        if not file.is_file():
            FOLDER.mkdir(parents=True, exist_ok=True)
            words = [word for name, value in _WORLDS[world].items()
                     for word in (f'--{name}', value)]
            run('evaluate', '--task', task, '--checkpoint', agent, '--ros', '--seed', str(first),
                '--episodes', str(_PART), *words, '--json', str(file))
        reports.append(json.loads(file.read_text(encoding='utf-8')))
    return reports
