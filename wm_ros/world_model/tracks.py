"""Filters of objects' poses: where a thing is, and how it moves, of what is seen of it."""

import numpy as np

SAME = 1e-4                 # [s] within which two poses are one
_MEMORY = 1.0               # [s] after which a pose says nothing of the velocity
_VELOCITY_TIME = 0.03       # [s], low pass of velocities found by difference
#: Noise of poses, m and rad: what is taken to be exact, what is not; and the least and most.
_EXACT, _NOISY = np.array([5e-4, 5e-3]), np.array([1e-3, 1e-2])
_LEAST, _MOST = np.array([2e-4, 2e-3]), np.array([0.02, 0.2])
_MANOEUVRE = np.array([2.0, 20.0])      # [m/s^2], [rad/s^2] that a thing changes its way by
_CALM = np.array([0.4, 0.08])           # least gains of place and rate where poses are noisy
_STRIKING = 2.0             # widths of the noise at which a miss is a change of the way
_LEARN = 0.15               # by which one miss changes what the noise is taken to be
_USUAL_MISS = 0.95          # of a miss of three numbers, in widths


def unknown(objects: int) -> np.ndarray:
    """Return the noise [M, 2] m, rad of poses of which none was seen yet: they are exact."""
    return np.tile(_LEAST, (objects, 1))


def track(old, elapsed, unseen, place, age, noise, apart: bool = True):
    """
    Return position, yaw, velocity, yaw rate [8], and the noise [2], of a thing seen again.

    It was at ``place`` [4] ``age`` [s] ago.  ``old`` [8] is the estimate ``elapsed`` [s] ago,
    when it had not been seen for ``unseen`` [s].  Poses come at their own rate: what moved between
    two of them counts, over the time between.  Exact ones are taken as they are.  Noisy ones
    correct what was expected, by the gains of an alpha-beta filter (Kalata 1984), and a miss that
    noise does not explain by more: the thing was pushed, or has stopped.  Of the noise it learns
    while the thing is ``apart`` from the arm, when nothing moves it.
    """
    between = np.inf if old is None else elapsed - age + unseen     # of the two sightings
    if between > _MEMORY:
        return np.append(place, np.zeros(4)), noise
    if between < SAME:
        return np.append(old[:4] + elapsed * old[4:], old[4:]), noise
    expected = old[:4] + (between - unseen) * old[4:]
    miss = place - expected
    miss[3] = (miss[3] + np.pi) % (2 * np.pi) - np.pi       # its rate has no jumps
    sizes = np.array([np.linalg.norm(miss[:3]) / np.sqrt(3.0), abs(miss[3])])
    of_place, of_rate = (np.repeat(gains, (3, 1)) for gains in _gains(sizes, noise, between))
    rates = old[4:] + of_rate / between * miss
    seen = np.append(place[:3], expected[3] + miss[3])
    new = np.append(seen - (1.0 - of_place) * miss + age * rates, rates)
    return new, _learned(sizes, noise) if apart else noise


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


def _gains(sizes, noise, between):
    """Return the gains [2], [2] of place and yaw, and of their rates, for misses of ``sizes``."""
    exact = 1.0 - np.exp(-between / _VELOCITY_TIME)
    index = _MANOEUVRE * between ** 2 / noise
    root = (4.0 + index - np.sqrt(8.0 * index + index ** 2)) / 4.0
    place = np.maximum(1.0 - root ** 2, _CALM[0])
    rate = np.maximum(2.0 * (2.0 - place) - 4.0 * root, _CALM[1])
    struck = np.minimum(1.0, (sizes / (_STRIKING * noise)) ** 2)
    noisy = np.clip((noise - _EXACT) / (_NOISY - _EXACT), 0.0, 1.0)
    calm = _CALM[0] + struck * (place - _CALM[0]), _CALM[1] + struck * (rate - _CALM[1])
    return 1.0 - noisy * (1.0 - calm[0]), exact + noisy * (calm[1] - exact)


def _learned(sizes, noise):
    step = np.clip(sizes / (_USUAL_MISS * noise) - 1.0, -1.0, 1.0)
    return np.clip(noise * np.exp(_LEARN * step), _LEAST, _MOST)
