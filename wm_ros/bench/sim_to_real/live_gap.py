"""The same way through the running graph: real nodes, real DDS, in real time."""

from wm_ros.bench.main_job.live import played
from wm_ros.bench.record import at_most, load_note, shown
from wm_ros.bench.sim_to_real.gap import Crossing, DROP, EPISODES, REALITY, succeeded, UPPER
from wm_ros.evaluation.run import Request
from wm_ros.evaluation.statistics import paired


def reach():
    """Return what reach loses; an hour."""
    return _crossed('reach')


def push():
    """Return what push loses; two hours."""
    return _crossed('push')


def pick_and_place():
    """Return what pick_and_place loses; two hours."""
    return _crossed('pick_and_place')


def _crossed(task):
    command = f'wm_ros bench sim_to_real --only live_{task}'
    agent = f'panda_{task}_robust'
    here = played(Request(task, EPISODES, checkpoint=agent), f'{task}, PyBullet')
    there = played(Request(task, EPISODES, checkpoint=agent, **REALITY), f'{task}, reality')
    found = Crossing(here['success_rate'], there['success_rate'],
                     *paired(succeeded(here), succeeded(there)))
    return [
        at_most(f'live_gap_drop/{task}', found.drop, DROP, 'share', command,
                f'{found}; {EPISODES} paired episodes through the graph, real-time factor '
                f'{here["real_time_factor"]:.3f} and {there["real_time_factor"]:.3f}; '
                f'{load_note()}'),
        at_most(f'live_gap_drop_upper95/{task}', found.high, UPPER, 'share', command),
        shown(f'live_latency_p99/{task}', there['latency_p99_ms'], 'ms', command)]
