"""Episodes of scenes, for tests of all engines."""

import numpy as np


def episode(stepper, seed, act=None):
    """Run an episode; ``act(stepper)`` None means the script."""
    stepper.reset(seed)
    while not stepper.scene.done:
        stepper.step(stepper.expert() if act is None else act(stepper))
    return stepper.scene.success


def record(stepper, seed, steps):
    """Return all that can be seen of an episode's first steps under the script."""
    rows = []
    seen = stepper.reset(seed)
    for _ in range(steps):
        rows.append(np.concatenate([
            seen.joint_positions, seen.joint_velocities, seen.joint_efforts, seen.wrench,
            seen.object_poses.ravel(), stepper.scene.goal, [stepper.reward()]]))
        seen = stepper.step(stepper.expert())
    return np.array(rows)
