"""
The executables of the nodes: the module's main(), and a quiet end while it is still imported.

Importing torch takes seconds.  A node listens to SIGINT and SIGTERM from its main() on; before
that nothing has begun that would need an end, and Ctrl-C should not look like six crashes.
"""

from importlib import import_module
import os
import signal


def run(module: str) -> int:
    """Return what main() of ``module`` returns; end at once if asked to before it listens."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: os._exit(0))
    return import_module(module).main()


def robot_node() -> int:
    """Run the simulated robot."""
    return run('sim.robot_node')


def sensor_node() -> int:
    """Run the sensor node."""
    return run('wm_ros.nodes.sensor_node')


def world_model_node() -> int:
    """Run the world model node."""
    return run('wm_ros.nodes.world_model_node')


def mpc_node() -> int:
    """Run the MPC node."""
    return run('wm_ros.nodes.mpc_node')


def safety_node() -> int:
    """Run the safety node."""
    return run('wm_ros.nodes.safety_node')


def lifecycle_manager() -> int:
    """Run the lifecycle manager."""
    return run('wm_ros.nodes.lifecycle_manager')


def graph_node() -> int:
    """Run the whole graph in one process."""
    return run('wm_ros.nodes.graph_node')
