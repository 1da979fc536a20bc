"""The plan period: how long a plan may take, and what follows for when plans come and act."""

import math
from typing import Any, Dict, Mapping, Optional

from wm_ros.param_table import MPC, SAFETY
from wm_ros.types import WmRosError


def period_of(params: Mapping[str, Mapping[str, Any]], asked: Optional[float]) -> float:
    """
    Return the plan period [ms]: as ``asked``, or else as the planner's rate says.

    Raises WmRosError for one that the gate could not live with: it holds when a plan is older
    than its timeout, which tuning does not touch.
    """
    period = 1e3 / params[MPC]['planner.rate'] if asked is None else asked
    timeout = 1e3 * params[SAFETY]['safety.plan_timeout']
    if not 0.0 < period < timeout:
        raise WmRosError(f'--period: got {period:g} ms, expected more than 0 and less than '
                         f'safety.plan_timeout, {timeout:g} ms: the gate would hold between plans')
    return period


def in_time(start: Mapping[str, Any], period: float, plan_ms: float) -> Dict[str, Any]:
    """
    Return what has to change for plans that take ``plan_ms``: nothing where they are quick.

    They cannot come more often than once in a ``period`` [ms], and they act when they are
    there: where that is later than planner.action_delay, the belief is propagated so far.
    """
    changes = {}
    rate = round(1e3 / period, 3)
    if start['planner.rate'] > rate + 1e-3:
        changes['planner.rate'] = rate
    delay = math.ceil(min(plan_ms, period)) * 1e-3
    if delay > start['planner.action_delay'] + 1e-9:
        changes['planner.action_delay'] = round(delay, 3)
    return changes
