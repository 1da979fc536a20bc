"""What the tests of the running planner share: nodes that are up, and goals."""

from ros_testing import ACTIVATE, CONFIGURE, wait_until
from wm_ros.nodes import convert

GOAL = (0.5, 0.15, 0.25)


def bring_up(peer, *classes, **parameters):
    nodes = [peer.run(cls, parameters.get(cls.executable, {})).node for cls in classes]
    for node in nodes:
        assert peer.change(node.get_name(), CONFIGURE)
    for node in nodes:
        assert peer.change(node.get_name(), ACTIVATE)
    return nodes


def goal_msg(position=GOAL, frame='panda_link0'):
    msg = convert.PoseStamped()
    msg.header.frame_id = frame
    for axis, value in zip('xyz', position):
        setattr(msg.pose.position, axis, float(value))
    return msg


class Goals:
    """Sends goals; waits for the planner to listen."""

    def __init__(self, peer):
        self._publisher = peer.publisher(convert.PoseStamped, 'mpc_node/goal', 1)
        self.status = peer.record(convert.DiagnosticStatus, 'mpc_node/status').connected()
        wait_until(self._publisher.get_subscription_count)

    def send(self, *args, **kwargs):
        self._publisher.publish(goal_msg(*args, **kwargs))

    def wait(self, code, timeout=10.0, text=''):
        """Return the next status of this code."""
        return convert.status_from_msg(self.status.next(
            lambda msg: msg.message.startswith(code.name) and text in msg.message, timeout))
