"""
Sequential quadratic programming on the learned dynamics.

Direct multiple shooting (Bock and Plitt 1984): the stages of the dream are unknowns beside the
joint rates, the learned steps between them constraints.  Each quadratic program is condensed to
the rates; its Hessian is the objective's where it bends downwards (generalised Gauss-Newton).
"""

from typing import NamedTuple

import numpy as np
from wm_ros.planning.nlp.limits import Limits
from wm_ros.planning.nlp.linear import Motion
from wm_ros.planning.nlp.quadratic import QuadraticProgram
from wm_ros.planning.nlp.trajectory import Trajectory
from wm_ros.planning.nlp.worth import Judge
from wm_ros.planning.problem import Problem

_STIFF = 0.5            # price of a change of the action, squared
_LAZY = 1e-3            # price of a change of a joint's rate [rad/s], squared
_WATCHED = 4            # spheres at each knot that boxes are constraints to, the nearest


class Tools(NamedTuple):
    """What is the same for all problems of an arm, a dynamics and a horizon; holds buffers."""

    motion: Motion
    limits: Limits
    solve: QuadraticProgram


def improved(problem: Problem, tools: Tools, judge: Judge, at: Trajectory) -> Trajectory:
    """Return the trajectory of the next quadratic program; raises NoValidPlan without one."""
    motion, limits, solve = tools
    linear = motion.closed(at)
    worth = judge(linear)
    curved = np.concatenate([linear.states.slopes, linear.actions.slopes], 1)[:, judge.curved]
    curved = curved.reshape(-1, motion.width)
    actions = linear.actions.slopes.reshape(-1, motion.width)
    hessian = (_STIFF * actions.T @ actions - curved.T @ judge.curvature(linear) @ curved
               + _LAZY * np.eye(motion.width))
    x = solve(hessian, -worth.slope, limits(at, linear.setpoints, problem.start.boxes, _WATCHED))
    return at.moved(at.rates + x.reshape(at.rates.shape),
                    linear.stages.values + linear.stages.slopes @ x)
