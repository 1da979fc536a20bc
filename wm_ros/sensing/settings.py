"""Settings of sensing, named as in the parameter table."""

from dataclasses import dataclass, fields
import math
from typing import Any, Mapping

from wm_ros.types import ParameterError


@dataclass(frozen=True)
class SensingSettings:
    """How old each kind of data may be [s]."""

    joint_state_timeout: float = 0.1    # also: commands, and the longest step of a velocity
    object_timeout: float = 0.2         # also: wrench
    image_timeout: float = 0.5          # also: depth

    def __post_init__(self):
        for item in fields(self):
            value = getattr(self, item.name)
            if not math.isfinite(value) or value <= 0:
                raise ParameterError(
                    f'{item.name}: got {value!r}, expected a finite number above 0')

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> 'SensingSettings':
        """Return the settings that resolved parameters of ``sensor_node`` ask for."""
        return cls(**{item.name: params[item.name] for item in fields(cls)
                      if item.name in params})
