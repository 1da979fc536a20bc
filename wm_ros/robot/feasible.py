"""Joint motion that the joints can make, all of them together: no plan that the gate must bend."""

from typing import Tuple

import numpy as np
from wm_ros.robot.kinematics import Kinematics
from wm_ros.robot.motion import MotionRule

_SPEED, _ACCELERATION = 0.95, 0.8   # shares of the limits; the rest is the gate's
_MARGIN = 0.025                     # [rad] kept from the positions' limits, more than the gate's
_CATCH_UP = 0.5                     # of what is missing to the path, made good in one step
_NEAR = 0.004                       # [rad] from where a knot is as good as reached


class Follower:
    """
    Follows paths as closely as the limits of the robot's joints allow.

    Where one joint would have to be too fast, or to change its velocity too quickly, all of
    them change in proportion: the arm comes later, on nearly the same way.  Limiting joints
    one by one, as a gate has to, leads elsewhere; near a folded elbow by centimetres, into
    the table.
    """

    def __init__(self, kinematics: Kinematics):
        robot, limits = kinematics.robot, kinematics.robot.limits
        self._kinematics = kinematics
        #: What plans ask of the joints: less than their limits, the rest is the gate's.
        self.rule = MotionRule(
            dt=robot.dt, speed=_SPEED * limits.velocity,
            acceleration=_ACCELERATION * limits.acceleration,
            low=limits.lower + _MARGIN, high=limits.upper - _MARGIN)

    def follow(self, q: np.ndarray, dq: np.ndarray, places: np.ndarray, velocities: np.ndarray
               ) -> Tuple[np.ndarray, np.ndarray]:
        """
        Return joint positions and velocities [H, N] along end-effector knots.

        ``q``, ``dq`` [N] rad, rad/s are where the motion begins; ``places`` [H, 4] are
        positions m and yaw rad, a step of the robot's apart, ``velocities`` [H, 4] their rates.
        """
        return self.limit(q, dq, *self._kinematics.follow(
            q, places[:, :3], places[:, 3], velocities[:, :3], velocities[:, 3]))

    def limit(self, q: np.ndarray, dq: np.ndarray, path: np.ndarray, rates: np.ndarray
              ) -> Tuple[np.ndarray, np.ndarray]:
        """
        Return positions and velocities [H, N] along knots, a step of the robot's apart.

        ``q``, ``dq`` [N] rad, rad/s are where the motion begins; ``path``, ``rates`` [H, N]
        what is wanted.
        """
        positions, velocities = np.empty_like(path), np.empty_like(rates)
        for k, (place, rate) in enumerate(zip(path, rates)):
            q, dq = positions[k], velocities[k] = self._step(q, dq, place, rate)
        return positions, velocities

    def _step(self, q, dq, place, rate):
        rule = self.rule
        change = rule.acceleration * rule.dt
        behind = place - q - 0.5 * rule.dt * (dq + rate)
        if (np.abs(behind).max() < _NEAR and (np.abs(rate - dq) <= change).all()
                and (np.abs(rate) <= rule.speed).all()):
            return place, rate
        wanted = rate + _CATCH_UP / rule.dt * behind
        wanted = wanted / max(1.0, np.abs(wanted / rule.speed).max())
        more = wanted - dq
        wanted = dq + more / max(1.0, np.abs(more / change).max())
        return rule.advance(q, dq, wanted / rule.speed)
