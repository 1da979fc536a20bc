"""
The lifecycle manager: brings the managed nodes up in order, and down again.

The last of ``node_names`` is the gate, which is the only one that moves the arm: it becomes
active when all that it listens to is, and is deactivated last, when the plans have ceased
and it has brought the arm to rest.
"""

import sys
import threading
import time
from typing import Callable, List, Mapping, Sequence

from lifecycle_msgs.msg import State
import rclpy
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions
from std_srvs.srv import Trigger
from wm_ros.nodes import runtime
from wm_ros.nodes.parameters import Parameters
from wm_ros.nodes.processes import child, environment
from wm_ros.nodes.processes.lock import GraphLock
from wm_ros.nodes.transitions import TransitionFailed, Transitions
from wm_ros.param_table import MANAGER
from wm_ros.types import ParameterError, WmRosError

#: For all nodes together, when the process is asked to end: others wait no longer.
SHUTDOWN_TIMEOUT = 4.0      # [s]


class LifecycleManager(Node):
    """
    Node with the services ``~/startup`` and ``~/shutdown`` (std_srvs/Trigger).

    ``startup`` configures all nodes, then activates all; when one fails, those before it
    are brought back and the answer says which and why.  ``shutdown`` deactivates and cleans
    up, after which ``startup`` may be called again.
    """

    executable = MANAGER

    def __init__(self, stopping: Callable[[], bool] = lambda: False, **kwargs):
        super().__init__(self.executable, **kwargs)
        self.parameters = Parameters(self, _check, lambda: True)
        self.names: List[str] = self.parameters.values['node_names']
        self.timeout: float = self.parameters.values['transition_timeout']
        self._transitions = Transitions(self.context, self.get_namespace(), stopping)
        self._lock = threading.Lock()
        self.create_service(Trigger, '~/startup', self._on_startup)
        self.create_service(Trigger, '~/shutdown', self._on_shutdown)

    def startup(self):
        """Configure, then activate all nodes.  Raises TransitionFailed, with all brought back."""
        with self._lock:
            try:
                for goal in (State.PRIMARY_STATE_INACTIVE, State.PRIMARY_STATE_ACTIVE):
                    for name in self.names:
                        self._transitions.bring_up(name, goal, self.timeout)
            except TransitionFailed:
                self._bring_down(lambda: self.timeout)
                raise
        self.get_logger().info(f'all active: {", ".join(self.names)}')

    def shutdown(self):
        """Deactivate all nodes, the gate last, and clean them up.  Raises TransitionFailed."""
        with self._lock:
            failures = self._bring_down(lambda: self.timeout)
        if failures:
            raise TransitionFailed('; '.join(failures))

    def end(self):
        """Shut all nodes down for good, in the time that an ending process has."""
        with self._lock:
            # Waiting ends early when the process is to stop; this is what it stops for.
            self._transitions.cancelled = lambda: False
            deadline = time.monotonic() + SHUTDOWN_TIMEOUT
            self._bring_down(lambda: deadline - time.monotonic(), finalise=True)

    def _bring_down(self, timeout: Callable[[], float], finalise=False) -> List[str]:
        goals = [State.PRIMARY_STATE_INACTIVE, State.PRIMARY_STATE_UNCONFIGURED]
        goals += [State.PRIMARY_STATE_FINALIZED] * finalise
        failures = []
        for goal in goals:
            for name in stop_order(self.names):
                # A node that is gone, or never came, needs nothing.
                if self._transitions.is_there(name):
                    try:
                        self._transitions.bring_down(name, goal, timeout())
                    except TransitionFailed as error:
                        failures.append(str(error))
        return failures

    def _on_startup(self, request, response):
        return self._answer(response, self.startup, 'all nodes are active')

    def _on_shutdown(self, request, response):
        return self._answer(response, self.shutdown, 'all nodes are unconfigured')

    def _answer(self, response, action, done):
        try:
            action()
            response.success, response.message = True, done
        except WmRosError as error:
            self.get_logger().error(str(error))
            response.success, response.message = False, str(error)
        return response

    def destroy_node(self):
        """Destroy the hidden node as well."""
        self._transitions.close()
        super().destroy_node()


def stop_order(names: Sequence[str]) -> List[str]:
    """Return ``names`` in the order of stopping: from the last to the first, then the gate."""
    return list(reversed(names[:-1])) + list(names[-1:])


def _check(values: Mapping):
    names = values['node_names']
    if not names or len(set(names)) < len(names):
        raise ParameterError(f'parameter node_names: got {names!r}, expected at least one name, '
                             'none of them twice')


def run(node: LifecycleManager, stop) -> int:
    """Serve until ``stop`` is set, then shut all down; 2 if an autostart failed, else 0."""
    served = threading.Event()
    server = threading.Thread(target=runtime.spin, args=(node, served), daemon=True)
    server.start()
    try:
        if node.parameters.values['autostart']:
            node.startup()
            child.report('active')
        stop.wait()
    except TransitionFailed as error:
        if stop.is_set():
            return 0
        child.report('failed', str(error))
        raise
    finally:
        served.set()
        server.join()
        node.end()
    return 0


def main(args=None) -> int:
    """Run the lifecycle manager; return the exit code of the process."""
    child.die_if_told()
    environment.prepare()
    stop = runtime.StopSignal()
    rclpy.init(args=sys.argv if args is None else args,
               signal_handler_options=SignalHandlerOptions.NO)
    try:
        runtime.refuse_second_graph([MANAGER])
        node = LifecycleManager(stopping=stop.is_set)
        lock = GraphLock(node.get_namespace())
        try:
            lock.require()
            return run(node, stop)
        finally:
            node.destroy_node()
            lock.release()
    except WmRosError as error:
        print(f'{MANAGER}: {error}', file=sys.stderr)
        return runtime.USER_ERROR
    finally:
        runtime.end(stop)


if __name__ == '__main__':
    sys.exit(main())
