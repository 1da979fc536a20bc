"""The planner: from what the prior does to what is worth more and keeps all limits."""

from contextlib import suppress
from functools import lru_cache
from typing import List

import numpy as np
import torch
from wm_ros.planning.arm import Arm
from wm_ros.planning.candidates import dream_of, finite_elites, scored
from wm_ros.planning.nlp.ipopt import optimum
from wm_ros.planning.nlp.limits import Limits
from wm_ros.planning.nlp.linear import Motion
from wm_ros.planning.nlp.quadratic import QuadraticProgram
from wm_ros.planning.nlp.sqp import improved, Tools
from wm_ros.planning.nlp.trajectory import Trajectory
from wm_ros.planning.nlp.worth import Judge
from wm_ros.planning.posture import MARGIN
from wm_ros.planning.problem import Clock, Problem, Solution
from wm_ros.planning.solution import solution_of
from wm_ros.types import NoValidPlan
from wm_ros.world_model.agent.dynamics import Dynamics

_MOST = 100             # iterations of IPOPT


def nlp(problem: Problem) -> Solution:
    """Return the best trajectory found that keeps out of the boxes; raises NoValidPlan."""
    settings, clock = problem.settings, Clock(problem.deadline)
    tools = tools_of(problem.start.arm, problem.model.dynamics, settings.horizon)
    motion, limits, _ = tools
    judge, found = Judge(problem), [_first(problem, motion, limits)]
    with suppress(NoValidPlan):     # what was found before is there still
        while len(found) <= settings.iterations and clock.another():
            found.append(improved(problem, tools, judge, found[-1]))
        if settings.solver == 'ipopt':
            found.append(optimum(problem, motion, limits, judge, found[-1], _MOST))
    return _best(problem, motion, limits, found)


@lru_cache(maxsize=4)
def tools_of(arm: Arm, dynamics: Dynamics, horizon: int) -> Tools:
    """Return the tools of an arm, and so of a thread."""
    motion = Motion(arm.robot, dynamics, horizon)
    return Tools(motion, Limits(arm, motion, dynamics.rule, bool(dynamics.active[3])),
                 QuadraticProgram())


def _first(problem, motion, limits) -> Trajectory:
    """Return what the prior does, or what goes around the boxes where that would not."""
    at, active = _of_dream(problem, motion, problem.prior), problem.model.dynamics.active
    if limits.room(at, problem.start.boxes) >= MARGIN:
        return at
    around = torch.as_tensor(_around(problem)[None], dtype=active.dtype, device=active.device)
    return _of_dream(problem, motion, dream_of(problem, around, 0))


def _around(problem) -> np.ndarray:
    """Return actions [H, A] that lead around the boxes, or to rest where no way is known."""
    rule, detour, layout = problem.model.dynamics.rule, problem.start.detour, problem.model.layout
    state = problem.state.cpu().numpy().astype(float)
    place, rate = state[layout.setpoint_pose], state[layout.setpoint_twist]
    actions = np.zeros((problem.settings.horizon, len(problem.model.dynamics.active)))
    if detour is None:
        return actions
    way = detour.way_from(place[:3], 2 * len(actions))
    for action in actions:
        nearest = np.argmin(np.linalg.norm(way - place[:3], axis=1))
        wanted = (way[min(nearest + 1, len(way) - 1)] - place[:3]) / (2 * rule.dt * rule.speed[:3])
        action[:3] = wanted / max(1.0, np.abs(wanted).max())
        place, rate = rule.advance(place, rate, action[:4])
    return actions


def _of_dream(problem, motion, dream) -> Trajectory:
    """Return the trajectory of an arm that follows the first future of a dream."""
    start, layout = problem.start, problem.model.layout
    states, latents = (part[0].cpu().numpy().astype(float)
                       for part in (dream.states, dream.latents))
    _, rates = start.arm.led(start.q, start.dq, states)
    setpoint = np.concatenate([states[0, layout.setpoint_pose], states[0, layout.setpoint_twist]])
    return Trajectory(start.q, start.dq, setpoint, states[0, layout.gripper],
                      problem.settings.dt, rates, motion.transition.take(states, latents))


def _best(problem, motion, limits, found: List[Trajectory]) -> Solution:
    """Return the best of the trajectories, judged by what the model dreams of them."""
    room = np.array([limits.room(at, problem.start.boxes) for at in found])
    kept = [at for at, left in zip(found, room) if left >= 0.0]
    if not kept:
        raise NoValidPlan(f'none of {len(found)} trajectories keeps out of the boxes: the arm '
                          f'would be {-100 * room.max():.1f} cm inside')
    actions = np.stack([motion.actions(motion.setpoints(at)).values for at in kept])
    dream = dream_of(problem, torch.as_tensor(actions.clip(-1, 1), dtype=torch.float32,
                                              device=problem.goal.device), 0)
    scores, shares = scored(problem, dream)
    best, dropped = finite_elites(scores, dream, 1)
    chosen = kept[int(best[0])]
    return solution_of(dream, shares, best, torch.ones_like(scores[:1]), len(found) - 1,
                       dropped)._replace(path=(chosen.path, chosen.rates))
