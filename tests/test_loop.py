"""Loops on threads of their own, the pace of events, rates."""

import threading
import time

import numpy as np
import pytest
from ros_testing import wait_until
from wm_ros.nodes.loop import LatestLoop, Pace, PeriodicLoop
from wm_ros.nodes.meters import LatencyMeter, RateMeter
from wm_ros.robot.braking import stopping_knots


def fail(error):
    raise error


def test_periods_do_not_drift():
    times, period = [], 0.002
    loop = PeriodicLoop('t', period, lambda: times.append(time.monotonic()), fail)
    loop.start()
    wait_until(lambda: len(times) > 500)
    assert loop.stop()
    # Deadlines are those of the start plus whole periods, however late single ticks are.
    periods = (times[-1] - times[0]) / period
    assert periods == pytest.approx(len(times) - 1 + loop.missed, abs=5)
    assert not loop._thread.is_alive()


def test_missed_deadlines_are_counted_and_not_made_up_for():
    times = []

    def tick():
        times.append(time.monotonic())
        if len(times) == 5:
            threading.Event().wait(0.105)   # the fault: ten periods long
    loop = PeriodicLoop('t', 0.01, tick, fail)
    loop.start()
    wait_until(lambda: len(times) > 20)
    loop.stop()
    assert 9 <= loop.missed < 30
    assert min(np.diff(times[6:12])) > 0.002     # no burst


def test_a_tick_that_fails_does_not_end_the_loop():
    errors, ticks = [], []

    def tick():
        ticks.append(1)
        if len(ticks) == 3:
            raise ValueError('once')
    loop = PeriodicLoop('t', 0.005, tick, errors.append)
    loop.start()
    wait_until(lambda: len(ticks) > 10)
    loop.stop()
    assert [str(error) for error in errors] == ['once']


def test_only_the_latest_value_is_worked_on():
    done, go, busy = [], threading.Event(), threading.Event()

    def work(value):
        busy.set()
        assert go.wait(5.0)
        done.append(value)
    loop = LatestLoop('t', work, fail)
    loop.start()
    loop.put(1)
    assert busy.wait(5.0)
    for value in (2, 3, 4):
        loop.put(value)
    go.set()
    wait_until(lambda: len(done) == 2)
    assert loop.stop() and done == [1, 4]


@pytest.mark.parametrize('source, rate', [(100, 40), (100, 100), (50, 40), (30, 40), (240, 33)])
def test_pace(source, rate):
    rng = np.random.default_rng(0)
    pace = Pace(rate)
    stamps = 1e9 + np.arange(10 * source) / source + rng.normal(0, 2e-4, 10 * source)
    passed = sum(pace.due(stamp) for stamp in stamps)
    assert passed == pytest.approx(10 * min(source, rate), rel=0.03)


def test_a_pace_that_changes_leaves_no_event_out():
    pace, changed = Pace(40.0), Pace(40.0)
    stamps = 1e9 + np.arange(200) / 100         # 20 and 30 ms apart, by turns
    passed = []
    for number, stamp in enumerate(stamps):
        if number % 7 == 0:
            changed.change(40.0)
        passed.append((pace.due(stamp), changed.due(stamp)))
    assert all(one == other for one, other in passed)
    changed.change(20.0)
    assert sum(changed.due(1e9 + 2 + i / 100) for i in range(200)) == pytest.approx(40, abs=1)
    changed.change(100.0)
    assert sum(changed.due(1e9 + 4 + i / 100) for i in range(200)) == pytest.approx(200, abs=5)


def test_pace_after_a_pause_and_a_new_clock():
    pace = Pace(10.0)
    assert pace.due(100.0) and not pace.due(100.05)
    # Nothing is made up for after a pause ...
    assert [pace.due(200.0 + 0.01 * i) for i in range(10)].count(True) <= 2
    # ... and a clock that begins anew is not waited for.
    assert pace.due(0.0) and not pace.due(0.05) and pace.due(0.1)


def test_rates():
    meter = RateMeter()
    assert meter.rate(5.0) == 0.0
    for i in range(101):
        meter.tick(10.0 + 0.01 * i)
    assert meter.rate(11.0) == pytest.approx(100.0)
    assert meter.rate(11.5) < 3.0       # it has stopped
    assert meter.rate(20.0) == 0.0


def test_percentiles():
    meter = LatencyMeter(100)
    assert meter.figures('x') == {}
    for value in [float('nan'), *range(1000), float('inf')]:
        meter.add(value)
    assert meter.percentile(50) == pytest.approx(949.5)
    assert meter.figures('x')['x_max'] == 999


@pytest.mark.parametrize('seed', range(20))
def test_stopping_knots(seed):
    rng = np.random.default_rng(seed)
    q, v, a = rng.normal(size=7), rng.normal(size=7), rng.uniform(1, 20, 7)
    v[rng.integers(7)] = 0.0
    knots = stopping_knots(q, v, a)
    assert not knots[-1][2].any()
    for time_, positions, velocities in knots:
        # The exact motion: constant deceleration until each joint stands.
        t = np.minimum(time_, np.abs(v) / a)
        np.testing.assert_allclose(positions, q + v * t - np.sign(v) * a * t * t / 2, atol=1e-12)
        np.testing.assert_allclose(velocities, v - np.sign(v) * a * t, atol=1e-12)
    assert stopping_knots(q, 0 * v, a) == []
    (last,) = stopping_knots(q, np.full(7, 1e-9), a)
    assert last[0] > 0 and not last[2].any()
