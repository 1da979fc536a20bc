"""Planners by the name that ``planner.type`` takes."""

from types import MappingProxyType
from typing import Mapping

from wm_ros.planning import unsearched
from wm_ros.planning.cem import cem
from wm_ros.planning.gradient import gradient
from wm_ros.planning.mppi import mppi
from wm_ros.planning.nlp.planner import nlp
from wm_ros.planning.problem import Planner
from wm_ros.planning.tree import tree

PLANNERS: Mapping[str, Planner] = MappingProxyType({
    'mppi': mppi, 'cem': cem, 'gradient': gradient, 'nlp': nlp, 'tree': tree,
    'actor': unsearched.prior, 'prior': unsearched.prior, 'dither': unsearched.dither,
    'random': unsearched.random})
