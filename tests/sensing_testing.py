"""Builders of observations, and the joint states that they are fed."""

import numpy as np
from wm_ros.robot.robot import load_robot
from wm_ros.sensing import ObservationBuilder, SensingSettings
from wm_ros.tasks import get_task

ROBOT = load_robot('panda')
ARM, FINGERS = ROBOT.joint_names, ROBOT.gripper_joint_names
NAMES = ARM + FINGERS
Q = np.append(np.linspace(-0.3, 0.3, 7), [0.01, 0.03])
V = np.append(np.linspace(1.0, 2.0, 7), [0.1, 0.1])
POSE = [0.5, 0.1, 0.02, 0.0, 0.0, 0.0, 1.0]


def make_builder(task='push', **settings):
    """Return a builder that knows nothing yet."""
    return ObservationBuilder(ROBOT, get_task(task), SensingSettings(**settings))


def feed(builder, stamp=10.0, names=NAMES, positions=Q, velocities=V, efforts=()):
    """Give the builder a joint state, a good one unless told otherwise."""
    builder.joint_state(stamp, names, positions, velocities, efforts)
    return builder
