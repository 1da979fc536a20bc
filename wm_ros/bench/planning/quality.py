"""Figures of all planners in the closed loop, and of the horizon."""

from wm_ros.bench.main_job.product import evaluate
from wm_ros.bench.record import at_least, load_note, shown

PLANNERS = ('mppi', 'cem', 'gradient', 'nlp', 'tree', 'actor')
HORIZONS = (1, 2, 3, 5, 8, 10, 15, 20, 25)
_EPISODES, _BARS = 100, {'reach': 0.95, 'push': 0.80}
_VARIED = ('mppi', 'cem')       # planners whose horizon is


def quality():
    """Return success, return, plan time and smoothness of the planners, as shipped."""
    rows = []
    for task, bar in _BARS.items():
        for planner in PLANNERS:
            figures = evaluate(task, _EPISODES, planner=planner)
            command = f'wm_ros evaluate --task {task} --episodes {_EPISODES} --planner {planner}'
            name = f'{task}/{planner}'
            rows.append(at_least(f'quality_success/{name}', figures['success_rate'], bar, 'share',
                                 command, f'failed seeds {figures["failed_seeds"][:8]}'))
            rows += [shown(f'quality_{figure}/{name}', figures[key], unit, command, note)
                     for figure, key, unit, note in (
                         ('time_to_goal', 'time_to_goal_mean', 's', ''),
                         ('return', 'return_mean', '', ''),
                         ('plan_ms_p50', 'plan_ms_p50', 'ms', load_note()),
                         ('plan_ms_p99', 'plan_ms_p99', 'ms', ''),
                         ('jerk', 'jerk_rms', 'rad/s^3', 'of the commands'))]
    return rows


def horizon():
    """Return success and time to the goal over the horizon."""
    rows = []
    for planner in _VARIED:
        for steps in HORIZONS:
            setting = f'mpc_node:planner.horizon:={steps}'
            figures = evaluate('push', _EPISODES, planner=planner, settings=(setting,))
            command = (f'wm_ros evaluate --task push --episodes {_EPISODES} --planner {planner} '
                       f'--set {setting}')
            rows += [
                shown(f'horizon_time/{planner}/{steps}', figures['time_to_goal_mean'], 's',
                      command),
                shown(f'horizon_success/{planner}/{steps}', figures['success_rate'], 'share',
                      command),
                shown(f'horizon_plan_ms/{planner}/{steps}', figures['plan_ms_p50'], 'ms',
                      command)]
    return rows
