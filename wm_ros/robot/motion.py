"""
Task-space action -> motion of the end-effector setpoint, exactly as it is executed.

An action is the wanted velocity of the setpoint, normalised per axis.  The setpoint
takes it up with bounded acceleration and brakes before the walls of the workspace, so
that every action sequence is a motion that the arm can follow; because the rule is
closed-form, the world model's imagination of the setpoint is exact.
"""

from dataclasses import dataclass, field

import numpy as np
from wm_ros.robot.robot import Robot

#: [m] by which the width between the fingers changes per step at full action.
GRIPPER_STEP = 0.02


@dataclass(frozen=True)
class MotionRule:
    """Constants of the setpoint's motion; x, y, z [m] and yaw [rad] as 4 axes; the gripper's."""

    dt: float
    speed: np.ndarray           # [4] full speed
    acceleration: np.ndarray    # [4]
    low: np.ndarray             # [4] walls
    high: np.ndarray            # [4]
    #: [2] m, least and greatest of the gripper.
    widths: np.ndarray = field(default_factory=lambda: np.zeros(2))

    @classmethod
    def of(cls, robot: Robot) -> 'MotionRule':
        """Return the rule of ``robot``."""
        return cls(
            dt=robot.dt,
            speed=np.array([robot.max_linear_speed] * 3 + [robot.max_yaw_rate]),
            acceleration=np.array([robot.max_linear_acceleration] * 3
                                  + [robot.max_yaw_acceleration]),
            low=np.append(robot.workspace_low, -1.5), high=np.append(robot.workspace_high, 1.5),
            widths=np.array([robot.gripper_min, robot.gripper_max]))

    def grip(self, width, action, steps: float = 1.0):
        """Return the width [...] m that ``steps`` of ``action`` [...] make of one."""
        moved = width + steps * GRIPPER_STEP * np.clip(action, -1.0, 1.0)
        return np.clip(moved, *self.widths)

    def advance(self, position, velocity, action, dt=None):
        """
        Return (position', velocity') [..., 4] after one step of ``action`` [..., 4].

        The velocity changes linearly over the step, so the way between is a parabola.
        """
        dt = self.dt if dt is None else dt
        change = self.acceleration * dt
        wanted = self.speed * np.clip(action, -1.0, 1.0)
        reached = velocity + np.clip(wanted - velocity, -change, change)
        upper = self._brake(self.high - position, velocity, dt)
        lower = -self._brake(position - self.low, -velocity, dt)
        upper = np.minimum(np.maximum(upper, velocity - change), velocity + change)
        reached = np.clip(reached, lower, upper)
        moved = position + 0.5 * (velocity + reached) * dt
        return moved, reached

    def _brake(self, room, velocity, dt):
        """
        Return the fastest end velocity from which the setpoint still stops in ``room``.

        It stops in whole steps, each with a linear velocity: with the continuous braking
        distance it would swing to and fro at a wall.
        """
        change = self.acceleration * dt
        left = room - 0.5 * velocity * dt
        steps = np.floor(np.sqrt(0.25 + 2.0 * np.maximum(left, 0.0) / (change * dt)) - 0.5)
        towards = left / (dt * (steps + 1.0)) + 0.5 * change * steps
        return np.maximum(towards, -0.5 * change)       # from outside, slowly back


def hermite(p0, v0, p1, v1, dt, times):
    """
    Return positions and velocities [S, N] of the cubic between two knots.

    ``p0, v0, p1, v1`` [N] or [S, N]; ``dt`` [s], of each or [S], between the knots; ``times``
    [S] s from the first.
    """
    s, dt = (np.asarray(times) / dt)[..., None], np.asarray(dt)[..., None]
    s2 = s * s
    s3 = s2 * s
    positions = ((2 * s3 - 3 * s2 + 1) * p0 + (s3 - 2 * s2 + s) * dt * v0
                 + (3 * s2 - 2 * s3) * p1 + (s3 - s2) * dt * v1)
    velocities = ((6 * s2 - 6 * s) / dt * (p0 - p1) + (3 * s2 - 4 * s + 1) * v0
                  + (3 * s2 - 2 * s) * v1)
    return positions, velocities
