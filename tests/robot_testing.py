"""What the nodes talk to in tests: an arm that obeys at once, and a source of plans."""

import threading
import time

import numpy as np
from ros_testing import BEST_EFFORT, LAST, wait_until
from wm_ros.nodes import convert
from wm_ros.types import Plan

GATE_PERIOD = 1 / 120       # [s], as shipped


class EchoArm:
    """A robot that goes where it is told at once; publishes joint states until closed."""

    def __init__(self, peer, robot):
        self.robot, self.peer = robot, peer
        self.positions = np.array(robot.home)
        self.velocities = np.zeros_like(self.positions)
        self.names = list(robot.joint_names + robot.gripper_joint_names)
        self.silent, self.finger = False, 0.02
        self.commands = []          # (monotonic time, positions, velocities)
        self._publisher = peer.publisher(convert.JointState, 'joint_states', BEST_EFFORT)
        self._subscription = peer.node.create_subscription(
            convert.JointTrajectory, 'arm_controller/joint_trajectory', self._obey, 10)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(0.01,), daemon=True)
        self._thread.start()

    def joint_state(self):
        """Return the joint state as of now."""
        fingers = len(self.robot.gripper_joint_names)
        msg = convert.JointState(
            name=list(self.names), position=[*self.positions.tolist(), *[self.finger] * fingers],
            velocity=[*self.velocities.tolist(), *[0.0] * fingers])
        msg.header.stamp = convert.stamp(time.time())
        return msg

    def wait_for_command(self, accept=lambda positions, velocities: True, timeout=10.0):
        """Return positions and velocities of the first command from now on that is accepted."""
        seen = len(self.commands)

        def look():
            return next((c[1:] for c in self.commands[seen:] if accept(*c[1:])), None)
        return wait_until(look, timeout, 'a command')

    def wait_for_silence(self, quiet=0.3, timeout=10.0):
        """Wait until no command has come for ``quiet`` [s]."""
        wait_until(lambda: self.commands and time.monotonic() - self.commands[-1][0] > quiet,
                   timeout, 'silence')

    def close(self):
        """Stop publishing."""
        self._ended.set()
        self._thread.join(5.0)

    def _obey(self, msg):
        point = msg.points[0]
        # The first point lies ahead of the command, along its velocities.
        ahead = point.time_from_start.nanosec * 1e-9 - GATE_PERIOD
        velocities = np.array(point.velocities)
        positions = np.array(point.positions) - ahead * velocities
        self.positions, self.velocities = positions, velocities
        self.commands.append((time.monotonic(), positions, velocities))

    def _run(self, period):
        deadline = time.monotonic()
        while not self._ended.is_set():
            if not self.silent:
                self._publisher.publish(self.joint_state())
            deadline += period
            self._ended.wait(max(0.0, deadline - time.monotonic()))


class PlanSource:
    """
    Stands in for the planner: sends plans that swing joint 1 about where the arm began.

    The plans are those of one motion, x(t) = amplitude * sin(rate * t), whose knots are
    computed anew for each; ``change`` may replace a message before it is sent.
    """

    def __init__(self, arm):
        self.arm, self.amplitude, self.rate = arm, 0.2, 1.0
        self.silent, self.change = False, lambda msg: msg
        self._lock = threading.Lock()
        self._home, self._began = arm.positions.copy(), None
        self._publisher = arm.peer.publisher(convert.JointTrajectory, 'mpc_node/plan', LAST)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(1.0 / 30.0,), daemon=True)
        self._thread.start()

    def begin_anew(self):
        """Swing about where the arm is now."""
        with self._lock:
            self._home, self._began = self.arm.positions.copy(), None

    def plan(self, now):
        """Return the plan that starts 30 ms after ``now`` [s]."""
        with self._lock:
            self._began = self._began or now
            home, began = self._home, self._began
        times = now + 0.03 + 0.05 * np.arange(11)
        phase = self.rate * (times - began)
        positions = np.tile(home, (11, 1))
        velocities = np.zeros_like(positions)
        positions[:, 0] += self.amplitude * np.sin(phase)
        velocities[:, 0] = self.amplitude * self.rate * np.cos(phase)
        return Plan(
            stamp=times[0], observed=now, dt=0.05, actions=np.zeros((10, 5)),
            positions=positions, velocities=velocities, gripper=np.full(11, 0.04),
            path=np.zeros((11, 3)), predicted_return=0.0, disagreement=0.0, solve_time=0.0,
            planner='test')

    def close(self):
        """Stop sending."""
        self._ended.set()
        self._thread.join(5.0)

    def _run(self, period):
        robot = self.arm.robot
        while not self._ended.wait(period):
            if not self.silent:
                msg = convert.plan_to_msg(self.plan(time.time()), robot, robot.base_frame)
                self._publisher.publish(self.change(msg))
