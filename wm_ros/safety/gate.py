"""The gate between planner and robot: nothing moves the arm but what it lets through."""

import math
from threading import Lock
from typing import Optional, Tuple

import numpy as np
from wm_ros.robot.grip import Grip
from wm_ros.robot.limits import JointLimits
from wm_ros.robot.trajectory import sample
from wm_ros.safety.beginning import Beginning
from wm_ros.safety.guidance import Guidance, GUIDED_ABOVE
from wm_ros.safety.inputs import Measured, MeasuredInput, NotFinite, PlanInput, Refused
from wm_ros.safety.motion import Motion
from wm_ros.safety.settings import GateSettings
from wm_ros.safety.stops import Stops
from wm_ros.safety.ticks import Ticks
from wm_ros.safety.tracking import Tracking, tracking_error
from wm_ros.types import Code, Command, ParameterError, Plan, Status

#: [rad] beyond which a deviation from the plan is reported as LIMITED.
LIMITED_ABOVE = 1e-3
_STATIC = ('period', 'position_margin', 'hold_deceleration')


class SafetyGate:
    """
    Plan in, command out, once per period; never raises, whatever the plan holds.

    One thread calls ``step``; the requests (pause, emergency_stop, release, reconfigure)
    may come from any other.  Nothing is commanded (``step`` returns None) before the first
    good measurement, at which the gate begins by itself.  While ``silent`` is True (paused
    and at rest) the command should not be sent on: the arm belongs to somebody else.
    """

    def __init__(self, limits: JointLimits, settings: GateSettings = GateSettings(),
                 gripper_range: Tuple[float, float] = (0.0, 0.08), paused: bool = False):
        self.settings = settings
        self._limits = limits
        self._motion = Motion(limits, settings, gripper_range)
        self._plans = PlanInput(len(limits.names))
        self._measured = MeasuredInput(limits)
        self._lock = Lock()             # for the requests, which come from other threads
        self._new_settings: Optional[GateSettings] = None
        self._paused = paused
        self._stops = Stops()
        self._beginning = Beginning()
        self._silent = False
        self._guidance = Guidance()
        self._tracking = Tracking()
        self._grip = Grip()
        self._held = True               # the last step followed no plan
        self._ticks = Ticks()
        self._followed: Optional[Plan] = None   # the last plan that was followed
        self._refused = 0
        self._good = self._motion.state         # of the last command, or where it began

    def reset(self, positions: np.ndarray, gripper: float, stamp: float = -math.inf):
        """
        Begin at rest at ``positions`` [N] rad; plans observed before ``stamp`` [s] are void.

        For simulations; elsewhere the gate begins by itself where the arm is found.  Frees
        everything that is latched.  Not to be called while another thread steps.
        """
        self._motion.begin(positions, gripper)
        self._grip.forget()
        self._good = self._motion.state
        self._plans.clear(stamp)
        self._measured.clear()
        self._stops.free()
        self._ticks.clear()
        self._beginning.make()
        self._held = True
        self._silent = self._guidance.guided = self._tracking.lost = False

    def step(self, now: float, plan: Optional[Plan], measured: Optional[Measured]
             ) -> Tuple[Optional[Command], Status]:
        """
        Return the command for now + period, and what the gate thinks of the world.

        ``now`` [s] is on the clock of the plan's and the measurement's stamps.  ``plan`` and
        ``measured`` are the newest known, the same ones as before where nothing came.
        Status figures: plan_age, input_age [s], tracking_error, deviation of the command
        from the plan [rad], missed (ticks, so far), refused (plans and measurements, so
        far), and latency [s] in the step that first follows a plan.
        """
        self._apply_settings()
        now, dt, clock_fault, back = self._ticks.next(now, self.settings.period)
        if back:
            self._plans.clear()
            self._measured.clear()
        complaint = self._take(now, plan, measured)
        figures = {
            'plan_age': math.inf, 'input_age': self._measured.age(now), 'deviation': 0.0,
            'tracking_error': self._tracking_error(), 'missed': float(self._ticks.missed),
            'refused': float(self._refused)}
        if not self._beginning.begun:
            self._begin(now)
        if not self._beginning.begun:
            said = Code.BAD_INPUT if complaint else Code.WAITING, complaint or 'no joint state yet'
            return None, Status(*(self._stops.verdict() or said), figures)
        code, text = self._judge(now, clock_fault, figures)
        if code is Code.OK:
            code, text = self._follow(now, dt, figures)
        else:
            self._hold(code, now, dt)
        if not self._motion.finite:
            code, text = self._go_back(dt)
        held = self._held = code not in (Code.OK, Code.LIMITED)
        if complaint and (not held or code is Code.WAITING):
            code, text = Code.BAD_INPUT, complaint
        return self._command(now, held), Status(code, text, figures)

    def restart(self):
        """
        Go on from where the arm is then found, as at the start; what is latched stays so.

        Not to be called while another thread steps.
        """
        self._plans.clear()
        self._measured.clear()
        self._beginning.forget()

    def pause(self, flag: bool):
        """Brake and stand (True), or go on from where the arm then is (False)."""
        with self._lock:
            if self._paused and not flag and self._silent:
                self._beginning.wish()
            self._paused = flag

    def emergency_stop(self):
        """Brake as hard as the limits allow and stand until ``release``."""
        with self._lock:
            self._stops.emergency = True

    def release(self) -> bool:
        """
        Free an emergency stop or a latch; the arm goes on from where it is measured.

        After an emergency stop it is paused: freeing it must not set it in motion (ISO
        13850, 4.1.4).  Returns False, and changes nothing, while the arm still brakes.  An
        arm that moves because nothing holds it goes on moving.
        """
        with self._lock:
            if self._beginning.begun and not self._motion.at_rest:
                return not (self._stops.verdict() or self._tracking.lost)
            # First, or a plan of before would be followed for a step.
            self._beginning.wish()
            self._paused |= self._stops.emergency
            self._stops.free()
            self._tracking.lost = False
            return True

    def reconfigure(self, settings: GateSettings):
        """Take other settings from the next step on; ParameterError for static ones."""
        for name in _STATIC:
            if getattr(settings, name) != getattr(self.settings, name):
                raise ParameterError(f'safety.{name} cannot change while the gate is in use')
        with self._lock:
            self._new_settings = settings

    @property
    def silent(self) -> bool:
        """Whether the gate is paused and at rest, so that the command need not be sent."""
        return self._silent

    @property
    def standing(self) -> str:
        """Why a pause does not become silent, '' where it will: what else keeps the arm still."""
        if not self._beginning.begun:
            return 'nothing was commanded yet'
        stop = self._stops.verdict()
        return f'the arm stands, held: {stop[1]}' if stop and self._motion.at_rest else ''

    def _apply_settings(self):
        with self._lock:
            settings, self._new_settings = self._new_settings, None
        if settings is not None:
            self.settings = settings
            self._motion.configure(settings)

    def _take(self, now, plan, measured) -> str:
        """Take in what is new; return the complaint about it, '' for none."""
        complaint = ''
        try:
            self._measured.offer(measured, now, self.settings.input_timeout)
        except Refused as refusal:
            self._refused += 1
            complaint = str(refusal)
        try:
            self._plans.offer(plan, now, self.settings.plan_timeout)
        except Refused as refusal:
            self._refused += 1
            complaint = str(refusal)
            if isinstance(refusal, NotFinite):
                self._stops.latched = complaint
        return complaint

    def _judge(self, now, clock_fault, figures) -> Tuple[Code, str]:
        """Return OK when a plan may be followed, else why not; begins anew where asked to."""
        settings = self.settings
        plan = self._plans.at(now + settings.period)
        age = figures['plan_age'] = self._plans.age(now)
        stop = self._stops.verdict()
        if stop is not None:
            return stop
        if self._paused:
            return Code.PAUSED, ''
        if clock_fault:
            return Code.BAD_INPUT, 'the clock stands or went back'
        if figures['input_age'] > settings.input_timeout:
            return Code.STALE_INPUT, f'joint states are {figures["input_age"]:.3f} s old'
        if self._beginning.wanted:
            self._begin(now)
            if self._beginning.wanted:
                return Code.WAITING, 'no joint state yet since it was to go on'
            plan = self._plans.at(now + settings.period)
            age = figures['plan_age'] = self._plans.age(now)
            figures['tracking_error'] = self._tracking_error()
        if self._tracking.judge(figures['tracking_error'], settings.max_tracking_error):
            return Code.TRACKING_ERROR, (f'the arm is {figures["tracking_error"]:.3f} rad from '
                                         'its command')
        if plan is None:
            return Code.WAITING, 'no plan to act on'
        if age > settings.plan_timeout:
            return Code.STALE_PLAN, f'plan is {age:.3f} s old'
        if now + settings.period > plan.stamp + (len(plan.positions) - 1) * plan.dt:
            return Code.STALE_PLAN, 'plan has ended'
        if self._held and self._motion.at_rest and figures['tracking_error'] > GUIDED_ABOVE:
            # Somebody has moved the arm meanwhile, and the plan begins at the command.
            self._begin(now)
            return Code.WAITING, 'going on from where the arm is'
        return Code.OK, ''

    def _begin(self, now):
        """Go on, at rest, from where the arm is measured, if that is known."""
        measured = self._measured
        fresh = measured.age(now) <= self.settings.input_timeout
        if not self._beginning.make_at(measured.stamp if fresh else None, now):
            return
        widths = self._grip.width(measured.gripper), measured.gripper, self._motion.gripper
        self._motion.begin(measured.positions, next(one for one in widths if one is not None))
        self._good = self._motion.state
        # What was planned before is about an arm that was elsewhere.
        self._plans.void_before(measured.stamp)
        self._silent = self._guidance.guided = self._tracking.lost = False

    def _follow(self, now, dt, figures) -> Tuple[Code, str]:
        plan = self._plans.current      # that of now + period, as has just been judged
        positions, velocities, gripper = sample(plan, now + self.settings.period)
        deviation = self._motion.follow(
            positions.tolist(), velocities.tolist(), gripper, dt,
            self._tracking.pace(figures['tracking_error'], self.settings.max_tracking_error))
        figures['deviation'] = deviation
        if plan is not self._followed:
            self._followed = plan
            figures['latency'] = now - plan.observed
        self._silent = self._guidance.guided = False
        if deviation > LIMITED_ABOVE:
            return Code.LIMITED, f'{deviation:.4f} rad from the plan'
        return Code.OK, ''

    def _hold(self, code, now, dt):
        """Brake and stand; up to a pause's end, come along with an arm that somebody moves."""
        motion = self._motion
        if not (code is Code.PAUSED or code is Code.WAITING and self._beginning.wanted):
            self._silent = self._guidance.guided = False
            hard = code in (Code.EMERGENCY_STOP, Code.LATCHED)
            motion.brake(1.0 if hard else self.settings.hold_deceleration, dt)
            return
        if motion.at_rest:
            self._silent = True
        fresh = self._measured.age(now) <= self.settings.input_timeout
        if self._guidance.judge(self._tracking_error(), self._silent and fresh):
            positions = self._measured.positions
            motion.follow(positions, [0.0] * len(positions), motion.gripper, dt)
        else:
            motion.brake(self.settings.hold_deceleration, dt)

    def _tracking_error(self) -> float:
        """Return how far the arm is from its command [rad], 0 while that is not known."""
        if not self._beginning.begun or not self._measured.positions:
            return 0.0
        return tracking_error(self._measured.positions, self._motion.positions)

    def _go_back(self, dt) -> Tuple[Code, str]:
        """Brake from the last good command, and latch: the arithmetic has failed."""
        self._motion.restore(self._good)
        self._motion.brake(1.0, dt)
        self._stops.latched = 'a command was not finite'
        return self._stops.verdict()

    def _command(self, now, held) -> Command:
        motion = self._motion
        self._good = motion.state
        if not self._silent:
            self._grip.tell(motion.gripper, self._measured.gripper)
        return Command(
            stamp=now + self.settings.period, positions=np.array(motion.positions),
            velocities=np.array(motion.velocities), gripper=motion.gripper, hold=held)
