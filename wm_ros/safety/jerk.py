"""
One step of one joint whose jerk is limited as well.

The commanded state is (p, v, a).  The invariant: the fastest way to rest, ``Halt``, stays
within the position limits, and so does the velocity that remains when the acceleration is
ramped to zero.  A step that would break it is replaced by a piece of that way to rest.
"""

from math import sqrt
from typing import Optional

from wm_ros.safety.limiter import CATCH_UP

_ROUNDING = 1e-12
_HALVINGS = 6       # of the step between what is wanted and braking


def feels_jerk(acceleration: float, jerk: Optional[float], period: float) -> bool:
    """Return whether a jerk limit binds: half a period cannot turn full acceleration around."""
    return jerk is not None and 2.0 * acceleration > jerk * 0.5 * period


class Halt:
    """
    The fastest way from velocity ``v`` and acceleration ``a`` to rest.

    Three phases: jerk against the motion, constant acceleration ``hold``, jerk back to 0.
    """

    __slots__ = ('v', 'a', 'sign', 'jerk', 'first', 'second', 'third', 'hold')

    def __init__(self, v, a, most, jerk):
        # Mirrored where the velocity that is left after ramping a to 0 is negative.
        self.sign = 1.0 if v + a * abs(a) / (2.0 * jerk) >= 0.0 else -1.0
        self.v, self.a, self.jerk = v * self.sign, a * self.sign, jerk
        v, a = self.v, self.a
        most = max(most, abs(a))
        hold = max(sqrt(max(jerk * v + 0.5 * a * a, 0.0)), -a)
        self.second = 0.0
        if hold > most:
            hold = most
            self.second = max((v + (a * a - 2.0 * hold * hold) / (2.0 * jerk)) / hold, 0.0)
        self.hold = -hold
        self.first = (a + hold) / jerk
        self.third = hold / jerk

    @property
    def duration(self) -> float:
        """Return the time to rest [s]."""
        return self.first + self.second + self.third

    def at(self, t):
        """Return (distance, v, a) after ``t`` [s]."""
        d, v, a = 0.0, self.v, self.a
        rests = t >= self.duration
        for span, jerk in ((self.first, -self.jerk), (self.second, 0.0),
                           (self.third, self.jerk)):
            s = min(span, t)
            d += s * (v + s * (0.5 * a + s * jerk / 6.0))
            v += s * (a + 0.5 * s * jerk)
            a += s * jerk
            t -= s
        if rests:       # exactly, without rounding errors
            v = a = 0.0
        return d * self.sign, v * self.sign, a * self.sign

    def reach(self):
        """Return the lowest and the highest distance on the way."""
        end = self.at(self.duration)[0] * self.sign
        turn = 0.0
        if self.v < 0.0:    # first the other way, until v crosses 0
            root = sqrt(max(self.a * self.a + 2.0 * self.jerk * self.v, 0.0))
            s = (self.a - root) / self.jerk
            turn = s * (self.v + s * (0.5 * self.a - s * self.jerk / 6.0))
        low, high = min(turn, end, 0.0), max(turn, end, 0.0)
        return (low, high) if self.sign > 0.0 else (-high, -low)


class JerkLimiter:
    """Limits of one joint: rad, rad/s, rad/s^2, rad/s^3."""

    __slots__ = ('low', 'high', 'speed', 'acceleration', 'jerk')

    def __init__(self, low: float, high: float, speed: float, acceleration: float, jerk: float):
        self.low = low
        self.high = high
        self.speed = speed
        # More would never come about on the way from rest to full speed.
        self.acceleration = min(acceleration, sqrt(speed * jerk))
        self.jerk = jerk

    def approach(self, p, v, target, rate, dt) -> float:
        """Return the velocity to have so as to meet a moving target at its rate."""
        # The acceleration comes late, by as long as it takes to build up.
        b = CATCH_UP * self.acceleration
        delay = dt + self.acceleration / self.jerk
        left = target - p - 0.5 * (v + rate) * dt
        speed = b * (sqrt(delay * delay + 2.0 * abs(left) / b) - delay)
        return rate + (speed if left >= 0.0 else -speed)

    def advance(self, p, v, a, wanted, dt):
        """Return (p', v', a') after ``dt``, with v' as near to ``wanted`` as limits let it."""
        wanted = min(max(wanted, -self.speed), self.speed)
        b = CATCH_UP * self.jerk
        left = wanted - v - 0.5 * a * dt
        strength = b * (sqrt(dt * dt + 2.0 * abs(left) / b) - dt)
        change = self.jerk * dt
        strength = min(strength, self.acceleration)
        goal = min(max(strength if left >= 0.0 else -strength, a - change), a + change)
        low, high = min(self.low, p), max(self.high, p)
        farthest = self.speed * dt + _ROUNDING
        state = self._moved(p, v, a, goal, dt)
        if abs(state[0] - p) <= farthest and self._is_safe(*state, low, high):
            return state
        halted = self._halted(p, v, a, self.acceleration, dt)
        best, worse = halted, goal
        better = halted[2]
        for _ in range(_HALVINGS):
            middle = 0.5 * (better + worse)
            state = self._moved(p, v, a, middle, dt)
            if (abs(middle - a) <= change and abs(state[0] - p) <= farthest
                    and self._is_safe(*state, low, high)):
                best, better = state, middle
            else:
                worse = middle
        return self._clamped(*best, low, high)

    def brake(self, p, v, a, share, dt):
        """Return (p', v', a') on the way to rest with ``share`` of the acceleration."""
        low, high = min(self.low, p), max(self.high, p)
        reach = Halt(v, a, share * self.acceleration, self.jerk).reach()
        if p + reach[0] < low or p + reach[1] > high:
            share = 1.0
        state = self._halted(p, v, a, share * self.acceleration, dt)
        return self._clamped(*state, low, high)

    def _halted(self, p, v, a, most, dt):
        distance, v, a = Halt(v, a, most, self.jerk).at(dt)
        return p + distance, v, a

    def _moved(self, p, v, a, goal, dt):
        return (p + dt * (v + dt * (2.0 * a + goal) / 6.0), v + 0.5 * dt * (a + goal), goal)

    def _is_safe(self, p, v, a, low, high):
        left = v + a * abs(a) / (2.0 * self.jerk)
        if max(abs(v), abs(left)) > self.speed + _ROUNDING:
            return False
        reach = Halt(v, a, self.acceleration, self.jerk).reach()
        return p + reach[0] >= low - _ROUNDING and p + reach[1] <= high + _ROUNDING

    def _clamped(self, p, v, a, low, high):
        """Take off rounding errors, which would pile up."""
        return min(max(p, low), high), v, a
