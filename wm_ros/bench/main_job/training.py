"""Training from nothing, with several seeds: time, steps, and what came of it."""

import json
import os
from pathlib import Path
import subprocess
import sys
import tempfile

import numpy as np
from wm_ros.bench.main_job.product import evaluate
from wm_ros.bench.record import at_least, at_most, load_note, shown
from wm_ros.types import WmRosError

SEEDS = (0, 1, 2)
_EPISODES, _JUDGED = 200, 100_000       # episodes that each run is judged by, and their seed


def train(task, seed, folder, extra=()) -> dict:
    """Run ``wm_ros train`` as a user would; return its figures."""
    output, figures = Path(folder) / f'{task}_{seed}', Path(folder) / f'{task}_{seed}_run.json'
    command = [sys.executable, '-m', 'wm_ros', 'train', '--task', task, '--seed', str(seed),
               '--output', str(output), '--json', str(figures), *extra]
    done = subprocess.run(command, env={**os.environ, 'OMP_NUM_THREADS': '1'}, check=False)
    if done.returncode:
        raise WmRosError(f'{" ".join(command[2:])}: exit code {done.returncode}')
    return {**json.loads(figures.read_text(encoding='utf-8')), 'output': str(output)}


def _seeds(task, success_bar, minutes_bar=None, extra=(), seeds=SEEDS):
    rows = []
    name = f'train_{task}' + ('_alone' if extra else '')
    command = ' '.join(['wm_ros', 'train', '--task', task, '--seed', 'SEED', *extra, '--output',
                        'FILE'])
    judging = (f'{command}; wm_ros evaluate --task {task} --episodes {_EPISODES} --seed {_JUDGED} '
               '--checkpoint FILE')
    minutes, successes = [], []
    with tempfile.TemporaryDirectory() as folder:
        for seed in seeds:
            run = train(task, seed, folder, extra)
            judged = evaluate(task, _EPISODES, _JUDGED, checkpoint=run['output'])
            minutes.append(run['seconds'] / 60)
            successes.append(judged['success_rate'])
            note = (f'{run["environment_steps"]} environment steps, '
                    f'{run["demonstration_steps"]} demonstrated; {_EPISODES} episodes; '
                    f'{load_note()}')
            if success_bar:
                rows.append(at_least(f'{name}_success/seed{seed}', successes[-1], success_bar,
                                     'share', judging, note))
            else:
                rows.append(shown(f'{name}_success/seed{seed}', successes[-1], 'share', judging,
                                  note))
    spread = f'{min(minutes):.1f} to {max(minutes):.1f}; {load_note()}'
    worst = max(minutes)
    rows.append(at_most(f'{name}_minutes_max', worst, minutes_bar, 'min', command, spread)
                if minutes_bar else shown(f'{name}_minutes_max', worst, 'min', command, spread))
    rows.append(shown(f'{name}_success_spread', float(np.ptp(successes)), 'share', judging))
    return rows


def train_reach():
    """Reach to 0.99 in under 10 minutes."""
    return _seeds('reach', 0.99, 10)


def train_push():
    """Push to 0.95 in a time that is stated."""
    return _seeds('push', 0.95)


def alone():
    """Both tasks without any demonstration."""
    return (_seeds('reach', None, extra=('--no-demonstrations',), seeds=(0,))
            + _seeds('push', None, extra=('--no-demonstrations',), seeds=(0,)))
