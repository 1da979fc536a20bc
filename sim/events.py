"""What seldom happens to objects: falls, tumbles, strangers, and physics that changes."""

from typing import Callable, Dict

import numpy as np
from sim.scene import Scene
from sim.tasks import stranger

_LOW, _HIGH = np.array([0.35, -0.22]), np.array([0.62, 0.22])     # [m] of the table in sight
_APART = 0.10           # [m] between a stranger and the task's objects


def happen(scene: Scene, kind: str, rng: np.random.Generator):
    """
    Make one of ``KINDS`` happen in ``scene`` now; ``reset`` undoes it.

    ``tumble``: the task's object jumps up spinning; ``drop``: it falls from 15 to 35 cm;
    ``appear``: another object stands on the table; ``throw``: one comes flying in; ``heavy``:
    the object is five times as heavy; ``slippery``: its friction is a tenth.  Raises ValueError
    for another kind, or for a task without objects where one is needed.
    """
    if kind not in KINDS:
        raise ValueError(f'event: got {kind!r}, expected one of {", ".join(KINDS)}')
    if kind not in WITHOUT_OBJECT and not len(scene.object_poses):
        raise ValueError(f'event {kind!r}: the task {scene.task.name} has no object')
    KINDS[kind](scene, rng)


def _tumble(scene, rng):
    pose = scene.object_poses[0]
    angle = rng.uniform(-np.pi, np.pi)
    spin = rng.uniform(8.0, 16.0) * np.array([np.cos(angle), np.sin(angle), 0.0])
    velocity = [*rng.uniform(-0.25, 0.25, 2), rng.uniform(0.8, 1.4)]
    scene.move(0, pose, velocity, spin)


def _drop(scene, rng):
    place = [*rng.uniform(_LOW, _HIGH), rng.uniform(0.15, 0.35)]
    scene.move(0, np.append(place, _turned(rng)), spin=rng.uniform(-3.0, 3.0, 3))


def _appear(scene, rng):
    box = stranger(rng)
    while True:
        place = rng.uniform(_LOW, _HIGH)
        others = scene.object_poses[:, :2]
        if not len(others) or np.linalg.norm(others - place, axis=1).min() > _APART:
            break
    yaw = rng.uniform(-np.pi, np.pi)
    scene.spawn(box, [*place, box.size[2] / 2, 0.0, 0.0, np.sin(yaw / 2), np.cos(yaw / 2)])


def _throw(scene, rng):
    target = np.append(rng.uniform(_LOW, _HIGH), 0.03)
    side = rng.choice([-1.0, 1.0])
    start = np.array([rng.uniform(0.35, 0.6), 0.55 * side, rng.uniform(0.2, 0.4)])
    duration = rng.uniform(0.35, 0.6)       # [s] of a flight that ends at the target
    velocity = (target - start) / duration + [0.0, 0.0, 0.5 * 9.81 * duration]
    scene.spawn(stranger(rng), np.append(start, _turned(rng)), velocity)


def _heavy(scene, rng):
    scene.scale(0, mass=5.0)


def _slippery(scene, rng):
    scene.scale(0, friction=0.1)


#: Event by kind: a function of the scene and a random generator.
KINDS: Dict[str, Callable] = {
    'tumble': _tumble, 'drop': _drop, 'appear': _appear, 'throw': _throw,
    'heavy': _heavy, 'slippery': _slippery}


#: Kinds that need no object of the task.
WITHOUT_OBJECT = {'appear', 'throw'}


def _turned(rng):
    """Return a random rotation [4] (Shoemake 1992)."""
    quaternion = rng.normal(size=4)
    return quaternion / np.linalg.norm(quaternion)
