"""What the safety tests share: limits, plans of all sorts, and the judge of commands."""

import numpy as np
from wm_ros.robot.limits import JointLimits
from wm_ros.robot.trajectory import sample
from wm_ros.safety import GateSettings, Measured, SafetyGate
from wm_ros.safety.guidance import GUIDED_ABOVE
from wm_ros.types import Plan

PERIOD = 1.0 / 120.0
#: The Panda's limits as RoboFuzz states them, with the accelerations of its data sheet.
LIMITS = JointLimits(
    names=tuple(f'joint{i}' for i in range(1, 8)),
    lower=np.deg2rad([-166, -101, -166, -176, -166, -1, -166]),
    upper=np.deg2rad([166, 101, 166, -4, 166, 215, 166]),
    velocity=np.deg2rad([150, 150, 150, 150, 180, 180, 180]),
    acceleration=[15.0, 7.5, 10.0, 12.5, 15.0, 20.0, 20.0], effort=[87.0] * 7)
HOME = np.array([0.0, -0.13, 0.0, -2.48, 0.0, 2.35, 0.785])
KNOTS, KNOT_DT = 11, 0.05


def make_plan(positions, velocities, stamp, observed=None, gripper=None, dt=KNOT_DT):
    """Return a plan through the knots [H + 1, N]; what only a planner knows is left empty."""
    positions = np.asarray(positions, dtype=float)
    count = len(positions)
    return Plan(
        stamp=stamp, observed=stamp if observed is None else observed, dt=dt,
        actions=np.zeros((max(count - 1, 0), 5)), positions=positions,
        velocities=np.asarray(velocities, dtype=float),
        gripper=np.full(count, 0.04) if gripper is None else np.asarray(gripper, dtype=float),
        path=np.zeros((count, 3)), predicted_return=0.0, disagreement=0.0, solve_time=0.01,
        planner='test')


def legal_plan(rng, positions, velocities, stamp, share=0.95, limits=LIMITS):
    """
    Return a plan from a state [N] that keeps the limits: parabolas between its knots.

    The acceleration is drawn anew at each knot, at up to ``share`` of its limit.
    """
    p, v = np.array(positions, dtype=float), np.array(velocities, dtype=float)
    ps, vs = [p.copy()], [v.copy()]
    for _ in range(KNOTS - 1):
        most = share * limits.acceleration
        wanted = rng.uniform(-0.5, 0.5, len(p)) * limits.velocity
        # Away from the limits, so that the gate has no reason to brake.
        middle = 0.5 * (limits.lower + limits.upper)
        far = np.abs(p - middle) > 0.25 * (limits.upper - limits.lower)
        wanted = np.where(far, 0.3 * limits.velocity * np.sign(middle - p), wanted)
        a = np.clip((wanted - v) / KNOT_DT, -most, most)
        p = p + v * KNOT_DT + 0.5 * a * KNOT_DT ** 2
        v = v + a * KNOT_DT
        ps.append(p)
        vs.append(v)
    return make_plan(ps, vs, stamp)


def wild_plan(rng, positions, now):
    """Return a finite plan that no sane planner would make, near ``positions`` [N] or not."""
    kind = rng.integers(7)
    count = int(rng.integers(1, KNOTS + 1))
    shape = (count, len(positions))
    velocities = rng.normal(size=shape) * rng.choice([0.0, 1.0, 30.0])
    if kind == 0:       # random walk
        knots = positions + np.cumsum(rng.normal(size=shape), axis=0) * rng.choice([0.01, 0.3])
    elif kind == 1:     # jump
        knots = np.repeat(rng.uniform(-3, 3, (1, len(positions))), count, axis=0)
    elif kind == 2:     # far outside the limits
        knots = rng.normal(size=shape) * 10.0 ** rng.uniform(0, 5)
    elif kind == 3:     # switches from knot to knot
        knots = positions + np.where(np.arange(count)[:, None] % 2, 1.0, -1.0) * rng.uniform(0, 3)
    elif kind == 4:     # at the limits, and fast
        knots = np.where(rng.random(shape) < 0.5, LIMITS.lower, LIMITS.upper)
        velocities = np.sign(rng.normal(size=shape)) * LIMITS.velocity
    elif kind == 5:     # stands elsewhere
        knots = np.repeat(positions[None] + rng.normal(size=len(positions)) * 0.05, count, axis=0)
        velocities = np.zeros(shape)
    else:               # legal, from the wrong place
        return legal_plan(rng, rng.uniform(LIMITS.lower, LIMITS.upper), np.zeros(7), now)
    dt = 10.0 ** rng.uniform(-3.9, 0.9) if rng.random() < 0.2 else KNOT_DT
    return make_plan(knots, velocities, now + rng.uniform(-0.05, 0.05), observed=now,
                     gripper=rng.normal(size=count), dt=dt)


class Oracle:
    """Judges a stream of commands: the limits hold between each and the next."""

    def __init__(self, limits=LIMITS, settings=GateSettings()):
        self.limits, self.settings, self.gripper_range = limits, settings, (0.0, 0.08)
        self.last = None
        self.steps = 0

    def begin(self, positions, gripper):
        """Take the state that the stream begins from, at rest."""
        self.last = (np.array(positions), np.zeros(len(positions)), gripper)

    def check(self, command, elapsed, tolerance=1e-9):
        """Fail unless ``command`` may follow the last one after ``elapsed`` [s]."""
        limits, settings = self.limits, self.settings
        p, v = command.positions, command.velocities
        assert p.shape == v.shape == (len(limits.names),)
        assert np.isfinite(p).all() and np.isfinite(v).all() and np.isfinite(command.gripper)
        low = limits.lower + settings.position_margin
        high = limits.upper - settings.position_margin
        speed = limits.velocity * settings.speed_scale
        assert (p >= low - tolerance).all() and (p <= high + tolerance).all()
        assert (np.abs(v) <= speed + tolerance).all()
        # Whatever comes, it can still stop.
        stop = p + v * np.abs(v) / (2.0 * limits.acceleration)
        assert (stop >= low - tolerance).all() and (stop <= high + tolerance).all()
        assert self.gripper_range[0] <= command.gripper <= self.gripper_range[1]
        if self.last is not None:
            before, rate, gripper = self.last
            assert (np.abs(p - before) <= speed * elapsed + tolerance).all()
            assert (np.abs(v - rate) <= limits.acceleration * elapsed + tolerance).all()
            assert abs(command.gripper - gripper) <= settings.gripper_speed * elapsed + tolerance
        self.last = (p, v, command.gripper)
        self.steps += 1


class Rig:
    """A gate, an arm that goes where it is told, and a clock."""

    def __init__(self, limits=LIMITS, settings=GateSettings(), start=HOME, now=100.0, **kwargs):
        self.limits, self.settings = limits, settings
        self.gate = SafetyGate(limits, settings, **kwargs)
        self.oracle = Oracle(limits, settings)
        self.now = now
        self.arm = np.array(start, dtype=float)     # where the arm is
        self.width = 0.04
        self.held = 0.0                             # [m] what keeps the fingers apart
        self.follows = True                         # the arm goes where it is told
        self.may_begin = False                      # anew, where the arm is found
        self.input = True                           # the joint states come
        self.measured = None
        self.plan = None
        self.command = self.status = None

    def step(self, elapsed=PERIOD):
        """Let ``elapsed`` [s] pass and step the gate; the command is judged."""
        self.now += elapsed
        if self.input:
            self.measured = Measured(self.now - 0.002, self.arm.copy(), None, self.width)
        self._expect_beginning()
        self.command, self.status = self.gate.step(self.now, self.plan, self.measured)
        if self.command is not None:
            if self.may_begin:
                self._judge_beginning(elapsed)
            self.oracle.check(self.command, elapsed)
            if self.follows:
                self.arm = self.command.positions.copy()
                self.width = max(self.command.gripper, self.held)
        return self.command, self.status

    def _expect_beginning(self):
        """Let the next command begin where an arm is that was moved while it was held."""
        command = self.command
        if self.measured and command and command.hold and not command.velocities.any():
            moved = np.abs(self.measured.positions - command.positions).max()
            self.may_begin |= moved > GUIDED_ABOVE

    def _judge_beginning(self, elapsed):
        """Let a command through that leaves the last one for where the arm is."""
        off = np.abs(self.command.positions - self.arm)
        if (off <= self.limits.velocity * elapsed + 1e-9).all():
            self.oracle.last = None
        self.may_begin = self.command.hold

    def go(self, seconds, until=None):
        """Step for ``seconds`` [s], or until the status has the code ``until``; the time."""
        begin = self.now
        while self.now - begin < seconds - 1e-9:
            self.step()
            if until is not None and self.status.code is until:
                break
        return self.now - begin

    def cruise(self, speed=0.5, joint=0):
        """Follow plans until a joint moves at ``speed`` [rad/s]; plans then cease to come."""
        self.step()
        begin = self.now
        ramp = speed / 2.0      # at 2 rad/s^2
        for _ in range(int((ramp + 0.2) / PERIOD)):
            if self.plan is None or self.now - self.plan.stamp > 0.03:
                times = self.now - begin + np.arange(KNOTS) * KNOT_DT
                knots = np.repeat(np.array(self.start)[None], KNOTS, axis=0)
                rates = np.zeros_like(knots)
                rates[:, joint] = np.minimum(2.0 * times, speed)
                knots[:, joint] += np.where(
                    times < ramp, times ** 2, ramp ** 2 + speed * (times - ramp))
                self.plan = make_plan(knots, rates, self.now)
            self.step()
        assert abs(self.command.velocities[joint] - speed) < 1e-3
        return self

    @property
    def start(self):
        """Where the arm stood when the first command was given."""
        if not hasattr(self, '_start'):
            self._start = self.arm.copy()
        return self._start

    @property
    def wanted(self):
        """Return (positions, velocities, gripper) of the plan for the command's moment."""
        return sample(self.plan, self.now + self.settings.period)


def standing_plan(rig, positions=None, gripper=None):
    """Return a plan that stands at ``positions`` [N], made just now."""
    at = rig.arm if positions is None else positions
    knots = np.repeat(np.asarray(at, dtype=float)[None], KNOTS, axis=0)
    return make_plan(knots, np.zeros_like(knots), rig.now, gripper=gripper)


def follow_standing_plans(rig, seconds):
    """Follow plans that stand where the arm was at first, for ``seconds`` [s]."""
    place = rig.arm.copy()
    end = rig.now + seconds
    while rig.now < end:
        rig.plan = standing_plan(rig, place)
        rig.step()
