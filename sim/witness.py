"""Sees episodes as a camera and the other sensors do, and knows where the objects are in sight."""

from dataclasses import dataclass, replace
from typing import Dict, Mapping, Optional

import numpy as np
from sim.events import happen, KINDS
from sim.scene import Scene
from sim.sensors import look
from sim.sensors.camera import Camera
from wm_ros.types import Observation

_FIRST, _LAST = 4, 40       # steps between which an event happens
_HIGH = 0.05                # [m], a block's centre above this is off the table
_TILTED = 0.5               # [rad] from lying on a side; pushed hard, a block tips by half of that


@dataclass(frozen=True)
class Witnessing:
    """
    What is seen of the episodes of a recording.

    ``size`` [px] of the square frames; ``looks``: each episode looks different, and looks
    different again after so many rows if it is more than 0 of them; ``events``: the share of
    episodes in which each kind of event happens, at one moment between steps 4 and 40.
    """

    size: int = 64
    looks: bool = True
    rows: int = 0
    events: Mapping[str, float] = None


class Witness:
    """
    Records, beside the states of an episode, a row of each stream for each observation.

    frames [S, S, 3] uint8; joints [2 N + 1] (positions rad, velocities rad/s, gripper m);
    wrench [6]; objects [M, 7]; boxes [M + 1, 4] int16: first row, first column, last row, last
    column (exclusive) of what is seen of each object, and of a stranger, 0 for nothing; rare:
    an object off the table or tilted, or a stranger there; event: int8, 1 + the number of the
    kind among ``sim.events.KINDS`` that has happened, 0 for none so far.  Floats are float32.
    """

    def __init__(self, scene: Scene, witnessing: Witnessing = Witnessing()):
        self.scene, self._wanted = scene, witnessing
        self._camera = Camera(scene.robot, scene.task.boxes, witnessing.size, witnessing.size,
                              segments=True)
        self.event: Optional[str] = None
        self._happened = 0

    def begin(self, seed: int):
        """Draw look and event of the episode of ``seed``."""
        rng = self._rng = np.random.default_rng((seed, 1))
        self._dressing, self._seen = np.random.default_rng((seed, 2)), 0
        self._dress(rng)
        shares = self._wanted.events or {}
        drawn, self.event, self._happened = rng.random(), None, 0
        for kind, share in shares.items():
            if self.event is None and drawn < share:
                self.event = kind
            drawn -= share
        self._due = int(rng.integers(_FIRST, _LAST))

    def _dress(self, rng):
        scene = self.scene
        dress = look.look_of(scene.conditions, scene.seed)
        if self._wanted.looks:
            dress = replace(look.draw(rng, len(scene.boxes)), table_height=dress.table_height)
        self._camera.dress(dress, scene.boxes)

    def before(self, step: int):
        """Let the event happen when it is time."""
        if self.event and step == self._due:
            happen(self.scene, self.event, self._rng)
            self._happened = 1 + list(KINDS).index(self.event)

    def row(self, observation: Observation) -> Dict[str, np.ndarray]:
        """Return what is seen at ``observation``."""
        scene, rows = self.scene, self._wanted.rows
        poses, strangers = observation.object_poses, scene.spawned
        if rows and self._seen and self._seen % rows == 0:
            self._dress(self._dressing)
        self._seen += 1
        frame = self._camera.render(observation.joint_positions, observation.gripper_width,
                                    poses, strangers=strangers)
        boxes = np.array([_box(frame.objects == i) for i in range(len(poses) + 1)], np.int16)
        return {
            'frames': frame.rgb,
            'joints': observation.joints.astype(np.float32),
            'wrench': np.asarray(observation.wrench, np.float32),
            'objects': np.asarray(poses, np.float32).reshape(-1, 7),
            'boxes': boxes, 'rare': np.array(_is_rare(poses, strangers)),
            'event': np.array(self._happened, np.int8)}

    def close(self):
        """End the camera."""
        self._camera.close()


def columns_of(rows) -> Dict[str, np.ndarray]:
    """Return {stream: [T, ...]} of rows {stream: [...]}; nothing of none."""
    return {name: np.array([row[name] for row in rows]) for name in (rows[0] if rows else ())}


def _box(mask):
    """Return first row, first column, last row, last column (exclusive) of a mask [S, S]."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not len(rows):
        return 0, 0, 0, 0
    return rows[0], columns[0], rows[-1] + 1, columns[-1] + 1


def _is_rare(poses, strangers) -> bool:
    if strangers:
        return True
    for x, y, z, w in np.reshape(poses, (-1, 7))[:, 3:]:
        up = np.abs([2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)]).max()
        if np.arccos(min(up, 1.0)) > _TILTED:
            return True
    return bool((np.reshape(poses, (-1, 7))[:, 2] > _HIGH).any())
