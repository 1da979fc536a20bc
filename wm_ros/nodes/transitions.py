"""Lifecycle transitions of other nodes, each with a bounded wait."""

import itertools
import time
from typing import Callable, Dict, Tuple

from lifecycle_msgs.msg import State, Transition
from lifecycle_msgs.srv import ChangeState, GetState
from rcl_interfaces.msg import Log
import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from wm_ros.types import WmRosError

_SLICE = 0.1            # [s] between looks at whether to give up
# A service that was discovered on one side only loses the first answer.
_PATIENCE = 1.0         # [s] after which a question is asked again
_ABSENCE = 0.5          # [s] after which a node that is not to be seen is gone
_REASON_WAIT = 0.5      # [s] in which the log line that says why arrives

#: goal -> {state: transition towards it, None where it is reached}; others lead nowhere.
_UP = {
    State.PRIMARY_STATE_INACTIVE: {
        State.PRIMARY_STATE_UNCONFIGURED: Transition.TRANSITION_CONFIGURE,
        State.PRIMARY_STATE_INACTIVE: None, State.PRIMARY_STATE_ACTIVE: None},
    State.PRIMARY_STATE_ACTIVE: {
        State.PRIMARY_STATE_INACTIVE: Transition.TRANSITION_ACTIVATE,
        State.PRIMARY_STATE_ACTIVE: None},
}
#: The same downwards; a state that is missing is low enough.
_DOWN = {
    State.PRIMARY_STATE_INACTIVE: {
        State.PRIMARY_STATE_ACTIVE: Transition.TRANSITION_DEACTIVATE},
    State.PRIMARY_STATE_UNCONFIGURED: {
        State.PRIMARY_STATE_INACTIVE: Transition.TRANSITION_CLEANUP},
    State.PRIMARY_STATE_FINALIZED: {
        State.PRIMARY_STATE_UNCONFIGURED: Transition.TRANSITION_UNCONFIGURED_SHUTDOWN,
        State.PRIMARY_STATE_INACTIVE: Transition.TRANSITION_INACTIVE_SHUTDOWN,
        State.PRIMARY_STATE_ACTIVE: Transition.TRANSITION_ACTIVE_SHUTDOWN},
}
_PRIMARY = (State.PRIMARY_STATE_UNCONFIGURED, State.PRIMARY_STATE_INACTIVE,
            State.PRIMARY_STATE_ACTIVE, State.PRIMARY_STATE_FINALIZED)
_VERBS = {
    Transition.TRANSITION_CONFIGURE: 'configure', Transition.TRANSITION_ACTIVATE: 'activate',
    Transition.TRANSITION_DEACTIVATE: 'deactivate', Transition.TRANSITION_CLEANUP: 'clean up',
    Transition.TRANSITION_UNCONFIGURED_SHUTDOWN: 'shut down',
    Transition.TRANSITION_INACTIVE_SHUTDOWN: 'shut down',
    Transition.TRANSITION_ACTIVE_SHUTDOWN: 'shut down',
}
# Older distributions generate the constant as a byte.
_ERROR = Log.ERROR[0] if isinstance(Log.ERROR, bytes) else Log.ERROR
_numbers = itertools.count()


class TransitionFailed(WmRosError):
    """A node did not get to the state it was asked to be in."""


class NodeGone(TransitionFailed):
    """A node does not answer, since it is not there (any more)."""


class Transitions:
    """
    Brings managed nodes to a state, one call at a time, from any one thread.

    It has a hidden node of its own, so that calls may be made while another node's service
    is being answered.  ``cancelled`` ends all waiting early and may be exchanged.
    """

    def __init__(self, context, namespace: str, cancelled: Callable[[], bool]):
        self._namespace, self.cancelled = namespace.rstrip('/'), cancelled
        self._node = rclpy.create_node(
            f'_wm_ros_transitions_{next(_numbers)}', context=context,
            namespace=namespace, use_global_arguments=False, enable_rosout=False,
            start_parameter_services=False)
        self._executor = SingleThreadedExecutor(context=context)
        self._executor.add_node(self._node)
        self._errors: Dict[str, Tuple[float, str]] = {}    # logger: (time, text)
        self._node.create_subscription(Log, '/rosout', self._on_log, QoSProfile(
            depth=100, reliability=ReliabilityPolicy.RELIABLE,
            durability=DurabilityPolicy.TRANSIENT_LOCAL))
        self._clients = {}

    def bring_up(self, name: str, goal: int, timeout: float):
        """
        Bring the node ``name`` up to the state ``goal`` (of lifecycle_msgs/State) in one step.

        Nothing happens when it is there or above.  Raises TransitionFailed with the node's
        own reason, NodeGone when it does not answer within ``timeout`` [s].
        """
        end = time.monotonic() + timeout
        state = self._state(name, end)
        if state.id not in _UP[goal]:
            raise TransitionFailed(f'{name}: is {state.label}, from where there is no way on')
        self._change(name, state.id, _UP[goal][state.id], end)

    def bring_down(self, name: str, goal: int, timeout: float):
        """Bring the node ``name`` down to ``goal``, likewise."""
        end = time.monotonic() + timeout
        state = self._state(name, end)
        self._change(name, state.id, _DOWN[goal].get(state.id), end)

    def _change(self, name, before, transition, end):
        if transition is None:
            return
        request = ChangeState.Request()
        request.transition.id = transition
        asked = time.time()
        answer, state = None, before
        while answer is None and state == before:
            future = self._ask(name, ChangeState, request, end)
            answer = self._answer(name, ChangeState, future, end)
            state = before if answer else self._settled(name, future, end)
            answer = future.result() if future.done() else None
        if answer is not None and not answer.success:
            reason = self._reason(name, asked) or 'it gave no reason; see its log'
            verb = _VERBS[transition]
            raise TransitionFailed(
                f'{name}: could not {verb}: {reason.removeprefix(f"{verb}: ")}')

    def _settled(self, name, future, end):
        """Return the state once no transition is under way; most nodes answer only then."""
        while True:
            state = self._state(name, end).id
            self._executor.spin_once(timeout_sec=0.0)
            if future.done() or state in _PRIMARY:
                return state
            self._executor.spin_once(timeout_sec=_SLICE)

    def _state(self, name, end):
        answer = None
        while answer is None:
            answer = self._answer(name, GetState,
                                  self._ask(name, GetState, GetState.Request(), end), end)
        return answer.current_state

    def is_there(self, name: str) -> bool:
        """Return whether the node ``name`` offers its services now."""
        return self._client(name, GetState).service_is_ready()

    def close(self):
        """Destroy the hidden node."""
        self._executor.shutdown()
        self._node.destroy_node()

    def _client(self, name, kind):
        if (name, kind) not in self._clients:
            service = {GetState: 'get_state', ChangeState: 'change_state'}[kind]
            self._clients[name, kind] = self._node.create_client(
                kind, f'{self._full(name)}/{service}')
        return self._clients[name, kind]

    def _full(self, name):
        return name if name.startswith('/') else f'{self._namespace}/{name}'

    def _ask(self, name, kind, request, end):
        """Send a request when the service is there; return its future."""
        client = self._client(name, kind)
        while not client.service_is_ready():
            self._go_on(name, 'did not appear', end)
            self._executor.spin_once(timeout_sec=_SLICE)
        return client.call_async(request)

    def _answer(self, name, kind, future, end):
        """Return the answer, or None when there is none yet after a while."""
        client = self._client(name, kind)
        give_up = time.monotonic() + _PATIENCE
        missing = 0
        while not future.done() and time.monotonic() < give_up:
            # While nodes come and go, a service can seem to be missing for a moment.
            missing = 0 if client.service_is_ready() else missing + 1
            if missing * _SLICE > _ABSENCE:
                raise NodeGone(f'{name}: died while it was asked to change its state')
            self._go_on(name, 'did not answer', end)
            self._executor.spin_until_future_complete(future, timeout_sec=_SLICE)
        return future.result() if future.done() else None

    def _go_on(self, name, what, end):
        if self.cancelled():
            raise NodeGone(f'{name}: {what} before all was stopped')
        if time.monotonic() >= end:
            raise NodeGone(f'{name}: {what} in time (transition_timeout)')

    def _on_log(self, log):
        if log.level >= _ERROR:
            self._errors[log.name] = (log.stamp.sec + log.stamp.nanosec * 1e-9,
                                      log.msg.strip().split('\n')[-1])

    def _reason(self, name, since) -> str:
        """Return the last error that the node logged; the service's answer may overtake it."""
        logger = self._full(name).strip('/').replace('/', '.')
        end = time.monotonic() + _REASON_WAIT
        while (time.monotonic() < end
               and self._errors.get(logger, (0.0, ''))[0] < since):
            self._executor.spin_once(timeout_sec=_SLICE)
        return self._errors.get(logger, (0.0, ''))[1]
