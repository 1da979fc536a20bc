"""Start, spin and end of node processes."""

import gc
import os
import signal
import sys
import threading
import time
import traceback
from typing import Callable, Iterable, Optional, Sequence

import rclpy
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions
from wm_ros.nodes.processes import child, environment
from wm_ros.nodes.processes.lock import GraphLock
from wm_ros.types import WmRosError

#: Exit code for what the user can mend.
USER_ERROR = 2
_DISCOVERY = 0.5        # [s] in which most of what runs already is seen
_WAKE = 0.1             # [s] after which a spinning thread looks whether it should stop
_HIDDEN = f'_wm_ros_probe_{os.getpid()}'
_claimed = []           # locks, which the end of the process frees


class GraphRunsAlready(WmRosError):
    """Another graph of the same names runs in this domain."""


class StopSignal:
    """
    SIGINT and SIGTERM as an event; further ones change nothing.

    rclpy's own handlers end the context under the nodes' feet, before an arm is at rest.
    """

    def __init__(self):
        self._event = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._note)

    def _note(self, number, frame):
        self._event.set()

    def is_set(self) -> bool:
        """Return whether the end was asked for."""
        return self._event.is_set()

    def close(self):
        """
        Be deaf from now on.

        While it ends, Python puts the default handlers back, and the second signal that
        Ctrl-C and ros2 launch send together would then look like a crash.
        """
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)

    def wait(self):
        """Wait for the end."""
        # A wait without a limit would keep Python from running the signal handler.
        while not self._event.wait(_WAKE):
            pass


def main(node_class: Callable[[], Node], args: Optional[Sequence[str]] = None) -> int:
    """
    Run one node until SIGINT or SIGTERM; return the exit code of the process.

    That is 0, or 2 with one line on stderr for what the user can mend: a parameter, or a
    graph that runs already.
    """
    child.die_if_told()
    environment.prepare()
    stop = StopSignal()
    rclpy.init(args=sys.argv if args is None else args,
               signal_handler_options=SignalHandlerOptions.NO)
    try:
        refuse_second_graph([node_class.executable], claim=True)
        node = node_class()
        try:
            spin(node, stop)
        finally:
            node.destroy_node()
    except WmRosError as error:
        print(f'{node_class.executable}: {error}', file=sys.stderr)
        return USER_ERROR
    finally:
        end(stop)
    return 0


def end(stop: StopSignal) -> None:
    """End rclpy and listening to signals; the process has nothing more to do but to exit."""
    rclpy.try_shutdown()
    stop.close()
    # Python would look for garbage in all of torch before it exits.  On a busy machine that
    # takes longer than the 5 s that ros2 launch has patience for.
    gc.freeze()


def make_executor(context=None):
    """
    Return the executor that suits a thread of its own: events where rclpy has them.

    rclpy's EventsExecutor takes half the time of the SingleThreadedExecutor, which builds
    its wait set anew for each message; the MultiThreadedExecutor falls behind at 100 Hz.
    """
    try:
        from rclpy.experimental import EventsExecutor
    except ImportError:
        return SingleThreadedExecutor(context=context)
    return EventsExecutor(context=context)


def spin(node: Node, stop) -> None:
    """Run the callbacks of ``node`` on this thread until ``stop`` is set."""
    executor = make_executor(node.context)
    executor.add_node(node)
    try:
        while not stop.is_set() and node.context.ok():
            try:
                # EventsExecutor.spin() does not return; rounds of spin_once do.
                executor.spin_once(timeout_sec=_WAKE)
            except ExternalShutdownException:
                break
            except Exception:  # noqa: B902
                # A request that rclpy itself stumbles over must not end a safety node.
                node.get_logger().error(traceback.format_exc())
    finally:
        executor.remove_node(node)
        executor.shutdown()


def refuse_second_graph(names: Iterable[str], namespace: Optional[str] = None,
                        wait: float = _DISCOVERY, claim: bool = False) -> None:
    """
    Raise GraphRunsAlready if nodes called ``names`` run in this domain already.

    To be called after rclpy.init and before nodes of these names are made.  ``namespace``
    None: the one that the process was given.  With ``claim`` the names are this process's
    until it ends, which other processes on this machine see at once.  The ROS graph, which
    knows of other machines as well, is looked at for ``wait`` [s]: most of what runs is
    discovered by then; ``refuse_double`` sees the rest when the node is configured.
    """
    probe = _probe(namespace)
    try:
        prefix = probe.get_namespace().rstrip('/')
        # `-r __node:=name`, which ros2 launch gives to a node with a name, renames it as well.
        own = [] if probe.get_name() == _HIDDEN else [probe.get_name()]
        wanted = sorted({f'{prefix}/{name}' for name in own or names})
        if claim:
            _claim(wanted)
        end = time.monotonic() + wait
        while True:
            seen = _full_names(probe)
            found = [name for name in wanted if seen.count(name) > len(own)]
            if found:
                raise GraphRunsAlready(_runs_already(found[0]))
            if time.monotonic() >= end:
                return
            time.sleep(0.02)
    finally:
        probe.destroy_node()


def namespace_of_process(namespace: str = '') -> str:
    """Return the namespace that nodes get which ask for ``namespace``; arguments may say else."""
    probe = _probe(namespace)
    try:
        return probe.get_namespace()
    finally:
        probe.destroy_node()


def _probe(namespace):
    return rclpy.create_node(_HIDDEN, namespace=namespace, start_parameter_services=False,
                             enable_rosout=False)


def _claim(names):
    """Lock these full names for as long as this process lives."""
    for name in names:
        lock = GraphLock(name)
        if not lock.acquire():
            raise GraphRunsAlready(_runs_already(name))
        _claimed.append(lock)


def refuse_double(node: Node) -> None:
    """Raise GraphRunsAlready if another node of the same full name can be seen now."""
    name = node.get_fully_qualified_name()
    if _full_names(node).count(name) > 1:
        raise GraphRunsAlready(_runs_already(name))


def _full_names(node):
    """Return the full names of all nodes that are seen; Humble's rclpy has no such method."""
    return [f'{namespace.rstrip("/")}/{name}'
            for name, namespace in node.get_node_names_and_namespaces()]


def _runs_already(name):
    domain = os.environ.get('ROS_DOMAIN_ID', '0')
    return (f'{name} runs already in ROS domain {domain}: stop that graph, or start this one '
            'with another namespace or ROS_DOMAIN_ID')
