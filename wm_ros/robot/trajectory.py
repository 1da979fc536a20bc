"""Where a plan wants the arm to be at a moment: cubic Hermite between its knots."""

from typing import Tuple

import numpy as np
from wm_ros.types import Plan


def sample(plan: Plan, time: float) -> Tuple[np.ndarray, np.ndarray, float]:
    """
    Return positions [N] rad, velocities [N] rad/s and gripper width [m] at ``time`` [s].

    Cubic Hermite between the knots, linear for the gripper.  Nothing is extrapolated:
    before the first knot the first one counts, from the last one on the arm stands there.
    ``time`` must be finite.
    """
    last = len(plan.positions) - 1
    dt = plan.dt
    place = (time - plan.stamp) / dt
    if place < 0.0 < last:
        return plan.positions[0], plan.velocities[0], float(plan.gripper[0])
    if place >= last or last == 0:
        end = plan.positions[last]
        return end, np.zeros_like(end), float(plan.gripper[last])
    k = int(place)
    s = place - k
    p0, p1 = plan.positions[k], plan.positions[k + 1]
    v0, v1 = plan.velocities[k], plan.velocities[k + 1]
    rise = p1 - p0
    r = 1.0 - s
    # From p0, so that a standing arm is sampled without rounding error.
    positions = p0 + (s * s * (3.0 - 2.0 * s)) * rise
    positions += (dt * s * r * r) * v0
    positions -= (dt * s * s * r) * v1
    velocities = (6.0 * s * r / dt) * rise
    velocities += (r * (1.0 - 3.0 * s)) * v0
    velocities += (s * (3.0 * s - 2.0)) * v1
    g0 = float(plan.gripper[k])
    return positions, velocities, g0 + s * (float(plan.gripper[k + 1]) - g0)
