"""The commanded motion: all joints and the gripper, from one command to the next."""

import math
from typing import List, NamedTuple, Tuple

import numpy as np
from wm_ros.robot.limits import JointLimits
from wm_ros.safety.jerk import feels_jerk, JerkLimiter
from wm_ros.safety.limiter import JointLimiter
from wm_ros.safety.settings import GateSettings
from wm_ros.types import ParameterError

_REST = 1e-9        # [rad/s]


class MotionState(NamedTuple):
    """Where all joints and the gripper are on their way; rad, s, m."""

    positions: Tuple[float, ...]
    velocities: Tuple[float, ...]
    accelerations: Tuple[float, ...]
    gripper: float


class Motion:
    """
    Commanded positions, velocities and gripper width, moved only within the limits.

    The next command is always derived from the command before, never from the measured
    position: a tracking error would fight the limits.
    """

    def __init__(self, limits: JointLimits, settings: GateSettings,
                 gripper_range: Tuple[float, float]):
        count = len(limits.names)
        self.positions: List[float] = [0.0] * count
        self.velocities: List[float] = [0.0] * count
        self.accelerations: List[float] = [0.0] * count     # used where jerk is limited
        self.gripper = float(gripper_range[1])
        self._gripper_low, self._gripper_high = map(float, gripper_range)
        self._limits = limits
        self.configure(settings)

    def configure(self, settings: GateSettings):
        """Take other settings; motion under way goes on from where it is."""
        limits, margin = self._limits, settings.position_margin
        if (limits.lower + margin >= limits.upper - margin).any():
            raise ParameterError(f'safety.position_margin: {margin:g} rad leaves no range to '
                                 'move in')
        if limits.jerk is not None and (limits.jerk <= 0).any():
            raise ParameterError('joint_limits: every max_jerk must be positive')
        self._gripper_speed = settings.gripper_speed
        self._joints = []
        for j in range(len(limits.names)):
            numbers = (float(limits.lower[j]) + margin, float(limits.upper[j]) - margin,
                       float(limits.velocity[j]) * settings.speed_scale,
                       float(limits.acceleration[j]))
            jerk = None if limits.jerk is None else float(limits.jerk[j])
            self._joints.append(
                JerkLimiter(*numbers, jerk) if feels_jerk(numbers[3], jerk, settings.period)
                else JointLimiter(*numbers))
        self._jerky = [isinstance(joint, JerkLimiter) for joint in self._joints]

    def begin(self, positions: np.ndarray, gripper: float):
        """Start anew, at rest at ``positions`` [N] rad."""
        self.positions = [float(value) for value in positions]
        self.velocities = [0.0] * len(self.positions)
        self.accelerations = [0.0] * len(self.positions)
        self.gripper = min(max(float(gripper), self._gripper_low), self._gripper_high)

    @property
    def state(self) -> MotionState:
        """Return what ``restore`` goes back to."""
        return MotionState(tuple(self.positions), tuple(self.velocities),
                           tuple(self.accelerations), self.gripper)

    def restore(self, state: MotionState):
        """Go back to a state that this motion was in."""
        self.positions, self.velocities, self.accelerations = map(list, state[:3])
        self.gripper = state.gripper

    @property
    def finite(self) -> bool:
        """Return whether all that would be sent is finite."""
        # A sum is not finite unless all of its terms are.
        return math.isfinite(sum(self.positions) + sum(self.velocities)
                             + sum(self.accelerations) + self.gripper)

    @property
    def at_rest(self) -> bool:
        """Return whether every joint stands."""
        return (max(self.velocities) < _REST and min(self.velocities) > -_REST
                and not any(self.accelerations))

    def follow(self, targets: List[float], rates: List[float], gripper: float, dt: float,
               pace: float = 1.0) -> float:
        """
        Move for ``dt`` towards ``targets`` [N] rad that move at ``rates`` [N] rad/s.

        Targets that the limits allow are met exactly, unless it is slowed to a ``pace`` below 1.
        Returns by how much the farthest joint misses its target [rad].
        """
        wanted = []
        scale = pace
        for j, joint in enumerate(self._joints):
            target, rate = targets[j], rates[j]
            if target > joint.high:
                target, rate = joint.high, 0.0
            elif target < joint.low:
                target, rate = joint.low, 0.0
            p, v = self.positions[j], self.velocities[j]
            if not self._jerky[j] and joint.reaches(p, v, target, rate, dt):
                wanted.append((target, rate, True))
                continue
            speed = joint.approach(p, v, target, rate, dt)
            wanted.append((target, speed, False))
            if abs(speed) * scale > joint.speed:
                scale = joint.speed / abs(speed)
        worst = 0.0
        for j, (target, rate, direct) in enumerate(wanted):
            if direct and scale == 1.0:
                self.positions[j], self.velocities[j] = target, rate
            else:
                # One joint too slow slows the others: the direction of motion stays.
                self._advance(j, rate * scale, dt)
            miss = abs(self.positions[j] - targets[j])
            if miss > worst:
                worst = miss
        change = self._gripper_speed * dt
        gripper = min(max(gripper, self._gripper_low), self._gripper_high)
        self.gripper = min(max(gripper, self.gripper - change), self.gripper + change)
        return worst

    def brake(self, share: float, dt: float):
        """Slow down for ``dt`` with a ``share`` of the acceleration limits, keeping course."""
        lost = 1.0      # share of the velocities that the hindmost joint can lose
        for joint, v in zip(self._joints, self.velocities):
            most = share * joint.acceleration * dt
            if abs(v) * lost > most:
                lost = most / abs(v)
        for j, v in enumerate(self.velocities):
            if self._jerky[j]:
                self._keep(j, *self._joints[j].brake(
                    self.positions[j], v, self.accelerations[j], share, dt))
            else:
                self._advance(j, v * (1.0 - lost), dt)

    def _advance(self, j, wanted, dt):
        joint = self._joints[j]
        if self._jerky[j]:
            self._keep(j, *joint.advance(
                self.positions[j], self.velocities[j], self.accelerations[j], wanted, dt))
        else:
            self.positions[j], self.velocities[j] = joint.advance(
                self.positions[j], self.velocities[j], wanted, dt)

    def _keep(self, j, p, v, a):
        self.positions[j], self.velocities[j], self.accelerations[j] = p, v, a
