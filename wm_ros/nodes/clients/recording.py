"""What goes over the wire in one episode, kept for a picture."""

from dataclasses import dataclass, field
from typing import List, NamedTuple

import numpy as np
from rclpy.serialization import deserialize_message
from wm_ros.nodes import convert
from wm_ros.robot.robot import Robot
from wm_ros.types import Plan


class Line(NamedTuple):
    """One imagined path: of what, points [L, 3] m, colour RGBA in 0 to 1."""

    name: str
    points: np.ndarray
    colour: tuple


@dataclass
class Recording:
    """Messages of one episode; times are stamps [s].  Each ``on_...`` takes in one more."""

    robot: Robot
    times: List[float] = field(default_factory=list)
    joints: List[np.ndarray] = field(default_factory=list)         # [N] rad
    gripper: List[float] = field(default_factory=list)             # [m]
    object_times: List[float] = field(default_factory=list)
    objects: List[np.ndarray] = field(default_factory=list)        # [M, 7]
    plans: List[Plan] = field(default_factory=list)
    imagined: List[tuple] = field(default_factory=list)            # (time, [Line])

    def on_joints(self, msg):
        """Keep a sensor_msgs/JointState."""
        place = dict(zip(msg.name, msg.position))
        self.times.append(convert.seconds(msg.header.stamp))
        self.joints.append(np.array([place[name] for name in self.robot.joint_names]))
        self.gripper.append(sum(place.get(name, 0.0) for name in self.robot.gripper_joint_names))

    def on_objects(self, msg):
        """Keep a geometry_msgs/PoseArray."""
        stamp, poses = convert.poses_from_msg(msg, msg.header.frame_id)
        self.object_times.append(stamp)
        self.objects.append(poses)

    def on_plan(self, data: bytes):
        """Keep a serialised trajectory_msgs/JointTrajectory of the planner."""
        msg = deserialize_message(data, convert.JointTrajectory)
        plan = convert.plan_from_msg(msg, self.robot)
        # The first may still be of what was seen before the scene was drawn anew.
        if self.times and plan.observed >= self.times[0]:
            self.plans.append(plan)

    def on_imagined(self, msg):
        """Keep a visualization_msgs/MarkerArray of imagined paths."""
        if self.plans:
            lines = [Line(marker.ns, np.array([(p.x, p.y, p.z) for p in marker.points]),
                          (marker.color.r, marker.color.g, marker.color.b, marker.color.a))
                     for marker in msg.markers if marker.points]
            # Markers carry no time; they are sent with the plan that came just before.
            self.imagined.append((self.plans[-1].stamp, lines))
