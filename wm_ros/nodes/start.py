"""
The executables of the nodes: a module's main(), and a quiet end while it is still imported.

Importing torch takes seconds.  A node listens to SIGINT and SIGTERM from its main() on; before
that nothing has begun that would need an end, and Ctrl-C should not look like six crashes.
"""

from functools import partial
from importlib import import_module
import os
import signal


def run(module: str) -> int:
    """Return what main() of ``module`` returns; end at once if asked to before it listens."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: os._exit(0))
    return import_module(module).main()


robot_node = partial(run, 'sim.robot_node')
sensor_node = partial(run, 'wm_ros.nodes.sensor_node')
world_model_node = partial(run, 'wm_ros.nodes.world_model_node')
mpc_node = partial(run, 'wm_ros.nodes.mpc_node')
safety_node = partial(run, 'wm_ros.nodes.safety_node')
lifecycle_manager = partial(run, 'wm_ros.nodes.lifecycle_manager')
graph_node = partial(run, 'wm_ros.nodes.graph_node')
