"""Whether spheres cover a robot, for tests of shipped ones and of those that are made."""

import numpy as np
from sim.shapes import link_points


def assert_covered(robot, body, rng, fingers):
    """At random joint positions all that collides and moves is in some sphere."""
    for finger in fingers:
        q = rng.uniform(robot.limits.lower, robot.limits.upper)
        centres = body.places(q[None])[0][0]
        parts = link_points(robot, q, finger)
        assert len(parts) >= 8
        for link, points in parts.items():
            outside = np.linalg.norm(points[:, None] - centres, axis=-1) - body.radii
            assert outside.min(1).max() < 0.0, link
