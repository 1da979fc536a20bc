"""How joints come to rest from where they are."""

from typing import List, Tuple

import numpy as np
from wm_ros.robot.limits import JointLimits

_AT_REST = 1e-6         # [rad/s]
_SHORTEST = 1e-3        # [s]


def coasting_time(positions: np.ndarray, velocities: np.ndarray, limits: JointLimits,
                  most: float) -> float:
    """
    Return how long [s], at most ``most``, all joints may keep their ``velocities`` [N] rad/s.

    After it, full braking still ends within the position limits.
    """
    speed = np.abs(velocities)
    stop = positions + velocities * speed / (2.0 * limits.acceleration)
    room = np.where(velocities > 0.0, limits.upper - stop, stop - limits.lower)
    return float(np.clip(room / np.maximum(speed, _AT_REST), 0.0, most).min())


def stopping_knots(positions: np.ndarray, velocities: np.ndarray, deceleration: np.ndarray
                   ) -> List[Tuple[float, np.ndarray, np.ndarray]]:
    """
    Return (time [s], positions [N], velocities [N]) on the way to rest; the last one rests.

    Each joint brakes by itself at ``deceleration`` [N] rad/s^2, so none goes farther than
    its own braking distance.  There is one knot halfway: a cubic between knots is exact for
    the joint that brakes longest and close for the others.
    """
    speed = np.abs(velocities)
    durations = speed / deceleration
    longest = float(durations.max())
    if speed.max() < _AT_REST:
        return [(_SHORTEST, positions, np.zeros_like(velocities))] if speed.any() else []
    longest = max(longest, _SHORTEST)
    knots = []
    for time in (0.5 * longest, longest):
        spent = np.minimum(time, durations)
        left = 1.0 - spent / np.maximum(durations, 1e-12)
        left[durations <= time] = 0.0
        knots.append((time, positions + 0.5 * spent * velocities * (1.0 + left),
                      velocities * left))
    return knots
