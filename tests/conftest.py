"""What every test runs under: an environment that rclpy can be imported in, and a DDS domain."""

import os

from wm_ros.nodes import environment

# As the graph sets it: two threads of torch wait for each other on a busy machine.
os.environ.setdefault('OMP_NUM_THREADS', '1')
# Every field of every message is checked, which newer ROS distributions do only when asked.
os.environ.setdefault('ROS_PYTHON_CHECK_FIELDS', '1')
# Nodes of tests talk to nobody else: not to the network, not to another run on this machine.
os.environ.setdefault('ROS_AUTOMATIC_DISCOVERY_RANGE', 'LOCALHOST')
os.environ.setdefault('ROS_DOMAIN_ID', str(1 + os.getpid() % 100))

try:
    environment.prepare()
except environment.RosNotInstalled:
    # The library's own tests do not need ROS; those of the nodes fail when they import it.
    pass
