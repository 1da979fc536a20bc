"""Moments of real episodes, to plan from: what the shipped push agent believed, and its goal."""

from contextlib import closing
from typing import List, NamedTuple

import numpy as np
from wm_ros.evaluation.closed_loop import ClosedLoop
from wm_ros.evaluation.run import make_loop, parameters, Request
from wm_ros.param_table import MPC
from wm_ros.planning import Mpc
from wm_ros.types import Belief, Plan

_EVERY = 4          # plans of an episode between two moments


class Moment(NamedTuple):
    """What ``Mpc.plan`` is told."""

    belief: Belief
    goal: np.ndarray
    previous: Plan      # the one before
    act_at: float


class Agent:
    """The shipped push agent with its own parameters, but for ``settings`` by name."""

    def __init__(self, count: int, **settings):
        params = parameters(Request('push', 1))
        with closing(make_loop('push', params)) as loop:
            self.moments = _moments(loop, count)
        planner = {name: value for name, value in params[MPC].items()
                   if name.startswith(('planner.', 'objective.'))}
        self._planner = {**planner, **{f'planner.{name}': value
                                       for name, value in settings.items()}}
        self.mpc = Mpc(loop.model, loop.robot, loop.task, loop.settings)
        self.set()

    def set(self, **settings):  # noqa: A003
        """Change settings of the planner."""
        self._planner.update({f'planner.{name}': value for name, value in settings.items()})
        self.mpc.reconfigure(self._planner)

    def plan(self, number: int) -> Plan:
        """Return the plan of a moment, of any number."""
        return self.mpc.plan(*self.moments[number % len(self.moments)])


def _moments(loop: ClosedLoop, count) -> List[Moment]:
    found: List[Moment] = []
    for seed in range(count):
        plans: List[Plan] = []

        def watch(scene, belief, plan):
            if len(plans) % _EVERY == 1:
                found.append(Moment(belief, scene.goal, plans[-1], plan.stamp))
            plans.append(plan)

        loop.run(seed, watch)
        if len(found) >= count:
            break
    return found[:count]
