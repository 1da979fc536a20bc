"""Asks a running planner to change its parameters; watches what its plans and the arm do."""

import time
from typing import Any, Callable, List, Sequence, Tuple

import numpy as np
from rcl_interfaces.msg import ParameterValue
from rcl_interfaces.srv import SetParameters
from rclpy.parameter import get_parameter_value, Parameter
from rclpy.serialization import deserialize_message
from wm_ros.nodes import convert
from wm_ros.nodes.clients.client_node import ANSWER, ClientNode
from wm_ros.param_table import MPC, SAFETY

_JUMP = 0.1     # [rad] from one joint state to the next: a scene was drawn anew, nothing moved


class PlannerProbe:
    """
    A parameter client, and a listener to plans, commands and joint states, in one node.

    ``alive`` is asked during every wait and raises to end it.
    """

    def __init__(self, context=None, namespace: str = '',
                 alive: Callable[[], Any] = lambda: None):
        self._ros = ClientNode('planner_probe', namespace, context, alive)
        self._lengths: List[int] = []
        self._times: List[float] = []       # [s] at which plans came
        self._stamps: List[float] = []      # [s] from when on they act
        self._ros.listen(convert.JointTrajectory, f'{MPC}/plan', self._on_plan)
        self._goal = self._ros.node.create_publisher(convert.PoseStamped, f'{MPC}/goal', 1)
        # Read when they are asked for; until then the graph needs the time.
        self._states = self._ros.gather(convert.JointState, 'joint_states', raw=True)
        self._sent = self._ros.gather(convert.JointState, f'{SAFETY}/command', raw=True)

    def _on_plan(self, msg):
        self._lengths.append(len(msg.points))
        self._times.append(time.monotonic())
        self._stamps.append(convert.seconds(msg.header.stamp))

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

    def send(self, position: Sequence[float], frame: str):
        """Give the planner a goal, at ``position`` [3] m in ``frame``."""
        self._ros.wait(self._goal.get_subscription_count, ANSWER, f'a subscriber of {MPC}/goal')
        self._goal.publish(convert.goal_to_msg(position, frame))

    def plan_times(self, since: int = 0) -> np.ndarray:
        """Return when [s, steady clock] the plans after the ``since``-th came."""
        return np.array(self._times[since:])

    def plan_stamps(self, since: int = 0) -> np.ndarray:
        """Return when [s] the plans after the ``since``-th begin to act: apart as beliefs are."""
        return np.array(self._stamps[since:])

    def heard(self) -> int:
        """Return how many joint states came so far; what they say is best asked in the end."""
        return len(self._states)

    def motion(self) -> Tuple[np.ndarray, np.ndarray]:
        """Return stamps [T] s and velocities [T, N] rad/s of all joint states so far."""
        return _velocities(self._states)

    def commanded(self) -> Tuple[np.ndarray, np.ndarray]:
        """Return the same of all commands, arm joints first."""
        return _velocities(self._sent)

    def plans_until(self, steps: int, since: int, timeout: float = ANSWER) -> int:
        """Return how many plans after the ``since``-th it took until one had ``steps`` steps."""
        return self._ros.wait(
            lambda: next((number for number, length in enumerate(self._lengths[since:], 1)
                          if length == steps + 1), None),
            timeout, f'a plan of {steps} steps')

    def watch(self, seconds: float) -> Tuple[int, float]:
        """
        Return how many plans came within ``seconds``, and the way [rad] of the arm in them.

        Plans alone do not say that the arm moves: the gate may hold all the while.
        """
        end, before, first = time.monotonic() + seconds, len(self._lengths), len(self._states)
        self._ros.wait(lambda: time.monotonic() >= end, seconds + 1.0, 'the end of the time')
        plans = len(self._lengths) - before
        states = [deserialize_message(data, convert.JointState)
                  for data in self._states[first:]]
        return plans, way([state.position for state in states])


def _velocities(gathered):
    states = [deserialize_message(data, convert.JointState) for data in [*gathered]]
    return (np.array([convert.seconds(state.header.stamp) for state in states]),
            np.array([state.velocity for state in states], dtype=float))


def way(positions: Sequence[Sequence[float]]) -> float:
    """Return the way [rad] of the joint that went farthest through ``positions`` [T][N]."""
    if len(positions) < 2:
        return 0.0
    steps = np.abs(np.diff(np.array(positions, dtype=float), axis=0))
    return float(steps[steps.max(1) < _JUMP].sum(0).max(initial=0.0))


def not_a_number() -> ParameterValue:
    """Return a parameter value that is NaN."""
    return get_parameter_value('.nan')
