"""
Messages to nouns and back: the only place that imports ``*_msgs``.

Whatever a message holds, a function here returns a noun or raises ``ConvertError`` with
one line that says what was wrong; nothing that is not finite gets through.  Node modules
take the message classes that they publish or subscribe to from here as well.
"""

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from geometry_msgs.msg import PoseArray, PoseStamped, WrenchStamped
from sensor_msgs.msg import CompressedImage, Image, JointState, PointCloud2
from std_msgs.msg import Float32, Float64MultiArray
from trajectory_msgs.msg import JointTrajectory
from visualization_msgs.msg import MarkerArray
from wm_ros.nodes.convert.basics import ConvertError, seconds, stamp
from wm_ros.nodes.convert.motion import (
    command_from_msg, command_to_array, command_to_msg, command_to_trajectory, gripper_to_array,
    gripper_to_trajectory, plan_from_msg, plan_joint_names, plan_to_msg)
from wm_ros.nodes.convert.poses import goal_from_msg, goal_to_msg, transform_pose
from wm_ros.nodes.convert.records import (
    belief_from_msg, belief_to_msg, observation_from_msg, observation_to_msg)
from wm_ros.nodes.convert.reports import (
    box, diagnostics, line, sphere, status_from_msg, status_to_msg)
from wm_ros.nodes.convert.sensors import (
    depth_from_msg, image_from_compressed, image_from_msg, joint_state_from_msg, JointSample,
    poses_from_msg, wrench_from_msg)

__all__ = [
    'CompressedImage', 'ConvertError', 'DiagnosticArray', 'DiagnosticStatus', 'Float32',
    'Float64MultiArray', 'Image', 'JointSample', 'JointState', 'JointTrajectory', 'MarkerArray',
    'PointCloud2', 'PoseArray', 'PoseStamped', 'WrenchStamped', 'belief_from_msg',
    'belief_to_msg', 'box', 'command_from_msg', 'command_to_array', 'command_to_msg',
    'command_to_trajectory', 'depth_from_msg', 'diagnostics', 'goal_from_msg', 'goal_to_msg',
    'gripper_to_array', 'gripper_to_trajectory', 'image_from_compressed', 'image_from_msg',
    'joint_state_from_msg', 'line', 'observation_from_msg', 'observation_to_msg', 'plan_from_msg',
    'plan_joint_names', 'plan_to_msg', 'poses_from_msg', 'seconds', 'sphere', 'stamp',
    'status_from_msg', 'status_to_msg', 'transform_pose', 'wrench_from_msg',
]
