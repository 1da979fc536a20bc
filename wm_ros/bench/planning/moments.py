"""Moments of real episodes, to plan from: what the shipped push agent believed, and its goal."""

from contextlib import closing

from wm_ros.evaluation.run import make_loop, parameters, Request
from wm_ros.param_table import MPC
from wm_ros.planning import Mpc
from wm_ros.tuning.moments import record
from wm_ros.types import Plan

_EACH = 8           # moments of an episode


class Agent:
    """The shipped push agent with its own parameters, but for ``settings`` by name."""

    def __init__(self, count: int, **settings):
        params = parameters(Request('push', 1))
        with closing(make_loop('push', params)) as loop:
            self.moments = record(loop, range(-(-count // _EACH)), min(count, _EACH))
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
