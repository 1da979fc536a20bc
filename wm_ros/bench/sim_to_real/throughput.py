"""Figures of how fast environments step on one core, ours beside others'."""

from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
import multiprocessing
import signal
import time
from typing import Dict, List, NamedTuple, Tuple

import numpy as np
from wm_ros.bench.planning.timing import environment, middle, spread_of
from wm_ros.bench.record import load_note, shown
from wm_ros.bench.sim_to_real import environments
from wm_ros.tasks import TASKS

_ROUNDS, _STEPS = 9, 200
_COMMAND = 'wm_ros bench sim_to_real --only throughput'
_PEER = 'panda-gym'


class Rates(NamedTuple):
    """Steps a second of one environment, of each round, and how long a step is [s]."""

    seconds: float
    steps: List[float]
    with_camera: List[float]    # [] of one that has none


def throughput():
    """Return steps and simulated seconds in a second of one core, of each task and engine."""
    rows = []
    for task in TASKS:
        rates, load = measured(task), load_note()
        for name, found in rates.items():
            rows += _rows(f'{task}, {name}', found, load)
        rows += _beside(task, rates)
    return rows


def measured(task: str, rounds: int = _ROUNDS, steps: int = _STEPS) -> Dict[str, Rates]:
    """
    Return the rates of all environments of ``task``, by name; ``steps`` are those of a round.

    Each has a process of its own, with one thread, and they take turns: a machine's moods strike
    all alike.  The first round does not count, nor do resets.
    """
    names = list(environments.makers(task))
    times: Dict[Tuple[str, bool], List[float]] = {}
    with environment(OMP_NUM_THREADS='1'), ExitStack() as stack:
        processes = {name: stack.enter_context(ProcessPoolExecutor(
            1, multiprocessing.get_context('spawn'), _begin, (task, name))) for name in names}
        for number in range(rounds + 1):
            for name, process in processes.items():
                for camera in (False, True):
                    taken = process.submit(_time, number, steps, camera).result()
                    times.setdefault((name, camera), []).append(taken)
        lengths = {name: process.submit(_length).result() for name, process in processes.items()}

    def rates(name, camera):
        return [steps / taken for taken in times[name, camera][1:] if taken]

    return {name: Rates(lengths[name], rates(name, False), rates(name, True)) for name in names}


_here = None        # the environment of a process that steps one


def _begin(task, name):
    global _here
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _here = environments.makers(task)[name]()


def _length():
    return _here.seconds


def _time(number, steps, camera) -> float:
    """Return how long [s] so many steps take, with a picture after each or without; 0: cannot."""
    if camera and not hasattr(_here, 'look'):
        return 0.0
    actions = environments.drawn(_here, steps, np.random.default_rng(number))
    seed, taken = 1000 * number, 0.0
    _here.reset(seed)
    for action in actions:
        began = time.perf_counter()
        over = _here.step(action)
        if camera:
            _here.look()
        taken += time.perf_counter() - began
        if over:
            seed += 1
            _here.reset(seed)
    return taken


def _rows(line, rates: Rates, load):
    rows = []
    for column, found in (('', rates.steps), ('_with_camera', rates.with_camera)):
        if found:
            rows += [
                shown(f'throughput_steps{column}/{line}', middle(found), '1/s', _COMMAND,
                      f'{len(found)} rounds, one thread; {spread_of(found, "1/s")}; {load}'),
                shown(f'throughput_simulated{column}/{line}', rates.seconds * middle(found),
                      's/s', _COMMAND, f'a step is {rates.seconds:g} s')]
    return rows


def _beside(task, rates: Dict[str, Rates]):
    """Return how many times as much time ours simulate as panda-gym, round by round."""
    rows, peer = [], rates[_PEER]
    for name in ('PyBullet', 'MuJoCo'):
        ratio = rates[name].seconds / peer.seconds * (
            np.array(rates[name].steps) / np.array(peer.steps))
        rows.append(shown(f'throughput_of_{_PEER.replace("-", "_")}/{task}, {name}', middle(ratio),
                          'times', _COMMAND, f'simulated seconds; {spread_of(ratio)}'))
    return rows
