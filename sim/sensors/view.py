"""Where the camera stands, what it sees of a point, and pictures; without PyBullet."""

from dataclasses import dataclass
import math
import pickle
import subprocess
import sys
from typing import NamedTuple, Optional, Tuple

import numpy as np

FRAME = 'camera_optical_frame'      # REP-103: z forward, x right, y down


@dataclass(frozen=True)
class View:
    """
    Where the camera stands and what it looks at, in the base frame [m]; its lens [deg].

    By default the part of the table that blocks are on fills the picture: a block of 5 cm is 4
    of 64 pixels wide.
    """

    eye: Tuple[float, float, float] = (1.33, 0.40, 1.02)
    target: Tuple[float, float, float] = (0.49, 0.0, 0.08)
    field: float = 37.0             # vertical
    near: float = 0.05              # [m]
    far: float = 4.0                # [m]

    def axes(self) -> np.ndarray:
        """Return the camera's axes right, down, forward as rows [3, 3] in the base frame."""
        forward = np.subtract(self.target, self.eye)
        forward /= np.linalg.norm(forward)
        right = np.cross(forward, (0.0, 0.0, 1.0))
        right /= np.linalg.norm(right)
        return np.array([right, np.cross(forward, right), forward])

    def matrices(self, width: int, height: int):
        """Return OpenGL's view and projection matrices, column by column, as PyBullet's."""
        view = np.eye(4)
        view[:3, :3] = self.axes() * [[1], [-1], [-1]]
        view[:3, 3] = -view[:3, :3] @ self.eye
        lens = 1 / math.tan(math.radians(self.field) / 2)
        depth = self.far - self.near
        projection = np.array([
            [lens * height / width, 0, 0, 0], [0, lens, 0, 0],
            [0, 0, -(self.far + self.near) / depth, -2 * self.far * self.near / depth],
            [0, 0, -1, 0]])
        return view.T.ravel().tolist(), projection.T.ravel().tolist()

    def intrinsics(self, width: int, height: int) -> np.ndarray:
        """Return the pinhole matrix K [3, 3] px."""
        focal = 0.5 * height / math.tan(math.radians(self.field) / 2)
        return np.array([[focal, 0.0, width / 2], [0.0, focal, height / 2], [0.0, 0.0, 1.0]])

    def project(self, points, width: int, height: int) -> np.ndarray:
        """Return where ``points`` [..., 3] in the base frame are seen [..., 2] px."""
        seen = (np.asarray(points, dtype=float) - self.eye) @ self.axes().T
        pixels = seen @ self.intrinsics(width, height).T
        return pixels[..., :2] / pixels[..., 2:]


class Frame(NamedTuple):
    """One picture."""

    rgb: np.ndarray                 # [H, W, 3] uint8
    depth: Optional[np.ndarray]     # [H, W] float32 m along the optical axis, inf: nothing
    objects: Optional[np.ndarray] = None    # [H, W] int16, which object is seen, -1: none


class CameraProcess:
    """
    A camera that renders in a process of its own, which ends with this one.

    ``request`` returns at once; ``receive`` waits for the picture.  They may be called from
    different threads.
    """

    def __init__(self, robot: str, task: str, width: int, height: int, depth: bool = False):
        self.width, self.height, self.depth = width, height, depth
        self._dress = None
        # It ends when its standard input does, and so with this process.
        self._process = subprocess.Popen(
            [sys.executable, '-m', 'sim.sensors.camera', robot, task, str(width), str(height),
             str(int(depth))], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def request(self, joint_positions, gripper_width: float, object_poses, strangers=(),
                dress=None):
        """
        Ask for a picture; raises OSError when the process has ended.

        See ``Camera.render``; ``dress`` are look and objects for ``Camera.dress``, from now on.
        """
        told, self._dress = None if dress == self._dress else dress, dress
        pickle.dump((told, (joint_positions, gripper_width, object_poses, list(strangers))),
                    self._process.stdin)
        self._process.stdin.flush()

    def receive(self) -> Optional[Frame]:
        """Return the next picture that was asked for, None when there will be none."""
        pixels = self.width * self.height
        data = self._process.stdout.read(pixels * (7 if self.depth else 3))
        if len(data) < pixels * 3:
            return None
        shape = (self.height, self.width)
        rgb = np.frombuffer(data, np.uint8, pixels * 3).reshape(*shape, 3)
        depth = np.frombuffer(data, np.float32, offset=pixels * 3) if self.depth else None
        return Frame(rgb, depth.reshape(shape) if self.depth else None)

    def close(self):
        """End the process; harmless when repeated."""
        if not self._process.stdin.closed:
            self._process.stdin.close()
        try:
            self._process.wait(2.0)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
