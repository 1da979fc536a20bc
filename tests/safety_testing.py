"""Starting a safety node, what it says, and what it may send."""

import numpy as np
from ros_testing import ACTIVATE, CONFIGURE
from wm_ros.nodes import convert
from wm_ros.nodes.safety_node import SafetyNode

NAME = 'safety_node'
PERIOD = 1 / 120


def start(peer, **parameters):
    node = peer.run(SafetyNode, {key.replace('__', '.'): value
                                 for key, value in parameters.items()}).node
    assert peer.change(NAME, CONFIGURE, ACTIVATE)
    return node


def statuses(peer):
    return peer.record(convert.DiagnosticStatus, f'{NAME}/status').connected()


def next_status(recorder, code, timeout=10.0):
    msg = recorder.next(lambda msg: msg.message.startswith(code.name), timeout)
    return convert.status_from_msg(msg)


def assert_within_limits(arm, start=0):
    """Check velocity and acceleration between the commands that were received."""
    limits = arm.robot.limits
    _, positions, velocities = map(np.array, zip(*arm.commands[start:]))
    assert np.isfinite(positions).all()
    assert (positions >= limits.lower).all() and (positions <= limits.upper).all()
    assert (np.abs(velocities) <= limits.velocity + 1e-9).all()
    # A tick may come late; the gate then moves for one and a half periods at most.
    longest = 1.5 * PERIOD
    assert (np.abs(np.diff(positions, axis=0)) <= limits.velocity * longest + 1e-9).all()
    assert (np.abs(np.diff(velocities, axis=0)) <= limits.acceleration * longest + 1e-9).all()


def moving(positions, velocities):
    return np.abs(velocities).max() > 0.01


def at_rest(positions, velocities):
    return not velocities.any()
