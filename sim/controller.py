"""
Commands in, set points out, as ros2_control's controllers do it.

``TrajectoryFollower`` stands for a joint_trajectory_controller and a
forward_command_controller on the same joints; the newest command counts.  Times are those
of the simulated world [s].
"""

from collections import deque
import math
from typing import NamedTuple, Optional, Sequence, Tuple

import numpy as np
from wm_ros.types import WmRosError

# joint_trajectory_controller's own tolerance: float's epsilon.
_STILL = 1.2e-7


class CommandRefused(WmRosError):
    """A command that a ros2_control robot would refuse as well."""


class Knots(NamedTuple):
    """A checked trajectory; joints in the order of the follower."""

    times: np.ndarray                   # [P] s from the start
    positions: np.ndarray               # [P, J]
    velocities: Optional[np.ndarray]    # [P, J], None: straight lines

    def repeat(self, copies: int) -> 'Knots':
        """Return the same for ``copies`` times as many joints."""
        velocities = None if self.velocities is None else np.tile(self.velocities, copies)
        return Knots(self.times, np.tile(self.positions, copies), velocities)


def check_trajectory(names: Sequence[str], own: Sequence[str], points) -> Knots:
    """
    Return the knots of a trajectory for the joints ``own``, or raise CommandRefused.

    ``points`` are (time [s], positions, velocities, accelerations, effort).  The rules are
    joint_trajectory_controller's, and one that it lacks: every number must be finite.
    """
    order = _order(names, own)
    if not points:
        raise CommandRefused('trajectory without points')
    times = np.array([point[0] for point in points], dtype=float)
    if not np.isfinite(times).all() or times[0] < 0 or (np.diff(times) <= 0).any():
        raise CommandRefused('time_from_start must be at least 0 and rise from point to point')
    if any(len(point[4]) for point in points):
        raise CommandRefused('got efforts, expected positions')
    positions = _rows('positions', [point[1] for point in points], len(own))
    velocities = None
    if any(len(point[2]) for point in points):
        velocities = _rows('velocities', [point[2] for point in points], len(own))
        if (np.abs(velocities[-1]) > _STILL).any():
            raise CommandRefused('the velocity of the last point is not zero')
        velocities = velocities[:, order]
    for point in points:
        if len(point[3]) not in (0, len(own)):
            raise CommandRefused(f'got {len(point[3])} accelerations, expected {len(own)}')
    return Knots(times, positions[:, order], velocities)


def check_positions(values, count: int) -> np.ndarray:
    """Return the positions [J] of a forward command, or raise CommandRefused."""
    return _rows('positions', [values], count)[0]


def _order(names, own):
    if len(set(names)) < len(names) or set(names) != set(own):
        raise CommandRefused(f'got joints {", ".join(names) or "none"}, expected all of '
                             f'{", ".join(own)}, each once')
    return [list(names).index(name) for name in own]


def _rows(what, rows, width):
    for row in rows:
        if len(row) != width:
            raise CommandRefused(f'got {len(row)} {what}, expected {width}')
    array = np.array(rows, dtype=float)
    if not np.isfinite(array).all():
        raise CommandRefused(f'got {what} that are not finite')
    return array


class TrajectoryFollower:
    """
    Follows the newest command for J joints.

    A command counts from its arrival on, even when the world is advanced in leaps: what
    arrived during a leap does not act on the part of it that lay before.  ``timeout`` [s]
    after a trajectory's end, or after a position command, without another one, the joints
    are held where they are.
    """

    def __init__(self, positions, timeout: float):
        self.timeout = timeout
        self._arrivals = deque(maxlen=256)
        self.reset(positions)

    def reset(self, positions):
        """Forget all commands and hold ``positions`` [J]."""
        self._arrivals.clear()
        self._knots: Optional[Knots] = None
        self._hold = np.array(positions, dtype=float)
        self._still = np.zeros(len(self._hold))
        self._expires = math.inf
        self._origin = 0.0

    def trajectory(self, knots: Knots, arrival: float, start: Optional[float] = None):
        """Follow ``knots`` from ``start`` on, None: at once; past ones are refused."""
        start = arrival if start is None else start
        if start + knots.times[-1] < arrival:
            raise CommandRefused('the trajectory ends in the past')
        self._arrivals.append((arrival, start, knots))

    def positions(self, values: np.ndarray, arrival: float):
        """Go to ``values`` [J] at once."""
        self._arrivals.append((arrival, None, values))

    def setpoint(self, time: float, measured) -> Tuple[np.ndarray, np.ndarray]:
        """Return positions and velocities [J] at ``time``; ``measured()`` says where they are."""
        while self._arrivals and self._arrivals[0][0] <= time:
            self._take(*self._arrivals.popleft(), time)
        if time >= self._expires:
            self._knots, self._hold, self._expires = None, np.array(measured()), math.inf
        return self._sample(time)

    def _take(self, arrival, start, command, time):
        if start is None:
            self._knots, self._hold = None, command
            self._expires = arrival + self.timeout
            return
        positions, velocities = self._sample(time)
        times = command.times + (start - time)
        if times[0] > 0.0:
            # From what was wanted until now (interpolate_from_desired_state) to the first point.
            bends = command.velocities
            command = Knots(np.append(0.0, times), np.vstack([positions, command.positions]),
                            None if bends is None else np.vstack([velocities, bends]))
        else:
            command = command._replace(times=times)
        self._knots, self._origin, self._segment = command, time, 0
        self._expires = time + command.times[-1] + self.timeout
        self._hold = command.positions[-1]

    def _sample(self, time):
        knots = self._knots
        if knots is None:
            return self._hold, self._still
        t = time - self._origin
        if t >= knots.times[-1]:
            self._knots = None
            return self._hold, self._still
        k = self._segment
        while t >= knots.times[k + 1]:
            k += 1
        self._segment = k
        length = knots.times[k + 1] - knots.times[k]
        s = (t - knots.times[k]) / length
        p, rise = knots.positions[k], knots.positions[k + 1] - knots.positions[k]
        if knots.velocities is None:
            return p + s * rise, rise / length
        u, w, r = knots.velocities[k], knots.velocities[k + 1], 1.0 - s
        return (p + (s * s * (3.0 - 2.0 * s)) * rise
                + (length * s * r * r) * u - (length * s * s * r) * w,
                (6.0 * s * r / length) * rise + (r * (1.0 - 3.0 * s)) * u
                + (s * (3.0 * s - 2.0)) * w)
