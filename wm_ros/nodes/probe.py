"""Asks a running planner to change its parameters, and watches what its plans do."""

import time
from typing import Any, List, Tuple

from rcl_interfaces.msg import ParameterValue
from rcl_interfaces.srv import SetParameters
from rclpy.parameter import get_parameter_value, Parameter
from wm_ros.nodes import convert
from wm_ros.nodes.client_node import ANSWER, ClientNode
from wm_ros.param_table import MPC


class PlannerProbe:
    """A parameter client and a listener to ``mpc_node/plan``, in one node of its own."""

    def __init__(self, context=None, namespace: str = ''):
        self._ros = ClientNode('planner_probe', namespace, context)
        self._lengths: List[int] = []
        self._ros.listen(convert.JointTrajectory, f'{MPC}/plan',
                         lambda msg: self._lengths.append(len(msg.points)))

    def close(self):
        """Leave the graph."""
        self._ros.close()

    def change(self, name: str, value: Any) -> Tuple[bool, str, int]:
        """Set a parameter of the planner; return success, reason, and plans seen by then."""
        message = Parameter(name).to_parameter_msg()
        message.value = value if isinstance(value, ParameterValue) else \
            Parameter(name, value=value).to_parameter_msg().value
        result = self._ros.call(SetParameters, f'{MPC}/set_parameters',
                                parameters=[message]).results[0]
        return result.successful, result.reason, len(self._lengths)

    def plans_until(self, steps: int, since: int, timeout: float = ANSWER) -> int:
        """Return how many plans after the ``since``-th it took until one had ``steps`` steps."""
        return self._ros.wait(
            lambda: next((number for number, length in enumerate(self._lengths[since:], 1)
                          if length == steps + 1), None),
            timeout, f'a plan of {steps} steps')

    def plans_within(self, seconds: float) -> int:
        """Return how many plans came within ``seconds``."""
        end, before = time.monotonic() + seconds, len(self._lengths)
        self._ros.wait(lambda: time.monotonic() >= end, seconds + 1.0, 'the end of the time')
        return len(self._lengths) - before


def not_a_number() -> ParameterValue:
    """Return a parameter value that is NaN."""
    return get_parameter_value('.nan')
