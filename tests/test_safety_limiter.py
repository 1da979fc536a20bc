"""One joint, one step: limits hold for any wishes and any step lengths."""

import numpy as np
import pytest
from wm_ros.safety.limiter import JointLimiter

PERIOD = 1.0 / 120.0


def random_joint(rng):
    """Return limits from those of a slow heavy axis to those of a quick small one."""
    return JointLimiter(-rng.uniform(0.02, 3.0), rng.uniform(0.02, 3.0),
                        rng.uniform(0.2, 4.0), rng.uniform(0.5, 20.0))


def random_step(rng, jitter):
    """Return a step length [s]: 0 regular, 1 anything from nothing to one and a half."""
    return PERIOD if not jitter else PERIOD * rng.uniform(max(1.0 - jitter, 1e-6), 1.5)


@pytest.mark.parametrize('jitter', [0.0, 0.3, 1.0])
def test_limits_hold_for_any_wish(jitter):
    rng = np.random.default_rng(int(10 * jitter))
    for _ in range(150):
        joint = random_joint(rng)
        low, high, a = joint.low, joint.high, joint.acceleration
        p, v, wanted = rng.uniform(low, high), 0.0, 0.0
        restless = rng.choice([0.02, 0.3, 1.0])
        for _ in range(250):
            dt = random_step(rng, jitter)
            if rng.random() < restless:
                wanted = rng.normal() * joint.speed * rng.choice([1.0, 3.0, 1e6])
            before, rate = p, v
            p, v = joint.advance(p, v, wanted, dt)
            assert low <= p <= high
            assert abs(v) <= joint.speed
            assert abs(v - rate) <= a * dt + 1e-12
            assert abs(p - before) <= joint.speed * dt + 1e-12
            assert low - 1e-12 <= p + v * abs(v) / (2.0 * a) <= high + 1e-12
            # Some motion within the acceleration limit leads from the one to the other.
            assert abs(p - before - 0.5 * (v + rate) * dt) <= (
                ((a * dt) ** 2 - (v - rate) ** 2) / (4.0 * a) + 1e-12)


def test_full_speed_at_the_wall_stops_at_the_wall():
    joint = JointLimiter(-1.0, 1.0, 2.5, 7.5)
    p = v = 0.0
    for _ in range(300):
        p, v = joint.advance(p, v, 1e9, PERIOD)
    assert v == 0.0
    assert 1.0 - 1e-6 < p <= 1.0


def test_a_joint_found_outside_its_limits_only_comes_in():
    joint = JointLimiter(-1.0, 1.0, 2.5, 7.5)
    p, v = 1.05, 0.0
    for _ in range(20):
        assert joint.advance(p, v, 3.0, PERIOD) == (1.05, 0.0)
    for _ in range(100):
        before = p
        p, v = joint.advance(p, v, -1.0, PERIOD)
        assert p < before
    for _ in range(200):
        p, v = joint.advance(p, v, 3.0, PERIOD)
    assert p <= 1.0


def test_a_lower_speed_limit_is_braked_down_to():
    fast, slow = (JointLimiter(-3.0, 3.0, speed, 7.5) for speed in (2.0, 0.2))
    p, v = -2.0, 0.0
    for _ in range(60):
        p, v = fast.advance(p, v, 2.0, PERIOD)
    assert v == 2.0
    while v > 0.2:
        before = v
        p, v = slow.advance(p, v, 2.0, PERIOD)
        assert before - v == pytest.approx(7.5 * PERIOD) or v == 0.2
    assert slow.advance(p, v, 2.0, PERIOD)[1] == 0.2


def test_limits_that_narrow_under_way_are_met_by_full_braking():
    wide, narrow = JointLimiter(-3.0, 3.0, 2.0, 7.5), JointLimiter(-3.0, 0.05, 2.0, 7.5)
    p, v = 0.0, 2.0
    for _ in range(60):
        before = v
        p, v = narrow.advance(p, v, 2.0, PERIOD)
        assert abs(v - before) <= 7.5 * PERIOD + 1e-9
    assert v <= 0.0 and p < 0.3 < wide.high


def test_every_motion_within_the_limits_is_let_through():
    rng = np.random.default_rng(0)
    for _ in range(5000):
        joint = random_joint(rng)
        a = joint.acceleration
        dt = random_step(rng, rng.choice([0.0, 1.0]))
        # Two phases of constant acceleration: what lies between are the extremes.
        first = rng.uniform(0.0, dt)
        p, v = 0.0, rng.uniform(-0.5, 0.5) * joint.speed
        a1, a2 = rng.choice([-a, 0.0, a, rng.uniform(-a, a)], 2)
        middle = v + a1 * first
        rate = middle + a2 * (dt - first)
        target = 0.5 * (v + middle) * first + 0.5 * (middle + rate) * (dt - first)
        fits = (max(abs(v), abs(middle), abs(rate)) <= joint.speed
                and joint.low < target - rate ** 2 / (2 * a)
                and target + rate ** 2 / (2 * a) < joint.high)
        if fits:
            assert joint.reaches(p, v, target, rate, dt)


def test_what_breaks_a_limit_is_not_let_through():
    joint = JointLimiter(-1.0, 1.0, 2.0, 10.0)
    most = 10.0 * PERIOD
    assert joint.reaches(0.0, 0.0, 0.5 * most * PERIOD, most, PERIOD)
    assert not joint.reaches(0.0, 0.0, 0.5 * most * PERIOD, most + 1e-9, PERIOD)
    # Half of the step is the place for a detour: a dt^2 / 4 and no more.
    assert joint.reaches(0.0, 0.0, 0.25 * most * PERIOD, 0.0, PERIOD)
    assert not joint.reaches(0.0, 0.0, 0.25 * most * PERIOD + 1e-9, 0.0, PERIOD)
    assert joint.reaches(0.0, 2.0, 2.0 * PERIOD, 2.0, PERIOD)
    assert not joint.reaches(0.0, 2.0, 2.0 * PERIOD + 1e-9, 2.0 + 1e-9, PERIOD)
    # Not even between two states of full speed may it be exceeded.
    assert not joint.reaches(0.0, 2.0, 2.0 * PERIOD + 0.1 * most * PERIOD, 2.0, PERIOD)
    # From 1.99 rad/s it takes 0.2 rad to stop.
    assert joint.reaches(0.7, 1.99, 0.7 + 1.99 * PERIOD, 1.99, PERIOD)
    assert not joint.reaches(0.79, 1.99, 0.79 + 1.99 * PERIOD, 1.99, PERIOD)
    assert not joint.reaches(-0.79, -1.99, -0.79 - 1.99 * PERIOD, -1.99, PERIOD)


@pytest.mark.parametrize('step', [1.5, 0.1, 0.01, 1e-3, 1e-5])
@pytest.mark.parametrize('rate', [0.0, 0.4])
def test_a_plan_far_off_is_met_without_overshoot(step, rate):
    joint = JointLimiter(-9.0, 9.0, 2.5, 7.5)
    p = v = 0.0
    lags = []
    for k in range(1, 600):
        target = step + rate * k * PERIOD
        if joint.reaches(p, v, target, rate, PERIOD):
            p, v = target, rate
        else:
            p, v = joint.advance(p, v, joint.approach(p, v, target, rate, PERIOD), PERIOD)
        lags.append(target - p)
    assert min(lags) >= -1e-9
    assert lags[-1] == 0.0
    # Time-optimal is 2 sqrt(step / a) where the speed limit is not felt.
    met = lags.index(0.0) * PERIOD
    assert met < 3.0 * np.sqrt(step / 7.5) + step / 2.0 + 0.3


@pytest.mark.parametrize('step', [0.5, 1e-2, 1e-3, 1e-5])
def test_the_approach_alone_does_not_oscillate(step):
    joint = JointLimiter(-9.0, 9.0, 2.5, 7.5)
    p = v = 0.0
    lags = []
    for _ in range(300):
        p, v = joint.advance(p, v, joint.approach(p, v, step, 0.0, PERIOD), PERIOD)
        lags.append(step - p)
    assert min(lags) > -1e-9
    assert abs(lags[-1]) < 1e-12
    assert (np.diff(lags) < 1e-9).all()
