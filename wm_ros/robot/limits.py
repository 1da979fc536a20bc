"""Joint limits: what the safety gate enforces and the planner respects."""

from dataclasses import dataclass, replace
from typing import Any, Dict, Mapping, Optional, Tuple

import numpy as np
from wm_ros.types import WmRosError

_NO_JERK_LIMIT = 1e6        # [rad/s^3], of a joint beside others that have one


@dataclass(frozen=True)
class JointLimits:
    """
    Limits of the N arm joints, in the order of ``names``.

    ``lower``/``upper`` [N] rad are the limits to keep (soft ones where the robot
    names them); ``velocity`` [N] rad/s, ``acceleration`` [N] rad/s^2, ``effort`` [N] N m;
    ``jerk`` [N] rad/s^3 or None.
    """

    names: Tuple[str, ...]
    lower: np.ndarray
    upper: np.ndarray
    velocity: np.ndarray
    acceleration: np.ndarray
    effort: np.ndarray
    jerk: Optional[np.ndarray] = None

    def __post_init__(self):
        count = len(self.names)
        for name in ('lower', 'upper', 'velocity', 'acceleration', 'effort', 'jerk'):
            value = getattr(self, name)
            if value is None and name == 'jerk':
                continue
            array = np.array(value, dtype=float)
            if array.shape != (count,) or not np.all(np.isfinite(array)):
                raise WmRosError(f'joint limits: {name} must be {count} finite numbers, '
                                 f'one per joint; got {array.tolist()}')
            array.flags.writeable = False
            object.__setattr__(self, name, array)
        if np.any(self.lower >= self.upper):
            raise WmRosError('joint limits: every lower limit must be below its upper limit')
        for name in ('velocity', 'acceleration'):
            if np.any(getattr(self, name) <= 0):
                raise WmRosError(f'joint limits: every {name} limit must be positive')

    def entries(self) -> Dict[str, Dict[str, Any]]:
        """Return the limits as ros2_control's ``joint_limits`` entries by joint."""
        jerk = np.full(len(self.names), _NO_JERK_LIMIT) if self.jerk is None else self.jerk
        return {name: {
            'has_position_limits': True, 'min_position': float(self.lower[i]),
            'max_position': float(self.upper[i]), 'has_velocity_limits': True,
            'max_velocity': float(self.velocity[i]), 'has_acceleration_limits': True,
            'max_acceleration': float(self.acceleration[i]),
            'has_jerk_limits': self.jerk is not None, 'max_jerk': float(jerk[i])}
            for i, name in enumerate(self.names)}

    def override(self, entries: Mapping[str, Mapping[str, float]]) -> 'JointLimits':
        """
        Return limits with ros2_control's ``joint_limits`` entries applied.

        ``entries`` maps joint name to {has_position_limits, min_position, ...}; a limit
        counts where its ``has_`` flag is true.  Overrides only tighten: the robot's own
        limits stay the outer bound.  Raises WmRosError for unknown joints and for values
        that are missing or not finite.
        """
        arrays = {name: getattr(self, name).copy()
                  for name in ('lower', 'upper', 'velocity', 'acceleration')}
        jerk = np.full(len(self.names), np.inf) if self.jerk is None else self.jerk.copy()
        for joint, entry in entries.items():
            if joint not in self.names:
                raise WmRosError(f'joint_limits.{joint}: no such joint; expected one of '
                                 f'{", ".join(self.names)}')
            i = self.names.index(joint)
            if entry.get('has_position_limits'):
                arrays['lower'][i] = max(arrays['lower'][i], _value(joint, entry, 'min_position'))
                arrays['upper'][i] = min(arrays['upper'][i], _value(joint, entry, 'max_position'))
            for kind, limits in (('velocity', arrays['velocity']),
                                 ('acceleration', arrays['acceleration']), ('jerk', jerk)):
                if entry.get(f'has_{kind}_limits'):
                    limits[i] = min(limits[i], _value(joint, entry, f'max_{kind}'))
        jerk = None if np.isinf(jerk).all() else np.minimum(jerk, _NO_JERK_LIMIT)
        return replace(self, jerk=jerk, **arrays)


def _value(joint, entry, key):
    value = entry.get(key)
    # NaN would lose every comparison, so that the limit would silently not count.
    if value is None or not np.isfinite(value):
        raise WmRosError(f'joint_limits.{joint}.{key}: got {value}, expected a finite number')
    return value
