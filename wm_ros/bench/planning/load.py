"""Figures of plan time while somebody else keeps the other cores busy."""

from contextlib import contextmanager
import os
import signal
import subprocess
import sys
import time
from typing import Callable, List, Tuple

import torch
from wm_ros.bench.planning.moments import Agent
from wm_ros.bench.planning.timing import spread_of
from wm_ros.bench.record import at_most, load_note, shown
from wm_ros.evaluation.statistics import percentiles
from wm_ros.types import WmRosError

_BLOCKS, _BLOCK, _MOMENTS = 10, 50, 40      # of each kind, and plans in one
_BAR = 2.0
_COMMAND = 'wm_ros bench planning --only load'
_SPIN = """
import torch
torch.set_num_threads(1)
a = torch.rand(512, 512)
print('ready', flush=True)
while True:
    a @ a
"""


def load():
    """Return plan times of the shipped push agent, quiet and beside busy cores, in turns."""
    torch.set_num_threads(1)
    agent = Agent(_MOMENTS)
    quiet, busy = in_blocks(agent.plan, _BLOCKS, _BLOCK)
    (half, most), (busy_half, busy_most) = percentiles(quiet), percentiles(busy)
    note = (f'{len(busy)} plans each, in turns of {_BLOCK}; quiet: {spread_of(quiet, "ms")}; '
            f'busy: {spread_of(busy, "ms")}; before: {load_note()}')
    return [
        at_most('load_p99_over_quiet_p50', busy_most / half, _BAR, 'times', _COMMAND, note),
        shown('load_quiet_p50', half, 'ms', _COMMAND),
        shown('load_quiet_p99', most, 'ms', _COMMAND),
        shown('load_busy_p50', busy_half, 'ms', _COMMAND),
        shown('load_busy_p99', busy_most, 'ms', _COMMAND)]


def in_blocks(call: Callable[[int], object], blocks: int, block: int
              ) -> Tuple[List[float], List[float]]:
    """Return times [ms] of ``call(number)``, quiet and with all cores busy but one, in turns."""
    found: Tuple[List[float], List[float]] = ([], [])
    call(0)
    with _spinning(max(1, (os.cpu_count() or 2) - 1)) as others:
        for number in range(2 * blocks):
            times = found[number % 2]
            for process in others:
                _tell(process, *((signal.SIGCONT, os.WCONTINUED) if number % 2
                                 else (signal.SIGSTOP, os.WUNTRACED)))
            for i in range(block):
                began = time.perf_counter()
                call(i)
                times.append(1e3 * (time.perf_counter() - began))
    return found


def _tell(process, word, done):
    """Stop a process or let it go on, and wait until it has."""
    process.send_signal(word)
    os.waitpid(process.pid, done)


@contextmanager
def _spinning(count):
    """Run processes that multiply matrices without end, and end them, each by its own handle."""
    processes = [subprocess.Popen([sys.executable, '-c', _SPIN], stdout=subprocess.PIPE)
                 for _ in range(count)]
    try:
        for process in processes:
            if process.stdout.readline() != b'ready\n':
                raise WmRosError('a process that was to keep a core busy did not begin')
        yield processes
    finally:
        for process in processes:
            process.kill()
            process.wait()
            process.stdout.close()
