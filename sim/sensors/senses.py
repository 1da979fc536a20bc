"""What a robot's sensors make of the truth: noise, bias, and what comes late or never."""

from collections import deque
from typing import NamedTuple, Optional

import numpy as np
from sim.randomize.conditions import Sensing


class Seen(NamedTuple):
    """Poses [M, 7] of the objects, and the episode's time [s] at which they were taken."""

    time: float
    poses: np.ndarray


class Senses:
    """
    The sensors of ``scene``, as its conditions have them; usually the truth.

    Equal for equal seeds and readings.
    """

    def __init__(self, scene):
        self._scene = scene
        self.restart(Sensing(), 0)

    def restart(self, sensing: Sensing, seed: int):
        """Begin an episode."""
        self._conditions = sensing
        self._plain = sensing == Sensing()
        self._rng = np.random.default_rng((seed, 9))
        self._past = deque([], maxlen=256)      # Seen of each substep, where they come late
        self._shown = -np.inf                   # [s], time of the newest poses that were seen

    def change(self, sensing: Sensing):
        """Go on under other conditions."""
        self._conditions, self._plain = sensing, False

    def remember(self):
        """Take note of what comes late; to be called after each substep."""
        if self._conditions.pose_delay or self._conditions.pose_jitter:
            self._past.append(Seen(self._scene.time, self._scene.object_poses))

    @property
    def joint_positions(self):
        """Measured positions [N] rad."""
        truth, told = self._scene.arm.joint_positions, self._conditions
        if self._plain:
            return truth
        return truth + told.joint_bias + self._noise(told.joint_noise, len(truth))

    @property
    def joint_velocities(self):
        """Measured velocities [N] rad/s."""
        truth = self._scene.arm.joint_velocities
        return truth + self._noise(self._conditions.velocity_noise, len(truth))

    @property
    def joint_efforts(self):
        """Measured efforts [N] N m."""
        return self._scene.arm.joint_efforts

    @property
    def gripper_width(self) -> float:
        """Measured distance between the fingers [m]."""
        return self._scene.arm.gripper_width

    @property
    def wrench(self):
        """Measured force and torque [6] N, N m."""
        return self._scene.arm.wrench + self._noise(
            self._conditions.wrench_noise, 6) * [1.0, 1.0, 1.0, 0.1, 0.1, 0.1]

    def objects(self) -> Optional[Seen]:
        """Return the newest poses that have come by now; None where they are lost."""
        told, now = self._conditions, self._scene.time
        if self._plain:
            return Seen(now, self._scene.object_poses)
        if self._rng.random() < told.pose_loss:
            return None
        late = told.pose_delay + self._rng.random() * told.pose_jitter
        seen = self._at(now - late) if late else Seen(now, self._scene.object_poses)
        if seen is None or seen.time <= self._shown:
            return None
        self._shown = seen.time
        return Seen(seen.time, self._disturbed(seen.poses))

    def _at(self, moment) -> Optional[Seen]:
        """Return what there was at ``moment`` [s], None before the begin."""
        found = None
        for seen in self._past:
            if seen.time > moment + 1e-6:
                break
            found = seen
        return found

    def _disturbed(self, poses):
        told, poses = self._conditions, np.array(poses)
        poses[:, :3] += told.pose_bias + self._noise(told.pose_noise, (len(poses), 3))
        poses[:, 2] += told.height_bias
        if told.yaw_noise:
            half = 0.5 * self._noise(told.yaw_noise, len(poses))
            sine, cosine = np.sin(half), np.cos(half)
            x, y, z, w = poses[:, 3:].T.copy()
            poses[:, 3:] = np.stack([cosine * x - sine * y, cosine * y + sine * x,
                                     cosine * z + sine * w, cosine * w - sine * z], 1)
        return poses

    def _noise(self, width, shape):
        return width * self._rng.normal(size=shape) if width else np.zeros(shape)
