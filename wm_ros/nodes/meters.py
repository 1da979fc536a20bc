"""Rates, latencies and missed deadlines over a window, cheap enough for every cycle."""

from collections import deque
import math
from typing import Dict

import numpy as np


class RateMeter:
    """How often something happens, over the last ``window`` seconds."""

    def __init__(self, window: float = 2.0, most: int = 4096):
        self._window = window
        self._times = deque(maxlen=most)
        self.count = 0

    def tick(self, now: float):
        """Note that it happened at ``now`` [s]."""
        times = self._times
        if times and now < times[-1]:
            times.clear()       # the clock was set back
        times.append(now)
        self.count += 1
        while now - times[0] > self._window:
            times.popleft()

    def silence(self, now: float) -> float:
        """Return the time [s] since it last happened, as of ``now`` [s]."""
        return now - self._times[-1] if self._times else math.inf

    def rate(self, now: float) -> float:
        """Return the rate [Hz] as of ``now`` [s]; it decays when nothing happens any more."""
        recent = [time for time in self._times if 0.0 <= now - time <= self._window]
        if len(recent) < 2:
            return 0.0
        spacing = (recent[-1] - recent[0]) / (len(recent) - 1)
        silence = now - recent[-1]
        longest = max(spacing, silence if silence > 2.0 * spacing else 0.0)
        return 1.0 / longest if longest > 0.0 else math.inf


class LatencyMeter:
    """Percentiles of the last ``window`` values, such as latencies [s]."""

    def __init__(self, window: int = 512):
        self._values = np.zeros(window)
        self.count = 0

    def add(self, value: float):
        """Add a value; one that is not finite is dropped."""
        if math.isfinite(value):
            self._values[self.count % len(self._values)] = value
            self.count += 1

    def percentile(self, share: float) -> float:
        """Return the value that ``share`` (0 to 100) of the window does not exceed, or NaN."""
        filled = self._values[:min(self.count, len(self._values))]
        return float(np.percentile(filled, share)) if len(filled) else math.nan

    def figures(self, name: str) -> Dict[str, float]:
        """Return p50, p99 and maximum of the window as figures called after ``name``."""
        filled = self._values[:min(self.count, len(self._values))]
        if not len(filled):
            return {}
        p50, p99 = np.percentile(filled, (50, 99))
        return {f'{name}_p50': float(p50), f'{name}_p99': float(p99),
                f'{name}_max': float(filled.max())}
