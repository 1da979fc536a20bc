"""Spheres that cover a robot's links, for its robot file."""

from typing import Dict, List, Tuple

import numpy as np
from sim.shapes import link_points
from wm_ros.robot import urdf
from wm_ros.robot.chain import chain_of
from wm_ros.robot.robot import Robot

_WIDTHS = 5                 # of the gripper, at which the fingers are covered
_TRIES, _ROUNDS = 4, 12     # of k-means
_POINTS = 3000              # of a link, that parts are made of
_MOST = 40                  # spheres of a link
_MARGIN = 0.005             # [m], what may stand out between the points that are looked at


def cover(robot: Robot, radius: float) -> Dict[str, np.ndarray]:
    """
    Return spheres [S, 4] by link: centre in its frame and radius, m, at most about ``radius``.

    They cover all that collides and moves: each link between base and end effector with what is
    fixed to it, fingers at any width included.
    """
    found = {}
    for link, points in _points(robot).items():
        for count in range(1, _MOST + 1):
            spheres = _balls(points, count)
            if spheres[:, 3].max() <= radius:
                break
        spheres[:, 3] += _MARGIN
        found[link] = spheres
    return found


def _points(robot) -> Dict[str, np.ndarray]:
    """Return points [V, 3] to cover in the frame of each link of the chain that moves."""
    import casadi
    chain = chain_of(robot)
    holders = _holders(robot, chain)
    poses = casadi.Function('poses', [chain.q], [link.pose for link in chain.links.values()])
    frames = dict(zip(chain.links, (np.array(pose) for pose in poses(robot.home))))
    found: Dict[str, List[np.ndarray]] = {}
    for finger in np.linspace(0.0, _out(robot), _WIDTHS):
        for name, points in link_points(robot, robot.home, finger).items():
            holder = holders.get(name)
            if holder is not None and chain.links[holder].moved:
                frame = frames[holder]
                found.setdefault(holder, []).append((points - frame[:3, 3]) @ frame[:3, :3])
    return {name: np.unique(np.concatenate(parts), axis=0) for name, parts in found.items()}


def _out(robot) -> float:
    """Return how far each finger is out where the gripper is open [m]."""
    return robot.gripper_max / max(len(robot.gripper_joint_names), 1)


def _holders(robot, chain) -> Dict[str, str]:
    """Return by link the last one of the chain that it is fixed to, or hangs on."""
    parents = {joint.child: joint.parent for joint in urdf.read_joints(robot.urdf).values()}
    holders = {}
    for link in parents:
        above = link
        while above is not None and above not in chain.links:
            above = parents.get(above)
        if above is not None:
            holders[link] = above
    return holders


def _balls(points, count) -> np.ndarray:
    """Return ``count`` spheres [S, 4] that hold ``points`` [V, 3], of little volume."""
    rng, best = np.random.default_rng(0), None
    few = points[rng.permutation(len(points))[:_POINTS]]
    for _ in range(_TRIES):
        nearest = _parts(few, points, count, rng)
        spheres = np.array([_ball(points[nearest == i]) for i in np.unique(nearest)])
        volume = (spheres[:, 3] ** 3).sum()
        if best is None or volume < best[0]:
            best = volume, spheres
    return best[1]


def _parts(few, points, count, rng) -> np.ndarray:
    """Return to which of at most ``count`` parts each of ``points`` belongs, told by ``few``."""
    centres = few[rng.choice(len(few), count, replace=False)]
    for _ in range(_ROUNDS):        # k-means (Lloyd 1982)
        nearest = _nearest(few, centres)
        centres = np.array([few[nearest == i].mean(0) for i in np.unique(nearest)])
    return _nearest(points, centres)


def _nearest(points, centres):
    return (np.square(centres).sum(1) - 2.0 * points @ centres.T).argmin(1)


def _ball(points) -> Tuple[float, float, float, float]:
    """Return centre and radius of a small ball around ``points`` (Badoiu and Clarkson 2003)."""
    centre = points.mean(0)
    for k in range(1, 300):
        far = points[np.square(points - centre).sum(1).argmax()]
        centre = centre + (far - centre) / (k + 1)
    return (*centre, np.linalg.norm(points - centre, axis=1).max())
