"""Settings of the safety gate, named as in the parameter table."""

from dataclasses import dataclass, fields
import math
from typing import Any, Mapping

from wm_ros.types import ParameterError


@dataclass(frozen=True)
class GateSettings:
    """How the gate watches and limits; times in s, angles in rad."""

    period: float = 1.0 / 120.0         # nominal time between steps
    plan_timeout: float = 0.15          # older plans are not followed
    input_timeout: float = 0.1          # nor is any plan when the joint states are older
    speed_scale: float = 1.0            # share of the velocity limits in use
    position_margin: float = 0.02       # kept from the position limits
    max_tracking_error: float = 0.3     # farthest that the arm may be from its command
    hold_deceleration: float = 1.0      # share of the acceleration limits for a hold
    gripper_speed: float = 0.4          # [m/s] of the gripper's width

    def __post_init__(self):
        for item in fields(self):
            value = getattr(self, item.name)
            lowest_legal = item.name == 'position_margin' and value == 0
            if not math.isfinite(value) or (value <= 0 and not lowest_legal):
                raise ParameterError(f'safety.{item.name}: got {value!r}, expected a finite '
                                     'number above 0')
        for name in ('speed_scale', 'hold_deceleration'):
            if getattr(self, name) > 1:
                raise ParameterError(f'safety.{name}: got {getattr(self, name)!r}, expected a '
                                     'share of at most 1')

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> 'GateSettings':
        """Return the settings that resolved parameters of ``safety_node`` ask for."""
        names = {item.name for item in fields(cls)}
        values = {name[len('safety.'):]: value for name, value in params.items()
                  if name.startswith('safety.')}
        rate = values.pop('rate', None)
        unknown = sorted(set(values) - names)
        if unknown:
            raise ParameterError(f'unknown parameter safety.{unknown[0]}')
        if rate is not None:
            if not math.isfinite(rate) or rate <= 0:
                raise ParameterError(f'safety.rate: got {rate!r}, expected a finite number '
                                     'above 0')
            values['period'] = 1.0 / rate
        return cls(**values)
