"""
Helpers of the tests that run nodes: a DDS domain for each, bounded waits, processes by id.

``peer`` is a node of the test's own in a fresh domain, spun by a thread; ``processes``
starts nodes as processes and ends them; ``NodeThread`` runs a node inside the test's process.
"""

import fcntl
import itertools
import math
import os
from pathlib import Path
import signal
import subprocess
import sys
import tempfile
import threading
import time

from lifecycle_msgs.msg import State, Transition
from lifecycle_msgs.srv import ChangeState, GetState
import numpy as np
import pytest
from rcl_interfaces.srv import GetParameters, SetParametersAtomically
import rclpy
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.parameter import Parameter
from rclpy.qos import QoSProfile
from std_srvs.srv import SetBool, Trigger
from wm_ros.nodes import convert, environment, runtime
from wm_ros.robot.robot import load_robot
from wm_ros.types import Plan

_AFTER = {
    Transition.TRANSITION_CONFIGURE: State.PRIMARY_STATE_INACTIVE,
    Transition.TRANSITION_ACTIVATE: State.PRIMARY_STATE_ACTIVE,
    Transition.TRANSITION_DEACTIVATE: State.PRIMARY_STATE_INACTIVE,
    Transition.TRANSITION_CLEANUP: State.PRIMARY_STATE_UNCONFIGURED,
}

CONFIGURE, CLEANUP = Transition.TRANSITION_CONFIGURE, Transition.TRANSITION_CLEANUP
ACTIVATE, DEACTIVATE = Transition.TRANSITION_ACTIVATE, Transition.TRANSITION_DEACTIVATE
UNCONFIGURED, INACTIVE = State.PRIMARY_STATE_UNCONFIGURED, State.PRIMARY_STATE_INACTIVE
ACTIVE = State.PRIMARY_STATE_ACTIVE
GATE_PERIOD = 1 / 120       # [s], as shipped


def wait_until(condition, timeout=10.0, what='the condition'):
    """Return what ``condition`` returns once it is true; fail after ``timeout`` [s]."""
    end = time.monotonic() + timeout
    while True:
        found = condition()
        if found:
            return found
        assert time.monotonic() < end, f'{what} did not come true within {timeout:g} s'
        time.sleep(0.005)


class Domain:
    """
    A DDS domain id that no other test on this machine uses at the same time.

    Each one is another: nobody is to talk to what another test may have left behind.
    """

    # Below 101 are the ids that people and other tests use; the ports of those between lie
    # in the range that Linux hands out to anybody.
    _IDS = range(215, 232)
    _numbers = itertools.count(os.getpid())

    def __init__(self):
        folder = Path(tempfile.gettempdir()) / f'wm_ros-test-domains-{os.getuid()}'
        folder.mkdir(exist_ok=True)
        end = time.monotonic() + 120.0
        while time.monotonic() < end:
            self.id = self._IDS[next(Domain._numbers) % len(self._IDS)]
            self._file = open(folder / str(self.id), 'w', encoding='utf-8')
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except OSError:
                self._file.close()
                time.sleep(0.01)
        raise RuntimeError('no free ROS domain')

    def release(self):
        """Give the id back."""
        self._file.close()


class Recorder:
    """Keeps the messages of a topic, with the monotonic time of their arrival."""

    def __init__(self, node, kind, topic, qos):
        self.messages, self.times = [], []
        self._node = node
        self._subscription = node.create_subscription(kind, topic, self._receive, qos)

    def _receive(self, msg):
        self.times.append(time.monotonic())
        self.messages.append(msg)

    def __len__(self):
        return len(self.messages)

    def connected(self, timeout=10.0):
        """Wait until there is a publisher."""
        wait_until(lambda: self._subscription.handle is not None and self._node.count_publishers(
            self._subscription.topic_name), timeout, f'{self._subscription.topic_name} published')
        return self

    def next(self, accept=lambda msg: True, timeout=10.0):  # noqa: A003
        """Return the first message from now on that ``accept`` returns true for."""
        seen = len(self.messages)

        def look():
            nonlocal seen
            while seen < len(self.messages):
                seen += 1
                if accept(self.messages[seen - 1]):
                    return self.messages[seen - 1]
            return None
        return wait_until(look, timeout, f'a message on {self._subscription.topic_name}')


class Peer:
    """A node of the test in a domain of its own, spun by a thread until closed."""

    def __init__(self, namespace=''):
        self.domain = Domain()
        self.context = Context()
        rclpy.init(context=self.context, domain_id=self.domain.id)
        self.node = rclpy.create_node('peer', context=self.context, namespace=namespace)
        self._ended = threading.Event()
        self._nodes = []
        self._thread = threading.Thread(target=self._spin, daemon=True)
        self._thread.start()

    def _spin(self):
        executor = SingleThreadedExecutor(context=self.context)
        executor.add_node(self.node)
        while not self._ended.is_set():
            executor.spin_once(timeout_sec=0.05)
        executor.shutdown()

    def run(self, node_class, parameters=None, **kwargs):
        """Return a NodeThread in this peer's context, ended with it."""
        thread = NodeThread(node_class, self.context, parameters, **kwargs)
        self._nodes.append(thread)
        return thread

    def publisher(self, kind, topic, qos=10):
        """Return a publisher."""
        return self.node.create_publisher(kind, topic, qos)

    def record(self, kind, topic, qos=100):
        """Return a Recorder."""
        return Recorder(self.node, kind, topic, qos)

    def call(self, kind, service, request=None, timeout=20.0, again=5.0):
        """Return the response of a service; it is asked once more where DDS lost the answer."""
        client = self.node.create_client(kind, service)
        try:
            wait_until(client.service_is_ready, timeout, f'service {service}')
            request = kind.Request() if request is None else request
            futures, end = [client.call_async(request)], time.monotonic() + again

            def answered():
                if len(futures) == 1 and time.monotonic() > end:
                    futures.append(client.call_async(request))
                return next((future for future in futures if future.done()), None)

            return wait_until(answered, timeout, f'the answer of {service}').result()
        finally:
            self.node.destroy_client(client)

    def trigger(self, service):
        """Return the response of a std_srvs/Trigger service."""
        return self.call(Trigger, service)

    def pause(self, name, flag):
        """Return the response of a node's ~/pause."""
        return self.call(SetBool, f'{name}/pause', SetBool.Request(data=flag))

    def state(self, name):
        """Return the lifecycle state of a node."""
        return self.call(GetState, f'{name}/get_state').current_state.id

    def change(self, name, *transitions):
        """Return whether a node made all these transitions."""
        return all(self._make(name, transition) for transition in transitions)

    def _make(self, name, transition):
        """Return whether a node made a transition, also when DDS lost the answer."""
        end = time.monotonic() + 60.0
        request = ChangeState.Request(transition=Transition(id=transition))
        while True:
            try:
                return self.call(ChangeState, f'{name}/change_state', request, 10.0,
                                 again=math.inf).success
            except AssertionError:
                # A server that has not found its new client yet answers nobody.
                if time.monotonic() > end:
                    raise
            if self.state(name) == _AFTER.get(transition):
                return True

    def set(self, name, **values):  # noqa: A003
        """Set parameters of a node at once; ``__`` stands for a dot.  Return the result."""
        parameters = [Parameter(key.replace('__', '.'), value=value).to_parameter_msg()
                      for key, value in values.items()]
        return self.call(SetParametersAtomically, f'{name}/set_parameters_atomically',
                         SetParametersAtomically.Request(parameters=parameters)).result

    def get(self, name, parameter):
        """Return the value message of a parameter of a node."""
        return self.call(GetParameters, f'{name}/get_parameters',
                         GetParameters.Request(names=[parameter])).values[0]

    def close(self):
        """End everything."""
        for thread in self._nodes:
            thread.close()
        self._ended.set()
        self._thread.join(10.0)
        self.node.destroy_node()
        rclpy.shutdown(context=self.context)
        self.domain.release()


class NodeThread:
    """
    A node in this process, on a thread of its own.

    It shares a context, and so a DDS participant, with the test: Fast DDS now and then fails
    to match the endpoints of several participants that live in one process.
    """

    def __init__(self, node_class, context, parameters=None, **kwargs):
        overrides = [Parameter(name, value=value) for name, value in (parameters or {}).items()]
        self.node = node_class(context=context, parameter_overrides=overrides,
                               use_global_arguments=False, **kwargs)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=runtime.spin, args=(self.node, self._ended),
                                        daemon=True)
        self._thread.start()

    def close(self):
        """Stop spinning and destroy the node; harmless when repeated."""
        if self._ended.is_set():
            return
        self._ended.set()
        self._thread.join(10.0)
        self.node.destroy_node()


class NodeProcess:
    """A process that runs a module's main(); its output goes to a file."""

    def __init__(self, module, domain, arguments=(), **variables):
        self.log = tempfile.NamedTemporaryFile('w+', suffix='.log')
        self.process = subprocess.Popen(
            [sys.executable, '-c', f'import sys; from {module} import main; sys.exit(main())',
             *arguments],
            stdout=self.log, stderr=subprocess.STDOUT,
            env=environment.child_environment(ROS_DOMAIN_ID=str(domain), **variables))

    @property
    def pid(self):
        """Process id."""
        return self.process.pid

    def output(self):
        """Return what it has printed."""
        return Path(self.log.name).read_text(encoding='utf-8')

    def signal(self, number):
        """Send a signal."""
        self.process.send_signal(number)

    def wait(self, timeout=20.0):
        """Return the exit code."""
        return self.process.wait(timeout)

    def stop(self, timeout=20.0):
        """Interrupt and return the exit code; kill if it does not end in time."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.send_signal(signal.SIGINT)
        try:
            return self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait(timeout)

    def cpu_seconds(self):
        """Return the processor time used so far [s]."""
        fields = Path(f'/proc/{self.pid}/stat').read_text().rpartition(')')[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')


class EchoArm:
    """A robot that goes where it is told at once; publishes joint states until closed."""

    def __init__(self, peer, robot, rate=100.0):
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
        self._thread = threading.Thread(target=self._run, args=(1.0 / rate,), daemon=True)
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

    def __init__(self, arm, amplitude=0.2, rate=1.0, frequency=30.0):
        self.arm, self.amplitude, self.rate = arm, amplitude, rate
        self.silent, self.change = False, lambda msg: msg
        self.home = arm.positions.copy()
        self.began = None
        self._publisher = arm.peer.publisher(convert.JointTrajectory, 'mpc_node/plan', LAST)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(1.0 / frequency,), daemon=True)
        self._thread.start()

    def plan(self, now):
        """Return the plan that starts 30 ms after ``now`` [s]."""
        self.began = self.began or now
        times = now + 0.03 + 0.05 * np.arange(11)
        phase = self.rate * (times - self.began)
        positions = np.tile(self.home, (11, 1))
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


@pytest.fixture
def peer():
    """Yield a Peer."""
    made = Peer()
    yield made
    made.close()


@pytest.fixture
def arm(peer):
    """Yield an EchoArm of the shipped robot."""
    made = EchoArm(peer, load_robot('panda'))
    yield made
    made.close()


@pytest.fixture
def plans(arm):
    """Yield a PlanSource for the arm."""
    made = PlanSource(arm)
    yield made
    made.close()


@pytest.fixture
def processes(peer):
    """Yield a function (module, *arguments) -> NodeProcess in the peer's domain."""
    started = []

    def start(module, *arguments, **variables):
        process = NodeProcess(module, peer.domain.id, arguments, **variables)
        started.append(process)
        return process
    yield start
    for process in started:
        process.stop()


BEST_EFFORT = rclpy.qos.qos_profile_sensor_data
LAST = QoSProfile(depth=1)
