"""What the gate knows of plan and arm, and how old it is; refuses what is malformed."""

from collections import deque
from dataclasses import dataclass
import math
from typing import List, Optional

import numpy as np
from wm_ros.robot.limits import JointLimits
from wm_ros.types import Plan

_WAITING = 64           # plans that are kept until they act; more are never in flight
_LARGEST = 1e6          # rad, rad/s: larger numbers are no plan
_OUTSIDE = 0.1          # [rad] beyond its limits a joint may be found, and moved back from


@dataclass(frozen=True)
class Measured:
    """What the arm reports, in the order of the limits' names."""

    stamp: float                    # [s]
    positions: np.ndarray           # [N] rad
    velocities: Optional[np.ndarray] = None     # [N] rad/s
    gripper: Optional[float] = None             # [m]


class Refused(Exception):
    """Why an input is not used; it never leaves this package."""


class NotFinite(Refused):
    """The input holds NaN or infinity."""


class PlanInput:
    """
    The plan in force, and those that are still to act.

    A plan acts from its stamp on, so until then the plan before it is followed.
    """

    def __init__(self, joints: int):
        self._joints = joints
        self._offered = None        # the last one seen, good or bad
        self.clear()

    def clear(self, not_before: float = -math.inf):
        """Drop all plans; those observed before ``not_before`` [s] are void from now on."""
        self._newest = -math.inf
        self._waiting = deque(maxlen=_WAITING)      # of (plan, time of its arrival)
        self.current: Optional[Plan] = None
        self._arrival = 0.0
        self._not_before = not_before

    def void_before(self, time: float):
        """Drop the plans observed before ``time`` [s], now and henceforth."""
        self._not_before = time
        self._waiting = deque(
            (item for item in self._waiting if item[0].observed >= time), _WAITING)
        if self.current is not None and self.current.observed < time:
            self.current = None

    def offer(self, plan: Optional[Plan], now: float, timeout: float):
        """Take ``plan`` if it is new; raise Refused for one that no gate should follow."""
        if plan is None or plan is self._offered:
            return
        self._offered = plan
        try:
            self._check(plan, now, timeout)
        except (AttributeError, TypeError, ValueError, OverflowError, IndexError) as error:
            raise Refused(f'plan is malformed ({error})') from error
        if plan.observed < self._not_before:
            return
        if plan.observed < self._newest:
            raise Refused('plan is older than the one before')
        self._newest = plan.observed
        # It replaces those that would act later; the next to act stays in any case, or with
        # a fast planner none would ever act.
        while self._waiting and self._waiting[-1][0].stamp >= plan.stamp:
            self._waiting.pop()
        self._waiting.append((plan, now))

    def at(self, time: float) -> Optional[Plan]:
        """Return the plan in force at ``time`` [s], or None; it is ``current`` until the next."""
        while self._waiting and self._waiting[0][0].stamp <= time:
            self.current, self._arrival = self._waiting.popleft()
        return self.current

    def age(self, now: float) -> float:
        """Return the age of the plan in force [s]: of what it saw, not of its arrival."""
        if self.current is None:
            return math.inf
        # A stamp from the future must not keep a plan young.
        return now - min(self.current.observed, self._arrival)

    def _check(self, plan, now, timeout):
        numbers = (plan.stamp, plan.observed, plan.dt)
        arrays = (plan.positions, plan.velocities, plan.gripper)
        if not all(math.isfinite(number) for number in numbers):
            raise NotFinite('plan has a time that is not finite')
        for array in arrays:
            largest = abs(array).max()
            if not largest <= _LARGEST:
                if np.isfinite(array).all():
                    raise Refused(f'plan holds {largest:g}')
                raise NotFinite('plan is not finite')
        knots = len(plan.positions)
        if (plan.positions.shape != (knots, self._joints)
                or plan.velocities.shape != (knots, self._joints)
                or plan.gripper.shape != (knots,)):
            raise Refused(f'plan has shape {plan.positions.shape}, expected (knots, '
                          f'{self._joints}) for positions and velocities')
        if not 1e-4 <= plan.dt <= 10.0:
            raise Refused(f'plan has steps of {plan.dt:g} s')
        ahead = max(plan.observed, plan.stamp) - now
        if ahead > timeout:
            raise Refused(f'plan is {ahead:.3f} s in the future, expected at most '
                          f'safety.plan_timeout, {timeout:g} s: is planner.action_delay longer?')


class MeasuredInput:
    """The newest good measurement."""

    def __init__(self, limits: JointLimits):
        self._low = (limits.lower - _OUTSIDE).tolist()
        self._high = (limits.upper + _OUTSIDE).tolist()
        self._names = limits.names
        self._offered = None
        self.clear()

    def clear(self):
        """Drop what is known."""
        self.stamp = -math.inf      # [s]
        self.positions: List[float] = []            # [N] rad, empty when nothing is known
        self.gripper: Optional[float] = None        # [m]
        self._arrival = 0.0

    def offer(self, measured: Optional[Measured], now: float, timeout: float):
        """Take ``measured`` if it is newer; raise Refused for one that cannot be true."""
        if measured is None or measured is self._offered:
            return
        self._offered = measured
        try:
            stamp = float(measured.stamp)
            positions = [float(value) for value in measured.positions]
            gripper = None if measured.gripper is None else float(measured.gripper)
        except (AttributeError, TypeError, ValueError, OverflowError) as error:
            raise Refused(f'joint state is malformed ({error})') from error
        self._check(positions)
        if not math.isfinite(stamp) or not math.isfinite(gripper or 0.0):
            raise NotFinite('joint state is not finite')
        if stamp - now > timeout:
            raise Refused(f'joint state is {stamp - now:.3f} s in the future')
        if stamp <= self.stamp:
            return      # the same once more, or late: it does not make the input younger
        self.stamp, self.positions, self.gripper = stamp, positions, gripper
        self._arrival = now

    def age(self, now: float) -> float:
        """Return the age of the newest measurement [s]."""
        return now - min(self.stamp, self._arrival)

    def _check(self, positions):
        if len(positions) != len(self._names):
            raise Refused(f'joint state has {len(positions)} joints, expected '
                          f'{len(self._names)}')
        if not math.isfinite(sum(positions)):
            raise NotFinite('joint state is not finite')
        for value, low, high, name in zip(positions, self._low, self._high, self._names):
            if not low <= value <= high:
                raise Refused(f'{name} reads {value:.3f} rad, outside its limits')
