"""Safety node: plans -> commands; the only node that moves the arm."""

import sys
import time
from typing import Any, Dict, Optional

import numpy as np
from std_srvs.srv import Trigger
from wm_ros.nodes import convert, runtime
from wm_ros.nodes.base import ManagedNode
from wm_ros.nodes.loop import PeriodicLoop
from wm_ros.nodes.meters import LatencyMeter, RateMeter
from wm_ros.nodes.qos import JOINTS, RELIABLE
from wm_ros.robot.grip import Fingers
from wm_ros.safety import GateSettings, Measured, SafetyGate
from wm_ros.types import Code, WmRosError

_LONGEST_BRAKING = 3.0      # [s] that deactivate waits for the arm to stand
_GRIPPER_REPEAT = 0.1       # [s] after which an unchanged gripper command is sent again
_GRIPPER_STEP = 1e-5        # [m] that counts as a change
#: What ``~/pause`` answers where the arm stands, and nothing is commanded any more.
SILENT = 'the arm stands and nothing is commanded'


class SafetyNode(ManagedNode):
    """
    Samples the newest plan each period and sends what the safety gate lets through.

    It watches the ages of the plan and of the joint states themselves, so it needs nobody
    else's health.  With simulated time its periods are those of the clock.
    """

    executable = 'safety_node'

    def __init__(self, **kwargs):
        self._stopped = False       # outlives a cleanup: only ~/reset frees it
        super().__init__(**kwargs)

    def check(self, values):
        """Refuse settings that the gate would refuse."""
        GateSettings.from_params(values)

    def configure(self):
        """Make the gate and everything around it."""
        values = self.values
        settings = GateSettings.from_params(values)
        limits = self._limits()
        self._period = settings.period
        self._joint_limits = limits
        self._gate = SafetyGate(
            limits, settings, (self.robot.gripper_min, self.robot.gripper_max), paused=True)
        if self._stopped:
            self._gate.emergency_stop()
        self._reader = _ArmReader(self.robot)
        self._plan = self._measured = self._loop = None
        self._gate_rate, self._plan_rate = RateMeter(), RateMeter()
        self._latency = LatencyMeter()
        self._seen = {}
        self._ticks, self._moving = 0, False
        self._gripper_sent = (-np.inf, -np.inf)
        self._add_outputs(values)
        self.add_subscription(
            convert.JointState, 'joint_states', self._on_joint_state, JOINTS)
        self.add_subscription(convert.JointTrajectory, 'mpc_node/plan', self._on_plan, RELIABLE)
        self.add_service(Trigger, '~/emergency_stop', self._on_emergency_stop)

    def activate(self):
        """Begin the periods; the first command begins where the arm then is."""
        self._gate.restart()
        self._gate.pause(self.paused)
        if self.sim_time:
            self._timer = self.add_timer(self._period, self._tick)
            return
        self._loop = PeriodicLoop(f'{self.get_name()} gate', self._period, self._tick, self.fail)
        self._loop.start()

    def deactivate(self):
        """Brake until the arm stands, then send nothing more."""
        self._gate.pause(True)
        # One period may be under way that has not heard of the pause.
        first, end = self._ticks + 2, time.monotonic() + _LONGEST_BRAKING
        clock = self.now()
        while (self._moving or self._ticks < first) and time.monotonic() < end:
            if self._loop is None:
                # Simulated time is not heard while this callback runs.
                clock += self._period
                self._tick(clock)
            time.sleep(self._period)
        if self._loop is None:
            self.end(self._timer)
        else:
            self._loop.stop()
            self._loop = None

    def apply(self, values):
        """Hand changed settings to the gate."""
        self._gate.reconfigure(GateSettings.from_params(values))

    def pause(self, flag):
        """Brake and fall silent, or go on from where the arm is; say whether it is silent."""
        if not self.active:
            return ''
        self._gate.pause(flag)
        if not flag:
            return ''
        if self._gate.silent:
            return SILENT
        return self._gate.standing or 'the arm still brakes: ask again'

    def reset(self) -> str:
        """Free an emergency stop, which leaves the arm paused, or a latch."""
        if not self._gate.release():
            raise WmRosError('the arm still brakes: reset again when it stands')
        if not self._stopped:
            return 'free'
        self._stopped, self.paused = False, True
        return 'free, and paused: call ~/pause with false to go on'

    def idle(self):
        """Say that no period has come lately."""
        return Code.WAITING, 'the clock stands still'

    def figures(self):
        """Return rates, latency from joint state to command, ages, and counts."""
        now = time.monotonic()
        figures = dict(self._seen)
        figures.update({
            'gate_rate_hz': self._gate_rate.rate(now), 'plan_rate_hz': self._plan_rate.rate(now),
            'missed_deadlines': self._loop.missed if self._loop else self._seen.get('missed', 0),
            'refused': self.refused + self._seen.get('refused', 0)})
        for share in (50, 99) if self._latency.count else ():
            figures[f'latency_p{share}_ms'] = 1e3 * self._latency.percentile(share)
        return figures

    def _limits(self):
        """Return the robot's limits with the ``joint_limits`` parameters applied."""
        own = self.robot.limits
        entries = own.entries()
        for joint, entry in entries.items():
            for key, value in entry.items():
                self.parameters.declare(f'joint_limits.{joint}.{key}', value)
        told: Dict[str, Dict[str, Any]] = {}
        # What was declared for another robot before, and never changed, says nothing of this one.
        for name in filter(self.parameters.chosen, self.values):
            joint, _, key = name[len('joint_limits.'):].rpartition('.')
            if name.startswith('joint_limits.'):
                if joint not in entries:
                    raise WmRosError(f'{name}: no such joint; expected one of '
                                     f'{", ".join(own.names)}')
                told.setdefault(joint, dict(entries[joint]))[key] = self.values[name]
        return own.override(told)

    def _add_outputs(self, values):
        trajectory = 'trajectory_msgs/JointTrajectory'
        self._as_trajectory = values['command_out_type'] == trajectory
        self._gripper_as_trajectory = values['gripper_command_type'] == trajectory
        # Ticks of /clock are too far apart to say when a command is for.
        self._stamped = values['command_out_stamped'] and not self.sim_time
        self._arm = self.add_publisher(
            convert.JointTrajectory if self._as_trajectory else convert.Float64MultiArray,
            values['command_out_topic'], RELIABLE)
        self._gripper = None
        if values['gripper_command_topic'] and self.robot.gripper_joint_names:
            kind = (convert.JointTrajectory if self._gripper_as_trajectory
                    else convert.Float64MultiArray)
            self._gripper = self.add_publisher(kind, values['gripper_command_topic'], RELIABLE)
        self._sent = self.add_publisher(convert.JointState, '~/command', RELIABLE)
        self._told = self.add_publisher(convert.Float32, '~/latency', RELIABLE)

    def _on_joint_state(self, msg):
        self._measured = self._reader(convert.joint_state_from_msg(msg)) or self._measured

    def _on_plan(self, msg):
        self._plan = convert.plan_from_msg(msg, self.robot)
        self._plan_rate.tick(time.monotonic())

    def _on_emergency_stop(self, request, response):
        self._stopped = True
        self._gate.emergency_stop()
        self.get_logger().error('emergency stop: only ~/reset frees it')
        response.success, response.message = True, 'stopped; only ~/reset frees it'
        return response

    def _tick(self, now=None):
        self.begin_cycle()
        now = self.now() if now is None else now
        command, status = self._gate.step(now, self._plan, self._measured)
        if command is not None and not self._gate.silent:
            self._send(command)
        self._moving = command is not None and bool(command.velocities.any())
        self._ticks += 1
        self._gate_rate.tick(time.monotonic())
        self._seen = status.figures
        if 'latency' in status.figures:
            self._latency.add(status.figures['latency'])
            if self._told.get_subscription_count():
                self._told.publish(convert.Float32(data=status.figures['latency']))
        self.report(status.code, status.text)

    def _send(self, command):
        if self._as_trajectory:
            self._arm.publish(convert.command_to_trajectory(
                command, self.robot.joint_names, self._period, self._joint_limits,
                self._stamped))
        else:
            self._arm.publish(convert.command_to_array(command))
        if self._gripper is not None:
            self._send_gripper(command)
        if self._sent.get_subscription_count():
            self._sent.publish(convert.command_to_msg(command, self.robot, self.base_frame))

    def _send_gripper(self, command):
        width, when = self._gripper_sent
        if (abs(command.gripper - width) < _GRIPPER_STEP
                and 0 <= command.stamp - when < _GRIPPER_REPEAT):
            return
        self._gripper_sent = (command.gripper, command.stamp)
        names = self.robot.gripper_joint_names
        if self._gripper_as_trajectory:
            self._gripper.publish(
                convert.gripper_to_trajectory(command.gripper, names, self._period))
        else:
            self._gripper.publish(convert.gripper_to_array(command.gripper, names))


class _ArmReader:
    """Finds arm and fingers in joint states by name; looks names up only when they change."""

    def __init__(self, robot):
        self._joints, self._fingers = robot.joint_names, robot.gripper_joint_names
        self._names, self._seen = None, Fingers()
        self._known = False     # the arm was found: what names none of it is of others

    def __call__(self, sample: convert.JointSample) -> Optional[Measured]:
        """Return what ``sample`` says of the arm, None for one that is of other joints alone."""
        if sample.names != self._names:
            self._find(sample.names)
        gripper = None
        if self._hand.size:
            gripper = float(sample.positions[self._hand].mean()) * len(self._fingers)
        gripper = self._seen.at(sample.stamp, gripper)
        if not self._arm.size:
            return None
        velocities = sample.velocities[self._arm] if sample.velocities.size else None
        return Measured(sample.stamp, sample.positions[self._arm], velocities, gripper)

    def _find(self, names):
        missing = [name for name in self._joints if name not in names]
        others = self._known and names and len(missing) == len(self._joints)
        if missing and not others:
            raise convert.ConvertError(f'joint state: no joint {", ".join(missing)}')
        if len(set(names)) != len(names):
            raise convert.ConvertError('joint state: a name comes twice')
        self._arm = np.array([names.index(name) for name in self._joints if name in names],
                             dtype=int)
        self._known = True
        self._hand = np.array([names.index(name) for name in self._fingers if name in names],
                              dtype=int)
        self._names = names


def main(args=None) -> int:
    """Run the node."""
    return runtime.main(SafetyNode, args)


if __name__ == '__main__':
    sys.exit(main())
