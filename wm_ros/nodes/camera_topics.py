"""Topics of a camera that takes its pictures elsewhere, and only while somebody looks."""

from array import array
import threading
from typing import Callable, Tuple

import numpy as np
from sensor_msgs.msg import CameraInfo, Image
from wm_ros.nodes.qos import RELIABLE

_LOOK = 0.5         # [s] between looks at who subscribes


class CameraTopics:
    """
    ``camera/image_raw``, ``camera/camera_info`` and ``camera/depth/image_raw`` of ``node``.

    ``open_camera`` returns what takes the pictures: ``request(*state)`` returns at once,
    ``receive()`` waits for (rgb [H, W, 3] uint8, depth [H, W] float32 m) or None at the
    end, ``close()`` ends it.  It is opened for the first subscriber and closed after the
    last.  ``intrinsics`` is K [3, 3], ``size`` (width, height) px.
    """

    def __init__(self, node, frame: str, intrinsics: np.ndarray, size: Tuple[int, int],
                 with_depth: bool, open_camera: Callable):
        self._node, self._frame, self._size = node, frame, size
        self._intrinsics, self._open = intrinsics, open_camera
        self._colour = node.create_publisher(Image, 'camera/image_raw', RELIABLE)
        self._info = node.create_publisher(CameraInfo, 'camera/camera_info', RELIABLE)
        self._publishers = [self._colour, self._info]
        if with_depth:
            self._publishers.append(
                node.create_publisher(Image, 'camera/depth/image_raw', RELIABLE))
        self._camera = None
        self._stamp = None      # of the picture that is being taken
        node.create_timer(_LOOK, self._look_who_looks)

    def take(self, stamp, *state):
        """Have a picture of ``state`` taken, unless the last one is still under way."""
        camera = self._camera
        if camera is None or self._stamp is not None:
            return
        self._stamp = stamp
        try:
            camera.request(*state)
        except (OSError, ValueError):
            pass    # it ended this moment, which its thread has noticed

    def close(self):
        """Close the camera; harmless when repeated."""
        camera, self._camera = self._camera, None
        if camera is not None:
            camera.close()

    def _look_who_looks(self):
        asked = any(publisher.get_subscription_count() for publisher in self._publishers)
        if asked and self._camera is None:
            self._stamp, self._camera = None, self._open()
            threading.Thread(target=self._publish, args=(self._camera,), daemon=True).start()
        elif not asked:
            self.close()

    def _publish(self, camera):
        frame = camera.receive()
        while frame is not None:
            stamp, self._stamp = self._stamp, None
            self._publish_image(self._colour, stamp, 'rgb8', frame[0], 3)
            if frame[1] is not None:
                self._publish_image(self._publishers[-1], stamp, '32FC1', frame[1], 4)
            if self._info.get_subscription_count():
                self._publish_info(stamp)
            frame = camera.receive()
        if self._camera is camera:
            self._node.get_logger().error('the camera has ended by itself; it is opened again')
            self.close()

    def _publish_image(self, publisher, stamp, encoding, pixels, size):
        width, height = self._size
        msg = Image(width=width, height=height, encoding=encoding, step=width * size,
                    data=array('B', pixels.tobytes()))
        msg.header.stamp, msg.header.frame_id = stamp, self._frame
        publisher.publish(msg)

    def _publish_info(self, stamp):
        width, height = self._size
        projection = np.column_stack([self._intrinsics, np.zeros(3)])
        msg = CameraInfo(
            width=width, height=height, distortion_model='plumb_bob', d=[0.0] * 5,
            k=self._intrinsics.ravel(), r=np.eye(3).ravel(), p=projection.ravel())
        msg.header.stamp, msg.header.frame_id = stamp, self._frame
        self._info.publish(msg)
