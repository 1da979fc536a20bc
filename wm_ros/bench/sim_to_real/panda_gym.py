"""
Figures of agents that learn in panda-gym's environments, from nothing, beside published ones.

What is trained for it stays in ``benchmarks/work``: a training that was interrupted goes on.
"""

import json
from pathlib import Path
from typing import NamedTuple

from wm_ros.bench.record import at_least, load_note, shown
from wm_ros.bench.world_model.workshop import FOLDER, run

_EPISODES, _SEED = 200, 0
_EARLY = 300_000
#: Why returns are not quite comparable.
_VERSIONS = ('of version 1, whose episodes have 50 steps: what slides on costs there, and not in '
             'version 3, where the first step within tolerance is the last: that favours ours')


class Published(NamedTuple):
    """Return of TQC with HER there: its mean, standard deviation, and environment steps."""

    mean: float
    std: float
    steps: int


class Bar(NamedTuple):
    """Steps that are trained for, the success asked for, and what others have."""

    steps: int
    success: float
    published: Published


#: RL Baselines3 Zoo (Raffin 2020), benchmark.md: one run each, of the environments' version 1.
ENVIRONMENTS = {
    'PandaReach-v3': Bar(20_000, 1.0, Published(-1.768, 0.858, 20_000)),
    'PandaPush-v3': Bar(300_000, 0.95, Published(-6.405, 6.400, 1_000_000)),
    'PandaPickAndPlace-v3': Bar(600_000, 0.9, Published(-8.024, 6.674, 1_000_000)),
}


def reach():
    """Return success and return of PandaReach-v3, and of the way there."""
    return _rows('PandaReach-v3')


def push():
    """Return the same of PandaPush-v3."""
    return _rows('PandaPush-v3')


def pick_and_place():
    """Return the same of PandaPickAndPlace-v3."""
    return _rows('PandaPickAndPlace-v3')


def _rows(name):
    bar = ENVIRONMENTS[name]
    output = _trained(name, bar.steps)
    report = output.with_suffix('.evaluation.json')
    evaluate = ('evaluate', '--env', name, '--checkpoint', str(output), '--episodes',
                str(_EPISODES))
    run(*evaluate, '--json', str(report))
    found = json.loads(report.read_text(encoding='utf-8'))
    curve = json.loads(output.with_suffix('.curve.json').read_text(encoding='utf-8'))['curve']
    return [*_reached(name, bar, found), *_way(name, bar, curve)]


def _reached(name, bar: Bar, found):
    """Return what the best weights do."""
    command = f'wm_ros evaluate --env {name} --checkpoint NAME --episodes {_EPISODES}'
    low, high = found['success_ci95']
    theirs = bar.published
    return [
        at_least(f'panda_gym_success/{name}', found['success_rate'], bar.success, 'share', command,
                 f'95 % from {low:.3f} to {high:.3f} in {_EPISODES} episodes; trained for '
                 f'{bar.steps:,} environment steps, {load_note()}'),
        shown(f'panda_gym_return/{name}', found['return_mean'], '', command,
              f'standard deviation {found["return_std"]:.2f}'),
        shown(f'learning_return_published/{name}/{theirs.steps}', theirs.mean, '', '',
              f'of TQC with HER, standard deviation {theirs.std:.2f}: RL Baselines3 Zoo; '
              f'{_VERSIONS}')]


def _way(name, bar: Bar, curve):
    """Return when it first did as well as asked for, and how it did on the way."""
    command = _command(name, bar.steps)
    first = next((point for point in curve if point['success_rate'] >= bar.success), None)
    early = [point for point in curve if point['steps'] <= _EARLY][-1]
    rows = [shown(
        f'panda_gym_success_early/{name}', early['success_rate'], 'share', command,
        f'in {early["episodes"]} episodes after {early["steps"]:,} steps')]
    if first is not None:
        rows.append(shown(
            f'panda_gym_steps_to_bar/{name}', first['steps'], 'steps', command,
            f'until {bar.success:.2f} was first seen, in {first["episodes"]} episodes; '
            f'{first["seconds"] / 60:.0f} min on one core'))
    for what, key, unit in (('success', 'success_rate', 'share'), ('return', 'return_mean', '')):
        rows += [shown(f'learning_{what}/{name}/{point["steps"]}', point[key], unit,
                       command) for point in curve]
    return rows


def _trained(name, steps) -> Path:
    """Return the checkpoint of an environment, trained now, or to its end, where it lacks."""
    output = FOLDER / f'panda_gym_{name}'
    begun = output.with_suffix('.resume.safetensors').is_file()     # until the end
    if begun or not output.with_suffix('.json').is_file():
        run('train', '--env', name, '--steps', str(steps), '--seed', str(_SEED), '--output',
            str(output), *(['--resume'] if begun else []))
    return output


def _command(name, steps) -> str:
    return f'wm_ros train --env {name} --steps {steps} --seed {_SEED} --output NAME'
