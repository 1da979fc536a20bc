"""
The whole graph in one process: the same nodes, topics and services, a thread for each node.

Takes less memory than a process for each; but Python runs one thread at a time, so the
gate's periods and the latency suffer.  Takes the arguments of ``wm_ros up``.
"""

import argparse
from importlib import import_module
import sys
import threading

import rclpy
from rclpy.parameter import Parameter
from rclpy.signals import SignalHandlerOptions
from wm_ros.graph import graph, NodeEntry
from wm_ros.nodes import runtime
from wm_ros.nodes.arguments import add_graph_arguments, graph_options
from wm_ros.nodes.lifecycle_manager import LifecycleManager, run
from wm_ros.nodes.processes import child, environment
from wm_ros.nodes.processes.lock import GraphLock
from wm_ros.param_table import MANAGER
from wm_ros.types import WmRosError

_NAME = 'graph_node'


def make_node(entry: NodeEntry, namespace: str = '', **kwargs):
    """Return the node of ``entry``, in this process."""
    cls = getattr(import_module(entry.module), entry.program.cls)
    remaps = [word for source, target in entry.remaps for word in ('-r', f'{source}:={target}')]
    return cls(
        namespace=namespace,
        cli_args=['--ros-args', *remaps] if remaps else None,
        parameter_overrides=[Parameter(name, value=value)
                             for name, value in entry.parameters.items()], **kwargs)


class Threads:
    """Spins each of some nodes on a thread of its own, until closed."""

    def __init__(self):
        self._ended = threading.Event()
        self._threads, self._nodes = [], []

    def add(self, node):
        """Spin ``node`` from now on; it is destroyed in ``close``."""
        thread = threading.Thread(target=runtime.spin, args=(node, self._ended),
                                  name=node.get_name(), daemon=True)
        self._nodes.append(node)
        self._threads.append(thread)
        thread.start()

    def close(self):
        """Stop spinning; destroy the nodes, the last first."""
        self._ended.set()
        for thread in self._threads:
            thread.join()
        while self._nodes:
            self._nodes.pop().destroy_node()


def _run(arguments, stop) -> int:
    entries = graph(arguments.kind, graph_options(arguments))
    # What launch set around this process (SetRemap, PushRosNamespace) is for all its nodes.
    lock = GraphLock(runtime.namespace_of_process(arguments.namespace))
    lock.require()
    runtime.refuse_second_graph([entry.name for entry in entries], arguments.namespace)
    threads = Threads()
    try:
        for entry in entries:
            if entry.executable != MANAGER:
                threads.add(make_node(entry, arguments.namespace))
        manager = next(entry for entry in entries if entry.executable == MANAGER)
        node: LifecycleManager = make_node(manager, arguments.namespace, stopping=stop.is_set)
        try:
            return run(node, stop)
        finally:
            node.destroy_node()
    finally:
        threads.close()
        lock.release()


def main(args=None) -> int:
    """Run the graph; return the exit code of the process."""
    child.die_if_told()
    environment.prepare()
    stop = runtime.StopSignal()
    line = list(sys.argv if args is None else args)
    parser = argparse.ArgumentParser(prog=_NAME, description=__doc__)
    add_graph_arguments(parser)
    # What is ROS's own, such as --ros-args --log-level, is not for this parser.
    arguments = parser.parse_args(rclpy.utilities.remove_ros_args(line)[1:])
    if arguments.log_level:
        line += ['--ros-args', '--log-level', arguments.log_level]
    rclpy.init(args=line, signal_handler_options=SignalHandlerOptions.NO)
    try:
        return _run(arguments, stop)
    except WmRosError as error:
        print(f'{_NAME}: {error}', file=sys.stderr)
        return runtime.USER_ERROR
    finally:
        runtime.end(stop)


if __name__ == '__main__':
    sys.exit(main())
