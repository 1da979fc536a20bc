"""Alarms: errors of many forecasts become one number for each sense, in units of the usual."""

import math
from types import MappingProxyType
from typing import Dict, Mapping

import numpy as np
from wm_ros.world_model.senses import Senses
from wm_ros.world_model.state import StateLayout

#: Observations whose errors are averaged: noise goes, what goes one way again and again stays.
ROWS = 6
_SHARE = 1e-3       # of the usual observations reach 1


def parts_of(senses: Senses, values) -> Dict[str, np.ndarray]:
    """
    Return {part: its numbers [..., N]} of a tensor [..., K].

    Parts are the streams; that of the states is two, ``robot`` and ``objects``.
    """
    parts = {name: part.cpu().numpy() for name, part in senses.parts(values).items()}
    if 'states' in parts:
        first, states = StateLayout(1).object_slots(0).start, parts.pop('states')
        parts['robot'] = states[..., :first]
        if states.shape[-1] > first:
            parts['objects'] = states[..., first:]
    return parts


def lasting(errors: Mapping[str, np.ndarray], rows: int = ROWS) -> Dict[str, np.ndarray]:
    """Return how far the errors [T, ...] of the last ``rows`` are off in the mean [T, ...]."""
    found = {}
    for name, part in errors.items():
        total = np.cumsum(np.concatenate([np.zeros_like(part[:1]), np.nan_to_num(part)]), 0)
        first = np.maximum(np.arange(len(part)) + 1 - rows, 0)
        mean = (total[1:] - total[first]) / rows
        found[name] = np.where(np.isfinite(part), np.abs(mean), np.nan)
    return found


class Alarm:
    """
    One number for each part: 1 is what the usual reaches in one observation of a thousand.

    ``scale`` {part: [N]} is what each number of a part reaches so often, and ``limit`` {part: }
    the greatest of them: many reach their limits more often than one.  Raises ValueError for
    what is not finite and above 0.
    """

    def __init__(self, scale: Mapping[str, np.ndarray], limit: Mapping[str, float]):
        self.scale = {name: np.asarray(part, dtype=float) for name, part in scale.items()}
        self.limit = {name: float(value) for name, value in limit.items()}
        for name, part in self.scale.items():
            if not (np.isfinite(part).all() and (part > 0).all()
                    and 0 < self.limit.get(name, 0.0) < math.inf):
                raise ValueError(f'alarm, {name}: got scale {part.tolist()}, limit '
                                 f'{self.limit.get(name)}, expected numbers above 0')

    @classmethod
    def fit(cls, usual: Mapping[str, np.ndarray],
            least: Mapping[str, float] = MappingProxyType({})) -> 'Alarm':
        """
        Return the alarm of which ``usual`` {part: [T, B, N]}, NaN apart, is what is usual.

        ``least`` {part: } is what each number of a part has to reach at any rate.
        """
        scale = {name: np.maximum(np.nanquantile(part, 1 - _SHARE, axis=(0, 1)),
                                  least.get(name, 1e-6)) for name, part in usual.items()}
        one = cls(scale, dict.fromkeys(scale, 1.0))
        return cls(scale, {name: max(1.0, np.nanquantile(part, 1 - _SHARE))
                           for name, part in one.parts(usual).items()})

    def parts(self, seen: Mapping[str, np.ndarray]) -> Dict[str, np.ndarray]:
        """Return the alarm of each part [...] of {part: [..., N]}; NaN where nothing was seen."""
        return {name: (part / self.scale[name]).max(-1) / self.limit[name]
                for name, part in seen.items()}

    def __call__(self, seen: Mapping[str, np.ndarray]) -> np.ndarray:
        """Return the greatest alarm of all parts [...]."""
        return np.max(list(self.parts(seen).values()), axis=0)
