"""A node that asks services and listens, for somebody who waits on another thread."""

import threading
import time
from typing import Any, Callable, Dict

import rclpy
from wm_ros.nodes import runtime
from wm_ros.nodes.qos import EACH
from wm_ros.types import WmRosError

ANSWER = 10.0           # [s] that a service may take
_PATIENCE = 2.0         # [s] after which a question is asked again
_LOOK = 0.02            # [s] between looks at what no message tells


class ClientNode:
    """
    The node ``name``, spun by a thread of its own until ``close``.

    What ``listen`` hands messages to never runs while a condition of ``wait`` is looked at.
    ``alive`` is asked during every wait and raises to end it.  rclpy must be initialised in
    ``context`` (None: the default one).
    """

    def __init__(self, name: str, namespace: str = '', context=None,
                 alive: Callable[[], Any] = lambda: None):
        self.node = rclpy.create_node(name, context=context, namespace=namespace,
                                      use_global_arguments=False, start_parameter_services=False)
        self._alive = alive
        self._news = threading.Condition(threading.RLock())
        self._clients: Dict[str, Any] = {}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=runtime.spin, args=(self.node, self._ended),
                                        daemon=True)
        self._thread.start()

    def close(self):
        """Leave the graph."""
        self._ended.set()
        self._thread.join(5.0)
        self.node.destroy_node()

    def gather(self, kind, topic: str, raw=False) -> list:
        """
        Return the list that messages are added to, with ``raw`` as bytes; nobody waits for them.

        To wake somebody 100 times a second would cost time that the graph needs.
        """
        gathered = []
        self.node.create_subscription(kind, topic, gathered.append, EACH, raw=raw)
        return gathered

    def listen(self, kind, topic: str, callback: Callable, raw=False):
        """Return a subscription; with ``raw``, ``callback`` gets each message as bytes."""
        def receive(msg):
            with self._news:
                callback(msg)
                self._news.notify_all()
        return self.node.create_subscription(kind, topic, receive, EACH, raw=raw)

    def wait(self, condition: Callable, timeout: float, what: str):
        """Return what ``condition`` returns once it is true; WmRosError after ``timeout`` [s]."""
        end = time.monotonic() + timeout
        while True:
            with self._news:
                found = condition()
                if found:
                    return found
                self._news.wait(_LOOK)
            self._alive()
            if time.monotonic() > end:
                raise WmRosError(f'{what} did not come within {timeout:g} s')

    def client(self, kind, service: str):
        """Return the client of a service, one for all that is asked of it."""
        if service not in self._clients:
            self._clients[service] = self.node.create_client(kind, service)
        return self._clients[service]

    def ask(self, kind, service: str, **values) -> Callable:
        """
        Ask, and return a function that returns the response once there is one.

        It asks again now and then: a server that has not discovered its new client yet has
        nobody to answer.  So ask only what may be asked twice.
        """
        client = self.client(kind, service)
        self.wait(client.service_is_ready, ANSWER, f'service {service}')
        futures, due = [], 0.0

        def answer():
            nonlocal due
            if time.monotonic() >= due:
                due = time.monotonic() + _PATIENCE
                futures.append(client.call_async(kind.Request(**values)))
                futures[-1].add_done_callback(self._notify)
            return next((future.result() for future in futures if future.done()), None)
        answer()
        return answer

    def call(self, kind, service: str, **values):
        """Return the response; WmRosError when none comes or when it says no."""
        response = self.wait(self.ask(kind, service, **values), ANSWER,
                             f'the answer of {service}')
        if not getattr(response, 'success', True):
            raise WmRosError(f'{service}: {response.message}')
        return response

    def _notify(self, _future):
        with self._news:
            self._news.notify_all()
