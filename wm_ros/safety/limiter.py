"""
One step of one joint, in closed form, within position, velocity and acceleration limits.

The joint's commanded state is (p, v).  The invariant that every step keeps is that the
joint can stop before its position limit: ``v^2 / (2 a) <= room``.  Time is continuous in
that statement, so it holds for any sequence of step lengths, late ticks included.
"""

from math import sqrt

#: Share of the acceleration used to close in on a plan; the plan itself needs the rest.
CATCH_UP = 0.5

_ROUNDING = 1e-12


class JointLimiter:
    """Limits of one joint: rad, rad/s, rad/s^2."""

    __slots__ = ('low', 'high', 'speed', 'acceleration')

    def __init__(self, low: float, high: float, speed: float, acceleration: float):
        self.low = low
        self.high = high
        self.speed = speed
        self.acceleration = acceleration

    def reaches(self, p, v, target, rate, dt) -> bool:
        """
        Return whether the state (target, rate) may be commanded ``dt`` after (p, v).

        That is so if some motion within the limits joins the two: between the velocities v
        and ``rate``, an acceleration of at most a moves the joint by the mean velocity times
        dt, give or take ((a dt)^2 - (rate - v)^2) / (4 a).
        """
        a = self.acceleration
        change = rate - v
        most = a * dt
        if change > most + _ROUNDING or -change > most + _ROUNDING:
            return False
        moved = target - p
        if abs(moved) > self.speed * dt + _ROUNDING or abs(rate) > self.speed + _ROUNDING:
            return False
        if abs(moved - 0.5 * (v + rate) * dt) > (
                (most - change) * (most + change) / (4.0 * a) + _ROUNDING):
            return False
        if rate > 0.0:
            return target >= self.low and target + rate * rate / (2.0 * a) <= self.high
        return target <= self.high and target - rate * rate / (2.0 * a) >= self.low

    def approach(self, p, v, target, rate, dt) -> float:
        """
        Return the velocity to have after ``dt`` so as to meet a moving target at its rate.

        Of the distance that is left, half the braking law of a = CATCH_UP * acceleration:
        fast from afar, and a small distance is closed in two steps without overshoot.
        """
        left = target - p - 0.5 * (v + rate) * dt
        b = CATCH_UP * self.acceleration
        if left >= 0.0:
            return rate + b * (sqrt(dt * dt + 2.0 * left / b) - dt)
        return rate - b * (sqrt(dt * dt - 2.0 * left / b) - dt)

    def advance(self, p, v, wanted, dt):
        """Return (p', v') after ``dt``, with v' as near to ``wanted`` as the limits let it."""
        speed, most = self.speed, self.acceleration * dt
        rate = speed if wanted > speed else -speed if wanted < -speed else wanted
        if rate > v + most:
            rate = v + most
        elif rate < v - most:
            rate = v - most
        # An arm that begins outside its limits may stay or come inwards.
        high = self.high if p < self.high else p
        low = self.low if p > self.low else p
        if v > 0.0 and high - p < 0.5 * v * dt:
            return self._stop_within(p, v, most, dt, high)
        if v < 0.0 and p - low < -0.5 * v * dt:
            q, rate = self._stop_within(-p, -v, most, dt, -low)
            return -q, -rate
        if rate > 0.0:
            rate = self._brake_before(high - p, v, rate, most, dt)
        elif rate < 0.0:
            rate = -self._brake_before(p - low, -v, -rate, most, dt)
        moved = p + 0.5 * (v + rate) * dt
        return (high if moved > high else low if moved < low else moved), rate

    def _brake_before(self, room, v, rate, most, dt):
        """Return ``rate`` > 0, or the fastest from which the joint still stops in ``room``."""
        a = self.acceleration
        if 0.5 * (v + rate) * dt + rate * rate / (2.0 * a) <= room:
            return rate
        inside = most * most + 4.0 * a * (2.0 * room - v * dt)
        safe = 0.5 * (sqrt(inside) - most) if inside > 0.0 else 0.0
        # Below v - most it only comes if the limits changed under way: brake fully.
        return max(safe, v - most)

    def _stop_within(self, p, v, most, dt, high):
        """Come to rest in this step: v > 0, and half of v dt is more than the room."""
        if v > most + _ROUNDING:    # only if the limits changed under way
            return p + (v - 0.5 * most) * dt, v - most
        return min(p + v * v / (2.0 * self.acceleration), high), 0.0
