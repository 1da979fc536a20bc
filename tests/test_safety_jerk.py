"""One joint whose jerk is limited: it can always come to rest within its limits."""

import numpy as np
import pytest
from wm_ros.safety.jerk import feels_jerk, Halt, JerkLimiter

PERIOD = 1.0 / 120.0


def random_joint(rng):
    """Return limits from those of a slow heavy axis to those of a quick small one."""
    return JerkLimiter(-rng.uniform(0.05, 3.0), rng.uniform(0.05, 3.0), rng.uniform(0.2, 4.0),
                       rng.uniform(0.5, 20.0), 10.0 ** rng.uniform(0, 3.3))


def integrate(halt, steps=20000):
    """Return the distances on the way to rest, by plain summation."""
    times = np.linspace(0.0, halt.duration, steps)
    jerks = np.where(times < halt.first, -halt.jerk, np.where(
        times < halt.first + halt.second, 0.0, halt.jerk)) * halt.sign
    dt = times[1] - times[0]
    a = halt.a * halt.sign + np.concatenate([[0.0], np.cumsum(jerks[:-1]) * dt])
    v = halt.v * halt.sign + np.concatenate([[0.0], np.cumsum(a[:-1]) * dt])
    return np.concatenate([[0.0], np.cumsum(v[:-1]) * dt]), v, a


@pytest.mark.parametrize('seed', range(30))
def test_the_way_to_rest_is_what_summation_says(seed):
    rng = np.random.default_rng(seed)
    most, jerk = rng.uniform(0.5, 20.0), 10.0 ** rng.uniform(0, 3)
    v, a = rng.normal() * rng.choice([0.01, 1.0]), rng.uniform(-most, most)
    halt = Halt(v, a, most, jerk)
    distances, rates, accelerations = integrate(halt)
    scale = 1.0 + np.abs(distances).max()
    assert halt.at(halt.duration)[1:] == (0.0, 0.0)
    assert rates[-1] == pytest.approx(0.0, abs=2e-3 * (1 + abs(v)))
    assert np.abs(accelerations).max() <= most * 1.001
    assert halt.at(halt.duration)[0] == pytest.approx(distances[-1], abs=5e-3 * scale)
    low, high = halt.reach()
    assert low == pytest.approx(distances.min(), abs=5e-3 * scale)
    assert high == pytest.approx(distances.max(), abs=5e-3 * scale)
    # It is one way: from any point on it, the rest of it is the same.
    t = rng.uniform(0.0, halt.duration)
    d, v, a = halt.at(t)
    rest = Halt(v, a, most, jerk)
    to_come = np.append(d, distances[np.linspace(0.0, halt.duration, len(distances)) >= t])
    assert d + np.array(rest.reach()) == pytest.approx(
        [to_come.min(), to_come.max()], abs=5e-3 * scale)
    assert rest.duration == pytest.approx(halt.duration - t, abs=1e-5)


@pytest.mark.parametrize('jitter', [0.0, 1.0])
def test_limits_hold_for_any_wish(jitter):
    rng = np.random.default_rng(int(jitter))
    for _ in range(200):
        joint = random_joint(rng)
        p, v, a, wanted = rng.uniform(joint.low, joint.high), 0.0, 0.0, 0.0
        restless = rng.choice([0.02, 0.3, 1.0])
        for k in range(200):
            dt = PERIOD if not jitter else PERIOD * rng.uniform(1e-6, 1.5)
            if rng.random() < restless:
                wanted = rng.normal() * joint.speed * rng.choice([1.0, 3.0, 1e6])
            before, rate, strength = p, v, a
            if k % 100 > 80:
                p, v, a = joint.brake(p, v, a, 0.8, dt)
            else:
                p, v, a = joint.advance(p, v, a, wanted, dt)
            assert joint.low <= p <= joint.high
            assert abs(v) <= joint.speed + 1e-11
            assert abs(a) <= joint.acceleration + 1e-12
            assert abs(p - before) <= joint.speed * dt + 1e-11
            assert abs(v - rate) <= joint.acceleration * dt + 1e-12
            assert abs(a - strength) <= joint.jerk * dt + 1e-11


def test_full_speed_is_not_exceeded_between_two_commands_either():
    joint = JerkLimiter(-3.0, 3.0, 1.0, 7.5, 100.0)
    # The acceleration falls from +a to -a: the velocity peaks in between.
    a = joint.jerk * PERIOD / 6.0
    v = joint.speed - a * a / (2.0 * joint.jerk)
    for wanted in np.linspace(v - 0.02, v + 0.01, 100):
        p = joint.advance(0.0, v, a, wanted, PERIOD)[0]
        assert abs(p) <= joint.speed * PERIOD + 1e-11


def test_braking_ends_at_rest_exactly():
    joint = JerkLimiter(-3.0, 3.0, 2.0, 7.5, 100.0)
    p = v = a = 0.0
    for _ in range(100):
        p, v, a = joint.advance(p, v, a, 1.5, PERIOD)
    assert v == pytest.approx(1.5, abs=1e-6)
    for _ in range(60):
        p, v, a = joint.brake(p, v, a, 1.0, PERIOD)
    assert (v, a) == (0.0, 0.0)


@pytest.mark.parametrize('jerk', [30.0, 100.0, 1000.0])
def test_a_place_is_met_without_overshoot(jerk):
    joint = JerkLimiter(-3.0, 3.0, 2.6, 7.5, jerk)
    p = v = a = 0.0
    path = []
    for _ in range(480):
        wanted = joint.approach(p, v, 1.0, 0.0, PERIOD)
        p, v, a = joint.advance(p, v, a, wanted, PERIOD)
        path.append(p)
    assert max(path) < 1.0 + 1e-3
    assert p == pytest.approx(1.0, abs=1e-6)


def test_the_jerk_limits_of_the_panda_are_not_felt_at_120_hz():
    for acceleration, jerk in ((15.0, 7500.0), (7.5, 3750.0), (20.0, 10000.0)):
        assert not feels_jerk(acceleration, jerk, PERIOD)
        assert feels_jerk(acceleration, jerk, 0.001)
    assert not feels_jerk(7.5, None, PERIOD)
