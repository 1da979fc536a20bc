"""Poses in any frame -> poses in the base frame, where tf2 is installed."""

from typing import Optional

import numpy as np
from rclpy.node import Node
from rclpy.time import Time
from wm_ros.nodes import convert
from wm_ros.types import GoalRejected

try:
    import tf2_ros
except ImportError:     # the wheels do not have it
    tf2_ros = None


class Frames:
    """Knows the transforms to ``base_frame``, where tf2_ros is installed."""

    def __init__(self, node: Node, base_frame: str):
        self._node, self._base_frame = node, base_frame
        self._buffer: Optional['tf2_ros.Buffer'] = None
        self._listener = None
        if tf2_ros is not None:
            self._buffer = tf2_ros.Buffer()
            self._listener = tf2_ros.TransformListener(self._buffer, node)

    def to_base(self, frame: str, pose: np.ndarray) -> np.ndarray:
        """Return ``pose`` [7] in the base frame; GoalRejected if no transform is known."""
        if frame == self._base_frame:
            return pose
        if self._buffer is None:
            raise GoalRejected(f'goal: got frame {frame!r}, expected {self._base_frame!r} '
                               '(other frames need tf2_ros, which is not installed)')
        try:
            found = self._buffer.lookup_transform(self._base_frame, frame, Time())
            return convert.transform_pose(found.transform, pose)
        except (tf2_ros.TransformException, convert.ConvertError) as error:
            raise GoalRejected(f'goal: frame {frame!r} has no transform to '
                               f'{self._base_frame!r} ({error})') from error

    def close(self):
        """Stop listening."""
        if self._listener is not None:
            self._listener.unregister()
            self._listener = self._buffer = None
