"""Planners by the name that ``planner.type`` takes."""

from types import MappingProxyType
from typing import Mapping

from wm_ros.planning import unsearched
from wm_ros.planning.arm import Arm
from wm_ros.planning.cem import cem
from wm_ros.planning.gradient import gradient
from wm_ros.planning.mppi import mppi
from wm_ros.planning.nlp.planner import nlp, tools_of
from wm_ros.planning.problem import Planner
from wm_ros.planning.settings import PlannerSettings
from wm_ros.planning.tree import tree
from wm_ros.types import ParameterError
from wm_ros.world_model.agent.dynamics import Dynamics

#: Those that have one candidate only: what it costs changes nothing.
UNSEARCHED: Mapping[str, Planner] = MappingProxyType({
    'actor': unsearched.prior, 'prior': unsearched.prior, 'dither': unsearched.dither,
    'random': unsearched.random})
PLANNERS: Mapping[str, Planner] = MappingProxyType({
    'mppi': mppi, 'cem': cem, 'gradient': gradient, 'nlp': nlp, 'tree': tree, **UNSEARCHED})


def check_choice(settings: PlannerSettings):
    """
    Raise ParameterError where boxes are to be kept out of by a planner that has no choice.

    To be asked of what moves an arm: elsewhere what boxes cost such a planner may be of interest.
    """
    if settings.keep_out and settings.type in UNSEARCHED:
        raise ParameterError(f'parameter planner.keep_out: got boxes, and planner.type '
                             f'{settings.type!r}, which has no choice and would go through '
                             'them; expected none, or a planner that searches')


def prepare(settings: PlannerSettings, arm: Arm, dynamics: Dynamics):
    """Make, beside the running planner, what another one needs, so that no cycle waits for it."""
    if settings.type == 'nlp':
        tools_of(arm, dynamics, settings.horizon)
