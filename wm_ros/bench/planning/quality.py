"""Figures of all planners in the closed loop, and of the horizon."""

from wm_ros.bench.main_job.product import evaluate, succeeded
from wm_ros.bench.record import at_least, at_most, load_note, shown
from wm_ros.evaluation.statistics import paired, paired_shares

PLANNERS = ('mppi', 'cem', 'gradient', 'nlp', 'tree', 'actor')
HORIZONS = (1, 2, 3, 5, 8, 10, 15, 20, 25)
_EPISODES, _BARS = 100, {'reach': 0.95, 'push': 0.80}
_VARIED = ('mppi', 'cem')       # planners whose horizon is
_PAIRED, _LOST = 1000, 0.01     # episodes in both precisions; success that may be lost


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
                      command)]
    return rows


def precision():
    """Return what push loses where dreams are products in bfloat16, in paired episodes."""
    found, command = {}, f'wm_ros evaluate --task push --episodes {_PAIRED} --set {{}}'
    rows = []
    for backend in ('wide', 'wide-bfloat16'):
        setting = f'mpc_node:planner.backend:={backend}'
        found[backend] = evaluate('push', _PAIRED, settings=(setting,))
        rows += [shown(f'precision_{name}/{backend}', found[backend][key], unit,
                       command.format(setting), note)
                 for name, key, unit, note in (
                     ('success', 'success_rate', 'share',
                      f'failed seeds {found[backend]["failed_seeds"][:8]}'),
                     ('time_to_goal', 'time_to_goal_mean', 's', ''))]
    wide, rounded = found['wide'], found['wide-bfloat16']
    mean, low, high = paired_shares(succeeded(wide), succeeded(rounded))
    sooner, least, most = paired(wide['times'], rounded['times'])
    return [at_most('bfloat16_success_lost', mean, _LOST, 'share',
                    'wm_ros bench planning --only precision',
                    f'95 % from {low:.4f} to {high:.4f}; {_PAIRED} paired episodes; sooner at '
                    f'the goal by {sooner:.3f} s, 95 % from {least:.3f} to {most:.3f}'), *rows]
