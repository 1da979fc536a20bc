"""A lifecycle node whose publishers, subscriptions and timers live from configure to cleanup."""

import traceback
from typing import Any, Callable, List

from rclpy.clock import Clock, ClockType
from rclpy.impl.implementation_singleton import rclpy_implementation
from rclpy.lifecycle import LifecycleNode
from rclpy.qos import QoSProfile
from wm_ros.nodes.qos import SENSOR
from wm_ros.types import WmRosError


class ScopedNode(LifecycleNode):
    """
    What is added is destroyed by ``end_all``, the last first.

    No exception leaves a callback, as rclpy would end the node by it: one that is the
    message's fault goes to ``refuse``, any other to ``fail``.
    """

    def __init__(self, name: str, **kwargs):
        super().__init__(name, **kwargs)
        self._undo: List[Callable[[], Any]] = []
        self._steady = Clock(clock_type=ClockType.STEADY_TIME)

    def refuse(self, what: str, error: Exception):
        """Take note of data that was refused."""
        raise NotImplementedError

    def fail(self, error: Exception):
        """Log an error that is nobody's fault but ours, with its traceback, and go on."""
        lines = traceback.format_exception(type(error), error, error.__traceback__)
        self.get_logger().error(''.join(lines), throttle_duration_sec=1.0)

    def add_publisher(self, kind, topic: str, qos: QoSProfile):
        """Return a publisher that lives until cleanup."""
        publisher = self.create_publisher(kind, topic, qos)
        self._undo.append(lambda: self.destroy_publisher(publisher))
        return publisher

    def add_subscription(self, kind, topic: str, callback, qos: QoSProfile = SENSOR):
        """Subscribe until cleanup; a message that is refused is reported, not raised."""
        def receive(msg):
            try:
                callback(msg)
            except WmRosError as error:
                self.refuse(topic, error)
            except Exception as error:  # noqa: B902
                self.fail(error)
        subscription = self.create_subscription(kind, topic, receive, qos)
        self._undo.append(lambda: self.destroy_subscription(subscription))
        return subscription

    def add_service(self, kind, name: str, callback):
        """Serve until cleanup."""
        service = self.create_service(kind, name, callback)
        self._undo.append(lambda: self.destroy_service(service))

    def add_timer(self, period: float, callback, steady: bool = False):
        """
        Call ``callback`` each ``period`` [s] of the node's clock until cleanup.

        Returns what may be given to ``end`` to end it before that.
        """
        def run():
            # rclpy looks at what a callback takes, and would hand it a TimerInfo.
            try:
                callback()
            except rclpy_implementation.InvalidHandle:
                pass    # cleanup came in between, from another thread
            except Exception as error:  # noqa: B902
                self.fail(error)
        timer = self.create_timer(period, run, clock=self._steady if steady else None)
        self._undo.append(lambda: self.destroy_timer(timer))
        return self._undo[-1]

    def add_end(self, callback: Callable[[], Any]):
        """Call ``callback`` in cleanup."""
        self._undo.append(callback)

    def end(self, undo: Callable[[], Any]):
        """End now what would end in cleanup."""
        self._undo.remove(undo)
        undo()

    def end_all(self):
        """End everything that was added."""
        while self._undo:
            self._undo.pop()()
