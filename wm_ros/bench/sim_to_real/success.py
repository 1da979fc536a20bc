"""Figures of success in the worlds that agents learn in, and of blocks that they never saw."""

from wm_ros.bench.main_job.product import evaluate
from wm_ros.bench.record import at_least, shown

_EPISODES = 200
_BARS = {'reach': 0.99, 'push': 0.97, 'pick_and_place': 0.95}
_SEEN = {'reach': 0.97, 'push': 0.85, 'pick_and_place': 0.70}       # by a camera
_UNSEEN = 0.85


def success():
    """Return success of the shipped agents in PyBullet, states given; stack's on other blocks."""
    rows = []
    for task, bar in _BARS.items():
        rows += _rows(task, task, bar)
    rows += _rows('stack', 'stack', None)
    return rows + _rows('stack', 'stack, unseen blocks', _UNSEEN, randomization='unseen_blocks')


def camera():
    """Return success of the shipped agents in PyBullet, objects seen by a camera alone."""
    return [row for task, bar in _SEEN.items()
            for row in _rows(task, f'{task}, camera', bar, sensors='camera')]


def _rows(task, name, bar, **told):
    figures = evaluate(task, _EPISODES, **told)
    command = f'wm_ros evaluate --task {task} --episodes {_EPISODES}' + ''.join(
        f' --{flag} {value}' for flag, value in told.items())
    low, high = figures['success_ci95']
    note = (f'95 % from {low:.3f} to {high:.3f}; checkpoint {figures["checkpoint"]}, '
            f'failed seeds {figures["failed_seeds"][:8]}')
    what = f'success/{name}', figures['success_rate']
    return [shown(*what, 'share', command, note) if bar is None else
            at_least(*what, bar, 'share', command, note),
            shown(f'time_to_goal/{name}', figures['time_to_goal_mean'], 's', command)]
