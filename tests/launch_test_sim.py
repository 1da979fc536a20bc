"""
The simulated graph under ROS's own launch: up, to a goal, and down.

    launch_test tests/launch_test_sim.py

Wants ``launch_testing``, which the other tests do without: pytest does not collect a file of
this name.
"""

import time
import unittest

from geometry_msgs.msg import PoseStamped
from launch import LaunchDescription
from launch.actions import IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource
import launch_testing
import launch_testing.actions
import launch_testing.asserts
import numpy as np
import rclpy
from sensor_msgs.msg import JointState
from wm_ros import paths
from wm_ros.graph import PROGRAMS
from wm_ros.robot.kinematics import Kinematics
from wm_ros.robot.robot import load_robot

_START, _REACH = 120.0, 30.0        # [s], generous: machines that test are busy
_GOAL = [0.5, 0.1, 0.25]            # [m]
_NEAR = 0.02                        # [m]


def generate_test_description():
    """Return what is launched; the tests begin at once and wait for themselves."""
    source = PythonLaunchDescriptionSource(str(paths.launch_dir() / 'sim.launch.py'))
    return LaunchDescription([
        IncludeLaunchDescription(source, launch_arguments={'task': 'reach'}.items()),
        launch_testing.actions.ReadyToTest()])


class TestRunning(unittest.TestCase):
    """While the graph runs."""

    def test_goal_is_reached(self, proc_output):
        """The graph becomes active, takes a goal, and the arm is there in the end."""
        proc_output.assertWaitFor('all active', timeout=_START)
        robot = load_robot('panda')
        kinematics = Kinematics(robot)
        rclpy.init()
        self.addCleanup(rclpy.try_shutdown)
        node = rclpy.create_node('launch_test')
        self.addCleanup(node.destroy_node)
        where = []

        def note(msg):
            q = np.array([msg.position[msg.name.index(name)] for name in robot.joint_names])
            where[:] = kinematics.forward(q)[0]
        node.create_subscription(JointState, 'joint_states', note, 1)
        publisher = node.create_publisher(PoseStamped, 'mpc_node/goal', 1)
        goal = PoseStamped()
        goal.header.frame_id = robot.base_frame
        goal.pose.position.x, goal.pose.position.y, goal.pose.position.z = _GOAL
        end = time.monotonic() + _REACH
        while not publisher.get_subscription_count() and time.monotonic() < end:
            rclpy.spin_once(node, timeout_sec=0.1)
        self.assertTrue(publisher.get_subscription_count(), 'nobody listens for goals')
        publisher.publish(goal)
        proc_output.assertWaitFor('goal accepted', timeout=_REACH)
        proc_output.assertWaitFor('goal reached', timeout=_REACH)
        # What came while nobody listened here is old by now.
        where.clear()
        end = time.monotonic() + _REACH
        while time.monotonic() < end and (not where or np.linalg.norm(
                np.subtract(where, _GOAL)) > _NEAR):
            rclpy.spin_once(node, timeout_sec=0.1)
        self.assertTrue(where, 'no joint states')
        self.assertLess(np.linalg.norm(np.subtract(where, _GOAL)), _NEAR)


@launch_testing.post_shutdown_test()
class TestEnded(unittest.TestCase):
    """After all was asked to end."""

    def test_exit_codes(self, proc_info):
        """All nodes of the table ran, each in a process of its own, and ended well."""
        self.assertEqual(len(proc_info.process_names()), len(PROGRAMS))
        launch_testing.asserts.assertExitCodes(proc_info)
