"""
Whether two processes of this machine hear each other over DDS, and how fast.

``python -m wm_ros.nodes.dds_check`` prints one line of JSON: {'ok', 'p50_ms', 'p99_ms',
'rmw', 'discovery_s', 'lost'} or {'ok': false, 'error'}.
"""

import json
import os
import subprocess
import sys
import threading
import time

import numpy as np
import rclpy
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.utilities import get_rmw_implementation_identifier
from sensor_msgs.msg import JointState
from wm_ros.nodes import runtime
from wm_ros.nodes.processes import environment
from wm_ros.nodes.processes.child import die_with

_DISCOVERY = 15.0       # [s]
_ANSWER = 1.0           # [s]
_COUNT, _RATE = 100, 100.0
_QOS = QoSProfile(depth=10, reliability=ReliabilityPolicy.RELIABLE)


def echo(topic: str, parent: int):
    """Send back what comes, until the parent closes standard input."""
    die_with(parent)
    rclpy.init()
    node = rclpy.create_node(f'_wm_ros_echo_{os.getpid()}', enable_rosout=False)
    publisher = node.create_publisher(JointState, f'{topic}/back', _QOS)
    node.create_subscription(JointState, f'{topic}/there', publisher.publish, _QOS)
    ended = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
    runtime.spin(node, ended)


def measure(topic: str) -> dict:
    """Return the figures of ``_COUNT`` round trips with the echo process."""
    node = rclpy.create_node(f'_wm_ros_check_{os.getpid()}', enable_rosout=False)
    publisher = node.create_publisher(JointState, f'{topic}/there', _QOS)
    arrived, trips, ended = threading.Event(), [], threading.Event()

    def receive(msg):
        trips.append(time.perf_counter() - msg.position[0])
        arrived.set()
    node.create_subscription(JointState, f'{topic}/back', receive, _QOS)
    thread = threading.Thread(target=runtime.spin, args=(node, ended), daemon=True)
    thread.start()
    msg = JointState(name=[f'joint{i}' for i in range(9)], position=[0.0] * 9)

    def trip(wait):
        arrived.clear()
        msg.position[0] = time.perf_counter()
        publisher.publish(msg)
        return arrived.wait(wait)
    begin = time.monotonic()
    while not trip(0.2):
        if time.monotonic() - begin > _DISCOVERY:
            return {'ok': False, 'error': f'no answer from another process in {_DISCOVERY:g} s'}
    discovery = time.monotonic() - begin
    del trips[:]
    lost = 0
    for _ in range(_COUNT):
        lost += not trip(_ANSWER)
        time.sleep(1.0 / _RATE)
    ended.set()
    thread.join()
    p50, p99 = np.percentile(np.array(trips) * 1e3, (50, 99)) if trips else (np.nan, np.nan)
    return {'ok': lost == 0, 'p50_ms': float(p50), 'p99_ms': float(p99), 'lost': lost,
            'discovery_s': discovery, 'rmw': get_rmw_implementation_identifier()}


def main() -> int:
    """Run the check and print its result."""
    environment.prepare()
    if len(sys.argv) > 2:
        echo(sys.argv[1], int(sys.argv[2]))
        return 0
    topic = f'/_wm_ros_dds_check_{os.getpid()}'
    other = subprocess.Popen(
        [sys.executable, '-m', 'wm_ros.nodes.dds_check', topic, str(os.getpid())],
        stdin=subprocess.PIPE)
    try:
        rclpy.init()
        result = measure(topic)
    except Exception as error:  # noqa: B902
        # Whatever the middleware has to say is the answer.
        result = {'ok': False, 'error': ' '.join(str(error).split())}
    finally:
        other.stdin.close()
        other.wait(5.0)
        rclpy.try_shutdown()
    print(json.dumps(result))
    return 0 if result['ok'] else 1


if __name__ == '__main__':
    sys.exit(main())
