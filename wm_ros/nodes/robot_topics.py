"""What a robot publishes, with the types and names of a ros2_control arm; and the truth."""

from array import array
from typing import List, Mapping, Sequence

from diagnostic_msgs.msg import DiagnosticStatus, KeyValue
from geometry_msgs.msg import Pose, PoseArray, PoseStamped, WrenchStamped
from rclpy.node import Node
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import JointState
from wm_ros.nodes.qos import LATCHED, RELIABLE
from wm_ros.robot.robot import Robot
from wm_ros.robot.urdf import read_joints


class RobotTopics:
    """
    The publishers of a robot node; ``stamp`` is a builtin_interfaces/Time everywhere.

    Joint states go out always, the rest only while somebody listens.
    """

    def __init__(self, node: Node, robot: Robot, frame: str):
        self._node, self._robot, self._frame = node, robot, frame
        self._fingers = len(robot.gripper_joint_names)
        self._order = _hardware_order(len(robot.joint_names), self._fingers)
        names = robot.joint_names + robot.gripper_joint_names
        self._joint_state = JointState(name=[names[place] for place in self._order])
        self._wrench = WrenchStamped()
        # Where the wrist's sensor sits: between the last joint's links, turning with it.
        self._wrench.header.frame_id = read_joints(robot.urdf)[robot.joint_names[-1]].child
        # Reliable, as the joint_state_broadcaster is: those who want best effort can have it.
        self._joint_publisher = node.create_publisher(JointState, 'joint_states', RELIABLE)
        self._clock_publisher = node.create_publisher(Clock, '/clock', RELIABLE)
        self._object_publisher = node.create_publisher(PoseArray, 'object_poses', RELIABLE)
        self._wrench_publisher = node.create_publisher(WrenchStamped, 'wrench', RELIABLE)
        self._goal_publisher = node.create_publisher(PoseStamped, '~/goal', LATCHED)
        self._episode_publisher = node.create_publisher(DiagnosticStatus, '~/episode', RELIABLE)

    def joints(self, stamp, arm):
        """Publish position, velocity and effort of ``arm`` of a scene."""
        msg = self._joint_state
        msg.header.stamp = stamp
        # Speed and effort of the fingers are not known; ROS says so with zeros here.
        msg.position = self._column(arm.joint_positions,
                                    arm.gripper_width / max(self._fingers, 1))
        msg.velocity = self._column(arm.joint_velocities, 0.0)
        msg.effort = self._column(arm.joint_efforts, 0.0)
        self._joint_publisher.publish(msg)

    def _column(self, arm, finger):
        """Return ``arm`` [N] and ``finger``, once for each of them, in the message's order."""
        values = [*arm.tolist(), *[finger] * self._fingers]
        return array('d', [values[place] for place in self._order])

    def clock(self, stamp):
        """Publish the simulated time."""
        if _heard(self._clock_publisher):
            self._clock_publisher.publish(Clock(clock=stamp))

    def objects(self, stamp, poses):
        """Publish ``poses`` [M, 7]."""
        if _heard(self._object_publisher):
            msg = PoseArray(poses=[_pose(row) for row in poses.tolist()])
            msg.header.stamp, msg.header.frame_id = stamp, self._frame
            self._object_publisher.publish(msg)

    def wrench(self, stamp, wrench):
        """Publish ``wrench`` [6] N, N m at the last joint."""
        if _heard(self._wrench_publisher):
            msg = self._wrench
            msg.header.stamp = stamp
            force, torque = msg.wrench.force, msg.wrench.torque
            force.x, force.y, force.z, torque.x, torque.y, torque.z = wrench.tolist()
            self._wrench_publisher.publish(msg)

    def goal(self, stamp, goal):
        """Publish the goal [7] of the episode, for those who come later as well."""
        msg = PoseStamped(pose=_pose(goal.tolist()))
        msg.header.frame_id, msg.header.stamp = self._frame, stamp
        self._goal_publisher.publish(msg)

    def episode(self, state: str, figures: Mapping[str, float]):
        """Publish how the episode goes."""
        if _heard(self._episode_publisher):
            self._episode_publisher.publish(DiagnosticStatus(
                level=DiagnosticStatus.OK, message=state, hardware_id=self._robot.name,
                name=self._node.get_fully_qualified_name().lstrip('/'),
                values=[KeyValue(key=key, value=f'{value:.6g}')
                        for key, value in figures.items()]))


def _hardware_order(joints: int, fingers: int) -> List[int]:
    """
    Return the places of arm joints and then fingers in a message: a finger after each joint.

    A joint_state_broadcaster promises no order, and drivers mix arm and gripper. Here as well,
    so that every run shows that joints are read by name.
    """
    order = list(range(joints))
    for finger in range(fingers):
        order.insert(2 * finger + 1, joints + finger)
    return order


def _heard(publisher):
    return publisher.get_subscription_count() > 0


def _pose(values: Sequence[float]):
    pose = Pose()
    p, q = pose.position, pose.orientation
    p.x, p.y, p.z, q.x, q.y, q.z, q.w = values
    return pose
