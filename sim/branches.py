"""
Scenes that end in one of two ways, which nothing that is seen decides.

``topple``: a plate stands on its edge; a gust that is not seen throws it to one side or the
other.  ``slide``: a block slides over ground whose friction is not seen; it sticks, or goes far.
A number that is seen tells the odds, as a gloss of the ground might.
"""

from dataclasses import dataclass
from typing import Tuple

import numpy as np
from sim.quiet import pybullet
from sim.scene import SUBSTEP

STEP = 12                   # substeps between rows
SEEN = 4                    # rows before the way is decided
STEPS = 28                  # rows after the first one
#: Numbers of a row: position m, rotation xyzw, velocity m/s, and the odds of the first way.
WIDTH = 11

_PLATE = (0.004, 0.05, 0.08)        # [m] half edges
_BLOCK = (0.025, 0.025, 0.025)
_GUST = (1.2, 1.8)                  # [rad/s] of the edge's rotation that a gust makes
_STICKY, _SLIPPERY = (0.55, 0.75), (0.05, 0.10)     # friction


@dataclass(frozen=True)
class BranchScene:
    """
    What is seen of a scene before it is decided, and the odds.

    ``kind``: topple or slide; ``chance``: of the first way (ahead, or far); ``yaw`` [rad]:
    which way it points; ``place`` [m]; ``speed`` [m/s] of a slide.
    """

    kind: str
    chance: float
    yaw: float
    place: Tuple[float, float]
    speed: float = 0.0


def draw(kind: str, rng: np.random.Generator) -> BranchScene:
    """Return a random scene of ``kind``, its odds between 0.25 and 0.75."""
    chance = rng.uniform(0.25, 0.75)
    place, yaw = tuple(rng.uniform(-0.1, 0.1, 2)), rng.uniform(-np.pi, np.pi)
    if kind == 'topple':
        return BranchScene(kind, chance, yaw, place)
    if kind == 'slide':
        return BranchScene(kind, chance, yaw, place, speed=rng.uniform(0.6, 0.9))
    raise ValueError(f'kind: got {kind!r}, expected topple or slide')


class BranchWorld:
    """Runs such scenes in PyBullet; one world, reused."""

    def __init__(self):
        self._client = pybullet.connect(pybullet.DIRECT)
        b, c = pybullet, self._client
        b.setGravity(0, 0, -9.81, physicsClientId=c)
        b.setTimeStep(SUBSTEP, physicsClientId=c)
        ground = b.createCollisionShape(b.GEOM_BOX, halfExtents=(5, 5, 0.5), physicsClientId=c)
        body = b.createMultiBody(0, ground, basePosition=(0, 0, -0.5), physicsClientId=c)
        b.changeDynamics(body, -1, lateralFriction=1.0, physicsClientId=c)

    def close(self):
        """End the physics."""
        pybullet.disconnect(self._client)

    def run(self, scene: BranchScene, rng: np.random.Generator) -> Tuple[np.ndarray, bool]:
        """Return the rows [STEPS + 1, WIDTH] of one way that it goes, and whether the first."""
        first = bool(rng.random() < scene.chance)
        body = self._place(scene)
        rows = [self._row(body, scene.chance)]
        for step in range(STEPS):
            if step == SEEN:
                self._decide(body, scene, first, rng)
            for _ in range(STEP):
                pybullet.stepSimulation(physicsClientId=self._client)
            rows.append(self._row(body, scene.chance))
        pybullet.removeBody(body, physicsClientId=self._client)
        return np.array(rows, np.float32), first

    def _place(self, scene):
        b, c = pybullet, self._client
        half = _PLATE if scene.kind == 'topple' else _BLOCK
        shape = b.createCollisionShape(b.GEOM_BOX, halfExtents=half, physicsClientId=c)
        rotation = b.getQuaternionFromEuler((0.0, 0.0, scene.yaw))
        body = b.createMultiBody(0.2, shape, basePosition=(*scene.place, half[2]),
                                 baseOrientation=rotation, physicsClientId=c)
        b.changeDynamics(body, -1, lateralFriction=0.6, rollingFriction=0.0, linearDamping=0.0,
                         angularDamping=0.0, activationState=b.ACTIVATION_STATE_DISABLE_SLEEPING,
                         physicsClientId=c)
        if scene.kind == 'slide':
            # Before it is decided all grounds are the same: without friction.
            b.changeDynamics(body, -1, lateralFriction=0.0, physicsClientId=c)
            b.resetBaseVelocity(body, _along(scene.yaw, scene.speed), (0, 0, 0),
                                physicsClientId=c)
        return body

    def _decide(self, body, scene, first, rng):
        b, c = pybullet, self._client
        if scene.kind == 'slide':
            friction = rng.uniform(*(_SLIPPERY if first else _STICKY))
            b.changeDynamics(body, -1, lateralFriction=friction, physicsClientId=c)
            return
        spin = rng.uniform(*_GUST) * (1.0 if first else -1.0)
        across = scene.yaw + np.pi / 2
        b.resetBaseVelocity(body, _along(scene.yaw, spin * _PLATE[2]), _along(across, spin),
                            physicsClientId=c)

    def _row(self, body, odds):
        place, rotation = pybullet.getBasePositionAndOrientation(
            body, physicsClientId=self._client)
        velocity, _ = pybullet.getBaseVelocity(body, physicsClientId=self._client)
        rotation = np.array(rotation)
        return np.concatenate([place, rotation * (1.0 if rotation[3] >= 0 else -1.0), velocity,
                               [odds]])


def _along(angle, length):
    return length * np.cos(angle), length * np.sin(angle), 0.0
