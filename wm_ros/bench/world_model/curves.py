"""Figures of training itself: several processes, a run that is killed, and how fast data comes."""

import os
from pathlib import Path
import signal
import subprocess
import sys
import tempfile
import time

import numpy as np
import torch
from wm_ros.bench.record import at_least, at_most, shown
from wm_ros.bench.world_model.workshop import recording
from wm_ros.data import Bank
from wm_ros.learning.parts import Order, PARTS
from wm_ros.types import WmRosError

_UPDATES, _VALIDATE = 300, 50
_COMMAND = 'wm_ros bench world_model --only training'


def training():
    """Return how alike loss curves are: of two processes, of a killed run, of another seed."""
    with tempfile.TemporaryDirectory() as folder:
        runs = {name: _Run(Path(folder) / name, seed, processes) for name, seed, processes in (
            ('one', 0, 1), ('two', 0, 2), ('seed', 1, 1), ('killed', 0, 1))}
        for name, run in runs.items():
            if name == 'killed':
                run.until_state()
            run.finish()
        curves = {name: run.curve() for name, run in runs.items()}
    one = curves['one']
    off = {name: float(np.abs(curve / one - 1.0).max()) for name, curve in curves.items()}
    note = (f'validation loss each {_VALIDATE} of {_UPDATES} updates, greatest difference: '
            f'{np.round(one, 3).tolist()}')
    return [
        at_most('training_two_processes_off', off['two'], max(off['seed'], 0.02), 'share',
                _COMMAND, f'torchrun, gloo, against one process; the bar is that of another '
                f'seed, or 2 %; {note}'),
        at_most('training_killed_and_resumed_off', off['killed'], 0.0, 'share', _COMMAND,
                'SIGKILL, then --resume: the same curve to the last digit'), *_data()]


class _Run:
    """One training of a small model of sequences."""

    def __init__(self, output: Path, seed: int, processes: int):
        self._log = output.with_suffix('.log')
        launcher = ['-m', 'torch.distributed.run', '--standalone', '--nproc-per-node',
                    str(processes), '-m'] if processes > 1 else ['-m']
        self._command = [
            sys.executable, *launcher, 'wm_ros', 'train', '--task', 'push', '--model',
            'sequence', '--data', str(recording('plain')), '--held-out',
            str(recording('plain_held')), '--seed', str(seed), '--output', str(output),
            '--log-dir', str(self._log)]
        for setting in (f'updates={_UPDATES}', f'validate={_VALIDATE}', 'size=64', 'hidden=64',
                        'window=16', 'dream=8', 'warmup=20'):
            self._command += ['--set', setting]
        self._state = output.with_suffix('.resume.safetensors')
        self._env = {**os.environ, 'OMP_NUM_THREADS': '1'}

    def until_state(self):
        """Run until a state was saved, then kill it."""
        with subprocess.Popen(self._command, env=self._env) as process:
            while not self._state.is_file() and process.poll() is None:
                time.sleep(0.05)
            process.send_signal(signal.SIGKILL)

    def finish(self):
        """Run to the end, going on where it was killed."""
        more = ['--resume'] if self._state.is_file() else []
        done = subprocess.run([*self._command, *more], env=self._env, check=False)
        if done.returncode:
            raise WmRosError(f'{" ".join(self._command[1:])}: exit code {done.returncode}')

    def curve(self) -> np.ndarray:
        """Return the validation loss at each validation."""
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
        events = EventAccumulator(str(self._log))
        events.Reload()
        found = {event.step: event.value for event in events.Scalars('validation/loss')}
        return np.array([found[step] for step in sorted(found)])


def _data():
    """Return how many times faster frames and rows are sampled than training takes them."""
    torch.set_num_threads(1)
    rows = []
    for name, kind, settings, columns, batch, length in (
            ('frames', 'tokenizer', (), ('frames', 'boxes'), 32, 1),
            ('sequences', 'sequence', ('window=32', 'batch=24'),
             ('states', 'actions', 'rewards', 'goal', 'success', 'ended'), 24, 32)):
        data, held_out = ((recording(name) for name in ('looks', 'looks_held'))
                          if kind == 'tokenizer' else
                          (recording(name) for name in ('plain', 'plain_held')))
        bank, rng = Bank(data, 'push', print, columns), np.random.default_rng(0)
        job, _ = PARTS[kind](Order('push', [data], held_out, settings))
        sampling = _seconds(lambda b=bank, n=batch, t=length: b.sample(rng, n, t))
        updating = _seconds(lambda j=job: j.losses(rng)['loss'].backward())
        learning = updating - sampling      # an update begins by sampling its batch
        rows.append(at_least(f'training_data_speed_{name}', learning / sampling, 3.0, 'times',
                             _COMMAND, f'a batch is sampled in {1e3 * sampling:.1f} ms, forward '
                             f'and backward take {1e3 * learning:.0f} ms on one core'))
    rows.append(shown('training_data_bytes', sum(
        file.stat().st_size for file in recording('plain').glob('*.safetensors')) / 2 ** 20,
        'MiB', _COMMAND, 'recordings of 1,000 episodes with frames of 64 pixels'))
    return rows


def _seconds(work, times=7):
    found = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        found.append(time.perf_counter() - began)
    return float(np.median(found))
