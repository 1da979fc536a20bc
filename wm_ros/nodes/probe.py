"""Asks a running planner to change its parameters, and watches what its plans do."""

import threading
import time
from typing import Any, List, Tuple

from rcl_interfaces.msg import ParameterValue
from rcl_interfaces.srv import SetParameters
import rclpy
from rclpy.parameter import get_parameter_value, Parameter
from rclpy.qos import QoSProfile
from wm_ros.nodes import convert, runtime
from wm_ros.param_table import MPC
from wm_ros.types import WmRosError

_ANSWER = 10.0          # [s]


class PlannerProbe:
    """A parameter client and a listener to ``mpc_node/plan``, in one node of its own."""

    def __init__(self, context=None, namespace: str = ''):
        self._node = rclpy.create_node('planner_probe', context=context, namespace=namespace,
                                       use_global_arguments=False,
                                       start_parameter_services=False)
        self._news = threading.Condition()
        self._lengths: List[int] = []
        self._client = self._node.create_client(SetParameters, f'{MPC}/set_parameters')
        self._node.create_subscription(convert.JointTrajectory, f'{MPC}/plan', self._on_plan,
                                       QoSProfile(depth=10))
        self._ended = threading.Event()
        self._thread = threading.Thread(target=runtime.spin, args=(self._node, self._ended),
                                        daemon=True)
        self._thread.start()

    def close(self):
        """Leave the graph."""
        self._ended.set()
        self._thread.join(5.0)
        self._node.destroy_node()

    def change(self, name: str, value: Any) -> Tuple[bool, str, int]:
        """Set a parameter of the planner; return success, reason, and plans seen by then."""
        if not self._client.wait_for_service(_ANSWER):
            raise WmRosError(f'{MPC}/set_parameters: no such service')
        message = Parameter(name).to_parameter_msg()
        message.value = value if isinstance(value, ParameterValue) else \
            Parameter(name, value=value).to_parameter_msg().value
        future = self._client.call_async(SetParameters.Request(parameters=[message]))
        answered = threading.Event()
        future.add_done_callback(lambda _: answered.set())
        if not answered.wait(_ANSWER):
            raise WmRosError(f'{MPC}/set_parameters: no answer within {_ANSWER:g} s')
        result = future.result().results[0]
        with self._news:
            return result.successful, result.reason, len(self._lengths)

    def plans_until(self, steps: int, since: int, timeout: float = _ANSWER) -> int:
        """Return how many plans after the ``since``-th it took until one had ``steps`` steps."""
        end = time.monotonic() + timeout
        with self._news:
            while True:
                for number, length in enumerate(self._lengths[since:], 1):
                    if length == steps + 1:
                        return number
                if time.monotonic() > end:
                    raise WmRosError(f'no plan of {steps} steps within {timeout:g} s; the last '
                                     f'had {self._lengths[-1:]} knots')
                self._news.wait(0.1)

    def plans_within(self, seconds: float) -> int:
        """Return how many plans came within ``seconds``."""
        end = time.monotonic() + seconds
        with self._news:
            before = len(self._lengths)
            while time.monotonic() < end:
                self._news.wait(max(0.0, end - time.monotonic()))
            return len(self._lengths) - before

    def _on_plan(self, message):
        with self._news:
            self._lengths.append(len(message.points))
            self._news.notify_all()


def not_a_number() -> ParameterValue:
    """Return a parameter value that is NaN."""
    return get_parameter_value('.nan')
