"""Pictures that a simulated camera takes of a scene: as it looks, late, or lost."""

from collections import deque
from typing import Callable

import numpy as np
from sim.scene import Scene
from sim.sensors.look import look_of


class Pictures:
    """
    Has pictures of ``scene`` taken as its conditions have it.

    ``take(stamp, joint_positions, gripper_width, object_poses, strangers, dress)`` is asked for
    each of them when it comes, with the state and the stamp of when it was taken.
    """

    def __init__(self, scene: Scene, take: Callable):
        self._scene, self._take = scene, take
        self.restart()

    def restart(self):
        """Begin the scene's episode."""
        self._rng = np.random.default_rng((self._scene.seed, 10))
        self._under_way, self._dressed = deque(), None

    def shoot(self, stamp):
        """Take a picture now, of ``stamp``."""
        scene = self._scene
        camera = scene.conditions.camera
        if self._rng.random() < camera.loss:
            return
        if self._dressed is None or self._dressed[0] is not scene.conditions:
            self._dressed = scene.conditions, (look_of(scene.conditions, scene.seed), scene.boxes)
        self._under_way.append((scene.time + camera.delay, (
            stamp, scene.arm.joint_positions, scene.arm.gripper_width, scene.object_poses,
            scene.spawned, self._dressed[1])))

    def deliver(self):
        """Hand over those that have come by now."""
        while self._under_way and self._under_way[0][0] <= self._scene.time + 1e-9:
            self._take(*self._under_way.popleft()[1])
