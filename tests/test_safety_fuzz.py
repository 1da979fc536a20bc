"""The gate among hostile planners, sensors and clocks: every command is judged."""

from dataclasses import replace

import numpy as np
import pytest
from safety_oracle import HOME, legal_plan, LIMITS, make_plan, PERIOD, Rig, wild_plan
from wm_ros.safety import GateSettings, Measured, SafetyGate
from wm_ros.types import Code

SETTINGS = GateSettings()
JERKY = replace(LIMITS, jerk=np.array([100.0, 50.0, 200.0, 400.0, 1000.0, 10000.0, 20.0]))


@pytest.mark.parametrize('jitter', [0.0, 0.4, 1.0])
@pytest.mark.parametrize('limits', [LIMITS, JERKY], ids=['acceleration', 'jerk'])
def test_limits_hold_for_any_plan(limits, jitter):
    rng = np.random.default_rng(int(10 * jitter))
    plans = 0
    for _ in range(12 if limits is JERKY else 25):
        settings = replace(SETTINGS, speed_scale=rng.choice([0.1, 0.5, 1.0]),
                           max_tracking_error=10.0)
        rig = Rig(limits, settings, start=rng.uniform(limits.lower + 0.02, limits.upper - 0.02))
        often = rng.choice([0.05, 0.3, 1.0])
        for _ in range(180):
            if rng.random() < often:
                rig.plan = wild_plan(rng, rig.arm, rig.now)
                plans += 1
            rig.step(PERIOD * rng.uniform(max(1 - jitter, 1e-6), 1 + min(jitter, 0.49)))
            assert rig.status.code in (Code.OK, Code.LIMITED, Code.STALE_PLAN, Code.WAITING,
                                       Code.BAD_INPUT), rig.status
    assert plans > 500


@pytest.mark.parametrize('limits', [LIMITS, JERKY], ids=['acceleration', 'jerk'])
def test_differences_of_positions_keep_the_limits_too(limits):
    # A controller that knows only positions sees the second and the third difference.
    rng = np.random.default_rng(5)
    for _ in range(8):
        rig = Rig(limits, replace(SETTINGS, max_tracking_error=10.0))
        positions, rates = [], []
        for _ in range(180):
            if rng.random() < 0.3:
                rig.plan = wild_plan(rng, rig.arm, rig.now)
            rig.step()
            positions.append(rig.command.positions)
            rates.append(rig.command.velocities)
        bend = np.diff(positions, 2, axis=0) / PERIOD ** 2
        assert (np.abs(bend) <= limits.acceleration + 1e-6).all()
        if limits.jerk is not None:
            # A limit that half a period cannot feel is kept by the acceleration's.
            felt = 2 * limits.acceleration > limits.jerk * 0.5 * PERIOD
            jerk = np.diff(rates, 2, axis=0) / PERIOD ** 2
            assert (np.abs(jerk) <= limits.jerk + 1e-5)[:, felt].all()
            assert felt.sum() == 6


def spoil(rng, plan):
    """Return ``plan`` with something that no plan may have."""
    field = rng.choice(['stamp', 'observed', 'dt', 'positions', 'velocities', 'gripper'])
    value = getattr(plan, field)
    poison = rng.choice([np.nan, np.inf, -np.inf, 1e300, -1e300])
    if isinstance(value, np.ndarray):
        value = value.copy()
        kind = rng.integers(3)
        if kind == 0 and value.size:
            value.flat[rng.integers(value.size)] = poison
        elif kind == 1:
            value = value[:rng.integers(len(value) + 1)]
        else:
            value = value[..., :rng.integers(value.shape[-1] + 1)]
        return replace(plan, **{field: value})
    return replace(plan, **{field: rng.choice([poison, 0.0, -1.0])})


def test_faults_of_all_kinds_together():
    rng = np.random.default_rng(1)
    codes = set()
    for _ in range(40):
        rig = Rig()
        rig.step()
        for _ in range(200):
            dice = rng.random()
            if dice < 0.2:
                rig.plan = wild_plan(rng, rig.arm, rig.now)
            elif dice < 0.5:
                rig.plan = legal_plan(rng, rig.arm, np.zeros(7), rig.now)
            elif dice < 0.52:
                rig.plan = spoil(rng, wild_plan(rng, rig.arm, rig.now))
            elif dice < 0.54:
                rig.gate.pause(bool(rng.integers(2)))
                rig.may_begin = True
            elif dice < 0.545:
                rig.gate.emergency_stop()
            elif dice < 0.58:
                rig.may_begin |= rig.gate.release()
            elif dice < 0.6:
                rig.input = not rig.input
            elif dice < 0.61:
                rig.follows = not rig.follows
            elif dice < 0.615:      # somebody pushes the arm
                rig.arm = np.clip(rig.arm + rng.uniform(-0.6, 0.6, 7), LIMITS.lower + 0.02,
                                  LIMITS.upper - 0.02)
                rig.follows = False
            rig.step(PERIOD * rng.uniform(0.2, 1.45))
            codes.add(rig.status.code)
            followed = rig.status.code in (Code.OK, Code.LIMITED)
            assert not followed or rig.status.figures['input_age'] <= SETTINGS.input_timeout
            assert not followed or rig.status.figures['plan_age'] <= SETTINGS.plan_timeout
            assert rig.command.hold or followed or rig.status.code is Code.BAD_INPUT
    assert codes >= {Code.OK, Code.LIMITED, Code.PAUSED, Code.EMERGENCY_STOP, Code.LATCHED,
                     Code.STALE_INPUT, Code.STALE_PLAN, Code.TRACKING_ERROR, Code.BAD_INPUT}


def anything(rng, now, positions):
    """Return a plan or a measurement, or what somebody might take for one."""
    pool = [None, np.nan, 'plan', object(), [], Measured(now, positions),
            wild_plan(rng, positions, now), spoil(rng, wild_plan(rng, positions, now)),
            make_plan(np.zeros((0, 7)), np.zeros((0, 7)), now),
            Measured(now, rng.normal(size=rng.integers(9))), Measured(None, positions),
            Measured(now, positions, None, 'wide'), Measured(now, positions * rng.normal()),
            Measured(now, np.where(rng.random(7) < 0.2, np.nan, positions)),
            replace(make_plan(positions[None], positions[None], now), dt=None),
            replace(make_plan(positions[None], positions[None], now), gripper=[0.0])]
    return pool[rng.integers(len(pool))]


def test_the_gate_never_raises():
    rng = np.random.default_rng(2)
    for _ in range(12):
        gate = SafetyGate(LIMITS, SETTINGS)
        now = 10.0
        last = None
        for _ in range(300):
            now = now + rng.choice([PERIOD, 0.0, -1.0, 1e6, 1e-9], p=[0.9, 0.04, 0.02, 0.02, 0.02])
            told = rng.choice([now, np.nan, np.inf], p=[0.98, 0.01, 0.01])
            command, status = gate.step(
                told, anything(rng, now, HOME), anything(rng, now, HOME))
            if rng.random() < 0.05:
                gate.release()
            if command is None:
                continue
            assert np.isfinite(command.positions).all() and np.isfinite(command.velocities).all()
            assert (command.positions >= LIMITS.lower - 0.1).all()
            assert (command.positions <= LIMITS.upper + 0.1).all()
            if last is not None and status.code is not Code.WAITING:
                assert (np.abs(command.velocities) <= LIMITS.velocity + 1e-9).all()
            last = command


@pytest.mark.parametrize('seed', range(3))
def test_an_arm_that_starts_outside_comes_in(seed):
    rng = np.random.default_rng(seed)
    start = np.where(rng.random(7) < 0.5, LIMITS.upper + 0.05, LIMITS.lower - 0.05)
    gate = SafetyGate(LIMITS, SETTINGS)
    middle = 0.5 * (LIMITS.lower + LIMITS.upper)
    now, arm, outside = 10.0, start, np.full(7, np.inf)
    for k in range(200):
        now += PERIOD
        wild = rng.uniform(LIMITS.lower - 1, LIMITS.upper + 1) if k < 60 else middle
        plan = make_plan(np.repeat(wild[None], 11, axis=0), np.zeros((11, 7)), now)
        command, _ = gate.step(now, plan, Measured(now, arm))
        arm = command.positions
        beyond = np.maximum(arm - LIMITS.upper + 0.02, LIMITS.lower + 0.02 - arm)
        assert (beyond <= np.maximum(outside, 0.0) + 1e-12).all()
        outside = beyond
    assert (outside < 0.0).all()
