"""
How good the plans of some parameters are, judged in imagination, and how long they take.

A plan is followed to its end and the policy prior after it, over one long horizon for all, with
the learned value behind it; what counts is the return above that of the prior alone.  A search
finds what its model is mistaken about, and the judge has the same model: so it weighs the
ensemble's disagreement more than the planner does.  It tells bad parameters from good ones, not
the good ones apart: that takes the closed loop.
"""

from dataclasses import dataclass, replace
from typing import Any, List, Mapping, Optional, Sequence, Tuple

import numpy as np
import torch
from wm_ros.evaluation.statistics import percentiles
from wm_ros.planning import Mpc, PlannerSettings
from wm_ros.planning.objective import Objective
from wm_ros.tuning.moments import Moment
from wm_ros.types import NoValidPlan
from wm_ros.world_model.agent.rollout import Dream

_LENGTH, _AFTER = 40, 15    # steps that are judged, at least, and after the longest plan
_SCEPTICAL = 10.0           # times that disagreement weighs what it does to the planner
_PLANS = 100                # of which times are taken
_GLANCE = 5                 # plans after which one that is hopelessly slow is given up
_HOPELESS = 3.0             # times the limit


@dataclass(frozen=True)
class Measured:
    """What came of a set of parameters offline; no gain where plans take far too long."""

    gain: Optional[float]
    plan_ms_p50: float
    plan_ms_p99: float


class Imagination:
    """
    Makes plans at recorded moments and judges them.

    ``start``: parameters of the mpc node; what is measured changes some of them.  ``longest``
    [steps] is the longest plan that will be judged.  One instance per thread.
    """

    def __init__(self, model, robot, task, moments: Sequence[Moment], start: Mapping[str, Any],
                 longest: int):
        self._parts, self._start, self._moments = (model, robot, task), dict(start), list(moments)
        self._model = model.acting if start['planner.prior'] == 'actor' else model
        self._objective = Objective(model, task)
        self._weights = dict(self._mpc({}).settings.weights)
        self._weights['disagreement'] *= _SCEPTICAL
        self._length = max(_LENGTH, longest + _AFTER)
        self._begins, self._priors = self._follow_prior()

    def measure(self, parameters: Mapping[str, Any], limit: float) -> Measured:
        """
        Return what parameters are worth whose plans may take ``limit`` [ms].

        Where no plan is found the arm holds.  Raises NoValidPlan where none is ever found.
        """
        mpc = self._ready(parameters)
        glance = self._times(mpc, self._moments[:_GLANCE])
        if np.median(glance) > _HOPELESS * limit:
            return Measured(None, *percentiles(glance))
        gains, times = [], []
        for index, moment in enumerate(self._moments):
            plan = _plan(mpc, moment)
            times += [] if plan is None else [1e3 * plan.solve_time]
            gains.append(self._worth(index, plan, mpc.settings.horizon) - self._priors[index])
        if not times:
            raise NoValidPlan('no plan was found at any of the recorded moments')
        times += self._times(mpc, self._cycle(_PLANS - len(times)))
        return Measured(float(np.mean(gains)), *percentiles(times))

    def plan_ms(self, parameters: Mapping[str, Any], count: int) -> Tuple[float, ...]:
        """Return median and 99th percentile [ms] of the times that ``count`` plans take."""
        return percentiles(self._times(self._ready(parameters), self._cycle(count)))

    def _mpc(self, parameters) -> Mpc:
        return Mpc(*self._parts, PlannerSettings.from_params({**self._start, **parameters}))

    def _ready(self, parameters) -> Mpc:
        """Return a planner whose memory is laid out: the first plans take longer."""
        mpc = self._mpc(parameters)
        self._times(mpc, self._cycle(2))
        return mpc

    def _cycle(self, count) -> List[Moment]:
        return [self._moments[number % len(self._moments)] for number in range(count)]

    def _times(self, mpc, moments) -> List[float]:
        plans = [_plan(mpc, moment) for moment in moments]
        return [1e3 * plan.solve_time for plan in plans if plan is not None]

    def _follow_prior(self):
        """Return (state, latent, posture) at which plans begin, and the prior's returns."""
        mpc = self._mpc({'planner.type': 'prior', 'planner.horizon': self._length})
        begins, returns = [], []
        for number, moment in enumerate(self._moments):
            mpc.plan(*moment)
            self._moments[number] = _with_offsets(moment, mpc.dream.actions[0].cpu().numpy())
            begins.append((mpc.dream.states[0, 0].clone(), mpc.dream.latents[0, 0].clone(),
                           mpc.posture))
            returns.append(self._score(mpc.dream, _goal(moment), mpc.posture))
        return begins, returns

    def _worth(self, index, plan, horizon) -> float:
        """Return the return of following ``plan``, or none, and then the prior."""
        goal, (state, latent, posture) = _goal(self._moments[index]), self._begins[index]
        width = len(self._model.dynamics.active)
        actions = torch.zeros(1, horizon, width)
        if plan is not None:
            actions[0] = torch.from_numpy(np.array(plan.actions))
        first = self._model.imagine(state, latent, actions.to(state.device))
        rest = self._model.imagine(
            first.states[0, -1], first.latents[0, -1],
            torch.zeros(1, self._length - horizon, width, device=state.device),
            goal.to(state.device), guided=1)
        return self._score(_joined(first, rest), goal, posture)

    def _score(self, dream, goal, posture) -> float:
        goal = goal.to(dream.states.device)
        return float(self._objective.score(dream, goal, self._weights, posture)[0])


def _plan(mpc, moment):
    try:
        return mpc.plan(*moment)
    except NoValidPlan:
        return None


def _with_offsets(moment: Moment, prior: np.ndarray) -> Moment:
    """
    Return ``moment`` with a last plan that a search around the prior can go on from as well.

    A start that searches among actions knows no offsets from the prior, whose actions [H, A] at
    the moment itself tell about what they were.
    """
    previous = moment.previous
    if previous is None or previous.offsets is not None:
        return moment
    offsets = previous.actions - prior[:len(previous.actions)]
    return moment._replace(previous=replace(previous, offsets=offsets))


def _goal(moment):
    return torch.as_tensor(moment.goal[:3], dtype=torch.float32)


def _joined(first: Dream, rest: Dream) -> Dream:
    """Return a dream that goes on with ``rest``, which begins where ``first`` ends."""
    return Dream(torch.cat([first.actions, rest.actions], 1),
                 torch.cat([first.states, rest.states[:, 1:]], 1),
                 torch.cat([first.latents, rest.latents[:, 1:]], 1),
                 torch.cat([first.disagreement, rest.disagreement], 1))
