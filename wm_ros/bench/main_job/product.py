"""Figures of the shipped checkpoints and parameters, in lockstep."""

from functools import lru_cache

from wm_ros import seeds
from wm_ros.bench.record import at_least, at_most, load_note, shown
from wm_ros.console import counted
from wm_ros.cores import cores
from wm_ros.evaluation.run import Evaluation, Request
from wm_ros.evaluation.statistics import paired
from wm_ros.tasks import get_task

EPISODES = 1000
_DITHER_WIDTHS = (0.05, 0.1, 0.2, 0.3)
_TUNING_EPISODES = 200           # the dither is tuned on seeds that nothing is judged on


@lru_cache(maxsize=None)        # several parts of a bench ask for the same episodes
def evaluate(task, episodes=EPISODES, **told) -> dict:
    """Return the report of an evaluation on all cores; ``told`` as ``Request`` takes it."""
    evaluation = Evaluation(Request(task, episodes, jobs=cores(), **told))
    what = ' '.join([task, *(told[name] for name in ('planner', 'engine') if told.get(name))])
    results = counted(what, evaluation.play(evaluation.episodes), episodes)
    return evaluation.report(results)


def succeeded(figures):
    """Return 1 or 0 for each episode of a report, in the order of the seeds."""
    failed, first = set(figures['failed_seeds']), figures['seed']
    return [float(seed not in failed) for seed in range(first, first + figures['episodes'])]


def success():
    """Success of reach and push, with its lower bound."""
    rows = []
    for task, bar, lower in (('reach', 0.99, 0.98), ('push', 0.95, None)):
        figures = evaluate(task)
        command = f'wm_ros evaluate --task {task} --episodes {EPISODES}'
        note = f'checkpoint {figures["checkpoint"]}, failed seeds {figures["failed_seeds"][:8]}'
        rows.append(at_least(f'{task}_success', figures['success_rate'], bar, 'share', command,
                             note))
        low = figures['success_ci95'][0]
        if lower:
            rows.append(at_least(f'{task}_success_lower95', low, lower, 'share', command))
        else:
            rows.append(shown(f'{task}_success_lower95', low, 'share', command))
        for name, unit in (('time_to_goal_mean', 's'), ('plan_ms_p50', 'ms'),
                           ('plan_ms_p99', 'ms')):
            rows.append(shown(f'{task}_{name}', figures[name], unit, command, load_note()))
    return rows


def planning():
    """Time to goal on push: the planner against prior and dither, paired."""
    widths = {}
    for width in _DITHER_WIDTHS:
        widths[width] = evaluate(
            'push', _TUNING_EPISODES, seeds.TUNING, 'dither',
            (f'mpc_node:planner.noise_std:={width}',))['time_to_goal_mean']
    best = min(widths, key=widths.get)
    ours = evaluate('push')
    rows = []
    for name, settings in (('prior', ()), ('dither', (f'mpc_node:planner.noise_std:={best}',))):
        other = evaluate('push', planner=name, settings=settings)
        mean, low, high = paired(ours['times'], other['times'])
        command = f'wm_ros evaluate --task push --episodes {EPISODES} --planner {name}'
        if name == 'dither':
            command += f' --set mpc_node:planner.noise_std:={best}'
        rows += [
            at_most(f'push_time_minus_{name}_upper95', high, 0.0, 's',
                    'wm_ros bench main_job --only planning',
                    f'mean {mean:.3f}, 95 % from {low:.3f} to {high:.3f}; '
                    f'{EPISODES} paired episodes, a failure counts as the time limit'),
            shown(f'push_success_{name}', other['success_rate'], 'share', command),
            shown(f'push_time_{name}', other['time_to_goal_mean'], 's', command,
                  f'width {best}, tuned over {_rounded(widths)}' if name == 'dither' else '')]
    random = evaluate('push', 200, planner='random')
    rows.append(shown('push_success_random', random['success_rate'], 'share',
                      'wm_ros evaluate --task push --episodes 200 --planner random'))
    return rows


def _rounded(values):
    return {key: round(value, 3) for key, value in values.items()}


def open_loop_errors(horizons) -> dict:
    """Return the open-loop errors of the shipped push model; see ``learning.open_loop``."""
    from wm_ros.learning.collect import held_out
    from wm_ros.learning.open_loop import open_loop
    from wm_ros.robot.robot import load_robot
    from wm_ros.world_model import load_checkpoint
    robot = load_robot('panda')
    model = load_checkpoint('', robot, get_task('push'))
    return open_loop(model, held_out(robot, 'push', 100), horizons)


def prediction():
    """Open-loop error of the shipped push model where the block moves by 5 cm or more."""
    errors = open_loop_errors((5, 10, 25))
    command = 'wm_ros bench main_job --only prediction'
    rows = []
    for horizon, bar in ((5, 0.02), (10, 0.03), (25, None)):
        at = errors[horizon]
        note = f'{at["count"]} starts; end effector {100 * at["end_effector"]:.2f} cm'
        name = f'push_open_loop_error_{horizon}'
        if bar:
            rows.append(at_most(name, at['error'], bar, 'm', command, note))
        else:
            rows.append(shown(name, at['error'], 'm', command, note))
        rows.append(shown(f'push_block_stays_error_{horizon}', at['stays'], 'm', command))
    return rows
