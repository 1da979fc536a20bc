"""The simulated robot's node in a process of its own, and what a user of it has at hand."""

import json

import numpy as np
from ros_testing import BEST_EFFORT, wait_until
from sensor_msgs.msg import JointState
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint
from wm_ros.robot.robot import load_robot

ROBOT = load_robot('panda')
ARM = 'arm_controller/joint_trajectory'


class RobotProcess:
    """A robot node with these parameters (``a__b`` is ``a.b``), and its topics."""

    def __init__(self, peer, processes, **parameters):
        arguments = [word for name, value in parameters.items()
                     for word in ('-p', f'{name.replace("__", ".")}:={json.dumps(value)}')]
        self.process = processes('sim.robot_node', '--ros-args', *arguments)
        self.peer = peer
        self.joints = peer.record(JointState, 'joint_states', BEST_EFFORT)
        self.arm = peer.publisher(JointTrajectory, ARM, 1)
        wait_until(
            lambda: peer.node.count_subscribers(ARM) or self.process.process.poll(), 20.0,
            'the robot node')

    def reset(self):
        """Return what ~/reset says."""
        response = self.peer.trigger('robot_node/reset')
        assert response.success
        return json.loads(response.message)

    def position(self):
        """Return the next arm positions [N] rad, in the robot's order."""
        msg = self.joints.next()
        return by_name(msg, 'position')

    def send(self, publisher, msg):
        """Publish once the node is known to listen: what is sent before is lost."""
        wait_until(publisher.get_subscription_count, 10.0, f'a listener of {publisher.topic}')
        publisher.publish(msg)

    def order(self, positions, names=ROBOT.joint_names, seconds=0.3):
        """Send a trajectory of one point."""
        point = JointTrajectoryPoint(positions=list(map(float, positions)))
        point.time_from_start.nanosec = int(seconds * 1e9)
        self.send(self.arm, JointTrajectory(joint_names=list(names), points=[point]))


def by_name(msg, quantity):
    """Return position, velocity or effort [N] of the arm, in the robot's order."""
    place = dict(zip(msg.name, getattr(msg, quantity)))
    return np.array([place[name] for name in ROBOT.joint_names])
