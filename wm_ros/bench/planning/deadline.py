"""Figures of deadlines: plans that are searched for until the time is up, and no longer."""

import time
from typing import List, NamedTuple

import numpy as np
import torch
from wm_ros.bench.planning.moments import Agent
from wm_ros.bench.planning.timing import middle, spread_of
from wm_ros.bench.record import at_most, load_note, shown

_PLANS, _MOMENTS, _FIRST = 1000, 40, 20     # the first plans do not count: they learn what time is
_SHORTEST, _LONGEST = 5.0, 50.0             # [ms]
_ENDLESS = 100                              # iterations, more than fit into the longest
_COMMAND = 'wm_ros bench planning --only deadline'


class Timed(NamedTuple):
    """One plan: its deadline, what it took, its longest iteration [ms], and how many it had."""

    deadline: float
    took: float
    longest: float
    iterations: int

    @property
    def over(self) -> float:
        """Return by how much [ms] the deadline was missed; negative where it was kept."""
        return self.took - self.deadline


def deadline():
    """Return how many of 1,000 plans of each planner overran by more than one iteration."""
    torch.set_num_threads(1)
    rows, agent = [], Agent(_MOMENTS)
    for planner in ('mppi', 'cem'):
        agent.set(type=planner, iterations=_ENDLESS)
        rows += _rows(planner, timed(agent, _PLANS))
    return rows


def _rows(planner, plans: List[Timed]):
    note = (f'of {len(plans)}, deadlines of {_SHORTEST:g} to {_LONGEST:g} ms; '
            f'{sum(plan.over > 0 for plan in plans)} were late at all; {load_note()}')
    count = sum(plan.over > plan.longest for plan in plans)
    return [
        at_most(f'deadline_overruns/{planner}', count, 0, 'plans', _COMMAND, note),
        shown(f'deadline_over_max/{planner}', max(plan.over for plan in plans), 'ms', _COMMAND,
              f'beyond the deadline; {spread_of([plan.over for plan in plans], "ms")}'),
        shown(f'deadline_iteration/{planner}', middle([plan.longest for plan in plans]), 'ms',
              _COMMAND, 'the longest of a plan, median'),
        shown(f'deadline_iterations/{planner}', middle([plan.iterations for plan in plans]), '',
              _COMMAND, spread_of([plan.iterations for plan in plans]))]


def timed(agent: Agent, count: int) -> List[Timed]:
    """Return ``count`` plans with deadlines drawn anew for each."""
    limits = np.random.default_rng(0).uniform(_SHORTEST, _LONGEST, _FIRST + count)
    with _Dreams(agent.mpc.model) as dreams:
        return [_one(agent, number, limit, dreams) for number, limit in enumerate(limits)][_FIRST:]


def _one(agent, number, limit, dreams):
    agent.set(deadline_ms=float(limit))
    dreams.clear()
    began = time.perf_counter()
    plan = agent.plan(number)
    took = time.perf_counter() - began
    return Timed(limit, 1e3 * took, 1e3 * dreams.longest, plan.iterations)


class _Dreams:
    """Sees when a model dreams: once an iteration."""

    def __init__(self, model):
        self._model, self._imagine = model, model.imagine
        self.clear()

    def clear(self):
        self._begun: List[float] = []
        self._ended = 0.0

    @property
    def longest(self) -> float:
        """Return the longest time [s] from dream to dream; of the last, that of the dream."""
        return float(np.diff([*self._begun, self._ended]).max())

    def __enter__(self):
        self._model.imagine = self._watched
        return self

    def __exit__(self, *_):
        del self._model.imagine

    def _watched(self, *args, **kwargs):
        self._begun.append(time.perf_counter())
        dream = self._imagine(*args, **kwargs)
        self._ended = time.perf_counter()
        return dream
