"""Times of things that take turns, so that a machine's moods strike all of them alike."""

from contextlib import contextmanager
import os
import time
from typing import Callable, Dict, List, Mapping

import numpy as np
import torch
from wm_ros.workers import spread

Times = Dict[str, List[float]]      # [ms], one of each round


def in_turns(what: Mapping[str, Callable[[], object]], rounds: int) -> Times:
    """Return the times [ms] of each of ``what``, called once a round; the first does not count."""
    times: Times = {name: [] for name in what}
    for _ in range(rounds + 1):
        for name, call in what.items():
            began = time.perf_counter()
            call()
            times[name].append(1e3 * (time.perf_counter() - began))
    return {name: found[1:] for name, found in times.items()}


def middle(times) -> float:
    """Return the median."""
    return float(np.median(times))


def spread_of(values, unit: str = '') -> str:
    """Return median and quartiles in words."""
    low, half, high = np.quantile(values, [0.25, 0.5, 0.75])
    return f'median {half:.4g}, quartiles {low:.4g} to {high:.4g} {unit}'.strip()


def ratios(theirs, ours) -> np.ndarray:
    """Return how many times as long theirs take, round by round."""
    return np.asarray(theirs) / np.asarray(ours)


def on_cores(count: int, function: Callable, *arguments):
    """
    Return ``function(*arguments)`` from a process of its own, whose torch has ``count`` threads.

    How many there are, and that those without work do not spin, is for good once torch has begun.
    """
    with environment(OMP_NUM_THREADS=str(count), OMP_WAIT_POLICY='passive'):
        (found,) = spread(_call, [(function, arguments)], 1, torch.set_num_threads, (count,))
    return found


def _call(item):
    function, arguments = item
    return function(*arguments)


@contextmanager
def environment(**values):
    """Set variables of the environment for a while, and for processes that are started then."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
