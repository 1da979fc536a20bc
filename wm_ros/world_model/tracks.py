"""Filters of what is seen: where things are, and how they move, by how noisy sensors are."""

from dataclasses import dataclass, replace
from typing import NamedTuple, Optional

import numpy as np

SAME = 1e-4                 # [s] within which two poses are one
_MEMORY = 1.0               # [s] after which a pose says nothing of the velocity
_VELOCITY_TIME = 0.03       # [s], low pass of velocities found by difference
#: Noise of poses, m and rad: what is taken to be exact, what is not; and the least and most.
_EXACT, _NOISY = np.array([5e-4, 5e-3]), np.array([1e-3, 1e-2])
_LEAST, _MOST = np.array([2e-4, 2e-3]), np.array([0.02, 0.2])
_MANOEUVRE = np.array([2.0, 20.0])      # [m/s^2], [rad/s^2] that a thing changes its way by
#: Least gains of place and rate where poses are noisy: of a way that is guessed, and one foreseen.
_GUESSED, _FORESEEN = np.array([0.4, 0.08]), np.array([0.15, 0.03])
_USUAL, _STRIKING = 1.5, 3.0    # widths of the noise up to which it explains a miss; not at all
_LEARN, _LEAP = 0.15, 2.0   # by which a miss changes what the noise is taken to be; at most
_USUAL_MISS = 0.95          # of a miss of three numbers, in widths
#: The same of the tool: m that its position and velocity disagree by; gains of both.
_TOOL_EXACT, _TOOL_NOISY, _TOOL_LEAST, _TOOL_MOST = 3e-4, 6e-4, 1e-4, 0.01
_TOOL_GAINS = np.repeat([0.25, 0.15], 3)
_TOOL_STEP = 0.06           # [s] beyond which it may have turned back between


@dataclass
class Noise:
    """
    What was learned of it: of the tool [m], and of things' poses [M, 2] m, rad.

    Of the tool also what was ``measured`` [6] last, and by how much [3] m its way was ``off``.
    """

    tool: float
    things: np.ndarray
    measured: Optional[np.ndarray] = None
    off: Optional[np.ndarray] = None

    @classmethod
    def unknown(cls, objects: int) -> 'Noise':
        """Return that of sensors that have told nothing yet: they are exact."""
        return cls(_TOOL_LEAST, np.tile(_LEAST, (objects, 1)))

    def copy(self) -> 'Noise':
        """Return one that may be changed."""
        return replace(self, things=np.array(self.things))


class Seen(NamedTuple):
    """A sighting: ``place`` [4] ``age`` [s] ago, ``between`` [s] after the one before it."""

    place: np.ndarray
    age: float
    between: float


def going_on(old, elapsed: float) -> np.ndarray:
    """Return position, yaw, rates [8] of a thing that moved on as it did, ``elapsed`` [s]."""
    return np.append(old[:4] + elapsed * old[4:], old[4:])


def track(expected, foreseen: bool, seen: Seen, noise, apart: bool = True):
    """
    Return position, yaw, velocity, yaw rate [8], and the noise [2], of a thing seen again.

    ``expected`` [8] is where it should be by now, ``foreseen`` by a model or by the hand that
    holds it, or else guessed (``going_on``).  Poses come at their own rate, late: what was missed
    by, when it was seen, is what counts, over the time between sightings.  Exact poses are taken
    as they are.  Noisy ones correct what was expected, by the gains of an alpha-beta filter
    (Kalata 1984), and a miss that noise does not explain by more: the thing was pushed, or has
    stopped.  Of the noise it learns while the thing is ``apart`` from the arm, when nothing moves
    it.
    """
    if seen.between > _MEMORY or expected is None:
        return np.append(seen.place, np.zeros(4)), noise
    if seen.between < SAME:
        return np.array(expected, dtype=float), noise
    rates = expected[4:]
    before = expected[:4] - seen.age * rates
    miss = seen.place - before
    miss[3] = (miss[3] + np.pi) % (2 * np.pi) - np.pi       # its rate has no jumps
    sizes = np.array([np.linalg.norm(miss[:3]) / np.sqrt(3.0), abs(miss[3])])
    of_place, of_rate = (np.repeat(gains, (3, 1)) for gains in _gains(
        sizes, noise, seen.between, _FORESEEN if foreseen else _GUESSED))
    rates = rates + of_rate / seen.between * miss
    place = np.append(seen.place[:3], before[3] + miss[3])
    new = np.append(place - (1.0 - of_place) * miss + seen.age * rates, rates)
    return new, _learned(sizes, noise) if apart else noise


def are_noisy(noise) -> bool:
    """Return whether poses are far enough from exact for what is foreseen to count as well."""
    return bool(noise[0] > _NOISY[0])


def correct(guess, elapsed, place, gain):
    """Return position, yaw and their rates [8] of an object seen at ``place`` [4] roughly."""
    if guess is None:
        return np.append(place, np.zeros(4))
    miss = place - guess[:4]
    rate = gain * gain / (2.0 - gain)       # Kalata 1984
    new = np.array(guess, dtype=float)
    new[:4] += gain * miss
    if elapsed > SAME:
        new[4:] += rate / elapsed * miss
    return new


def steady(expected, measured, elapsed: float, noise: Noise):
    """
    Return position and velocity [6] of the tool, ``measured`` [6] anew ``elapsed`` [s] later.

    They are taken as they are where the tool's way is what its velocities add up to.  Where it is
    off, and each time otherwise, they are noisy, and correct what was ``expected`` [6] by less.
    Brings ``noise`` up to date.
    """
    before, noise.measured = noise.measured, measured
    if before is None or not SAME < elapsed < _TOOL_STEP:
        noise.off = None
        return measured
    last, noise.off = noise.off, (
        measured[:3] - before[:3] - 0.5 * elapsed * (before[3:] + measured[3:]))
    if last is not None:
        size = np.linalg.norm(noise.off - last) / np.sqrt(3.0 * 6.0)    # of white noise, its width
        noise.tool = float(_learned(size, noise.tool, _TOOL_LEAST, _TOOL_MOST))
    noisy = np.clip((noise.tool - _TOOL_EXACT) / (_TOOL_NOISY - _TOOL_EXACT), 0.0, 1.0)
    return measured - noisy * (1.0 - _TOOL_GAINS) * (measured - expected)


def _gains(sizes, noise, between, least):
    """Return the gains [2], [2] of place and yaw, and of their rates, for misses of ``sizes``."""
    exact = 1.0 - np.exp(-between / _VELOCITY_TIME)
    index = _MANOEUVRE * between ** 2 / noise
    root = (4.0 + index - np.sqrt(8.0 * index + index ** 2)) / 4.0
    place = np.maximum(1.0 - root ** 2, least[0])
    rate = np.maximum(2.0 * (2.0 - place) - 4.0 * root, least[1])
    struck = np.clip((sizes / noise - _USUAL) / (_STRIKING - _USUAL), 0.0, 1.0)
    noisy = np.clip((noise - _EXACT) / (_NOISY - _EXACT), 0.0, 1.0)
    calm = least[0] + struck * (place - least[0]), least[1] + struck * (rate - least[1])
    return 1.0 - noisy * (1.0 - calm[0]), exact + noisy * (calm[1] - exact)


def _learned(sizes, noise, least=_LEAST, most=_MOST):
    step = np.clip(sizes / (_USUAL_MISS * noise) - 1.0, -1.0, _LEAP)
    return np.clip(noise * np.exp(_LEARN * step), least, most)
