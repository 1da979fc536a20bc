"""
Helpers of the tests that run nodes: a DDS domain for each, and bounded waits.

``Peer`` is a node of the test's own in a fresh domain, spun by a thread; ``NodeThread`` runs
a node inside the test's process.
"""

import fcntl
import itertools
import math
import os
from pathlib import Path
import tempfile
import threading
import time

from lifecycle_msgs.msg import State, Transition
from lifecycle_msgs.srv import ChangeState, GetState
from rcl_interfaces.srv import GetParameters, SetParametersAtomically
import rclpy
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.parameter import Parameter
from rclpy.qos import QoSProfile
from std_srvs.srv import SetBool, Trigger
from wm_ros.nodes import runtime

_AFTER = {
    Transition.TRANSITION_CONFIGURE: State.PRIMARY_STATE_INACTIVE,
    Transition.TRANSITION_ACTIVATE: State.PRIMARY_STATE_ACTIVE,
    Transition.TRANSITION_DEACTIVATE: State.PRIMARY_STATE_INACTIVE,
    Transition.TRANSITION_CLEANUP: State.PRIMARY_STATE_UNCONFIGURED,
}

CONFIGURE, CLEANUP = Transition.TRANSITION_CONFIGURE, Transition.TRANSITION_CLEANUP
ACTIVATE, DEACTIVATE = Transition.TRANSITION_ACTIVATE, Transition.TRANSITION_DEACTIVATE
UNCONFIGURED, ACTIVE = State.PRIMARY_STATE_UNCONFIGURED, State.PRIMARY_STATE_ACTIVE
BEST_EFFORT = rclpy.qos.qos_profile_sensor_data
LAST = QoSProfile(depth=1)


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

    def __init__(self):
        self.domain = Domain()
        self.context = Context()
        rclpy.init(context=self.context, domain_id=self.domain.id)
        self.node = rclpy.create_node('peer', context=self.context)
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
