"""What a checkpoint was trained for: everything of a robot that its motion depends on."""

import hashlib

import numpy as np
from wm_ros.robot import motion
from wm_ros.robot.robot import Robot
from wm_ros.types import ACTION_NAMES


def fingerprint(robot: Robot) -> dict:
    """
    Return what a checkpoint must agree with, as plain data.

    That is all that the motion it was trained on depends on: names, limits, the home
    posture, and every constant of the motion rule.
    """
    rule = motion.MotionRule.of(robot)
    return {
        'joint_names': list(robot.joint_names),
        'base_frame': robot.base_frame,
        'ee_frame': robot.ee_frame,
        'lower': np.round(robot.limits.lower, 6).tolist(),
        'upper': np.round(robot.limits.upper, 6).tolist(),
        'velocity': np.round(robot.limits.velocity, 6).tolist(),
        'acceleration': np.round(robot.limits.acceleration, 6).tolist(),
        'home': robot.home.tolist(),
        'gripper_joint_names': list(robot.gripper_joint_names),
        'gripper_range': [robot.gripper_min, robot.gripper_max],
        'action_names': list(ACTION_NAMES),
        'gripper_step': motion.GRIPPER_STEP,
        'dt': robot.dt,
        'max_linear_speed': robot.max_linear_speed,
        'max_linear_acceleration': robot.max_linear_acceleration,
        'max_yaw_rate': robot.max_yaw_rate,
        'max_yaw_acceleration': robot.max_yaw_acceleration,
        'workspace_low': robot.workspace_low.tolist(),
        'workspace_high': robot.workspace_high.tolist(),
        'yaw_range': [float(rule.low[3]), float(rule.high[3])],
        'urdf_sha256': hashlib.sha256(robot.urdf.read_bytes()).hexdigest(),
    }
