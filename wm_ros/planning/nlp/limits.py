"""What a trajectory has to keep: limits of joints and setpoint, an upright tool, boxes."""

from typing import List, NamedTuple, Optional

import numpy as np
import torch
from wm_ros.planning.arm import Arm
from wm_ros.planning.keep_out import Boxes
from wm_ros.planning.nlp.linear import Change, Motion
from wm_ros.planning.nlp.setpoints import POSE, TILT, TWIST
from wm_ros.planning.nlp.trajectory import Trajectory
from wm_ros.planning.posture import MARGIN

_UPRIGHT = 0.004            # that the tool's axis may lean
_STILL = 1e-3               # [rad/s] of a yaw that the task does not use
#: Kinds of limits that a start may violate, and that are priced: see ``Limit.soft``.
SOFT = TILTED, TOO_NEAR = range(2)


class Limit(NamedTuple):
    """Numbers that stay between bounds [H, ...]; ``soft`` where what is missing has a price."""

    found: Change
    low: np.ndarray
    high: np.ndarray
    soft: Optional[int] = None


class Limits:
    """The constraints of one robot, task and horizon; holds buffers."""

    def __init__(self, arm: Arm, motion: Motion, rule, turning: bool):
        self._arm, self._motion, self._rule = arm, motion, rule
        self._fastest = np.append(rule.speed[:3], rule.speed[3] if turning else _STILL)

    def __call__(self, at: Trajectory, setpoints: Change, boxes: Boxes,
                 watched: Optional[int] = None) -> List[Limit]:
        """Return all limits; of ``watched`` spheres, those nearest to a box, None for all."""
        found = [*self._of_joints(at), *self._of_setpoint(at, setpoints)]
        if len(boxes.centres):
            found.append(self._of_boxes(at, boxes, watched))
        return found

    def _of_joints(self, at):
        rule, motion = self._arm.follower.rule, self._motion
        change = rule.acceleration * rule.dt
        rates = Change(at.rates, motion.rates_by)
        return (_within(rates, -rule.speed, rule.speed),
                _within(Change(at.path, motion.path_by), rule.low, rule.high),
                _within(_steps(rates, at.dq), -change, change))

    def _of_setpoint(self, at, setpoints):
        rule = self._rule
        twist, change = _part(setpoints, TWIST), rule.acceleration * rule.dt
        return (_within(_part(setpoints, TILT), -_UPRIGHT, _UPRIGHT, TILTED),
                _within(_part(setpoints, POSE), rule.low, rule.high),
                _within(twist, -self._fastest, self._fastest),
                _within(_steps(twist, at.setpoint[4:]), -change, change))

    def _of_boxes(self, at, boxes, watched):
        apart = self.clearance(at, boxes)
        chosen = np.argsort(apart.values, 1)[:, :watched]
        rows = np.arange(len(chosen))[:, None]
        found = Change(apart.values[rows, chosen], np.einsum(
            'hsn,hnw->hsw', apart.slopes[rows, chosen], self._motion.path_by))
        return _within(found, MARGIN, np.inf, TOO_NEAR)

    def room(self, at: Trajectory, boxes: Boxes) -> float:
        """Return the least distance [m] of the body from a box, infinite without boxes."""
        if not len(boxes.centres):
            return np.inf
        return float(self.clearance(at, boxes).values.min())

    def clearance(self, at: Trajectory, boxes: Boxes) -> Change:
        """Return how far the body is from boxes [H, S] m, slopes [H, S, N] by the joints."""
        body = self._arm.body
        centres, by = body.places(at.path)
        with torch.enable_grad():
            points = torch.as_tensor(centres, dtype=torch.float32,
                                     device=boxes.centres.device).requires_grad_(True)
            apart = boxes.distance(points).amin(-1)
            (normals,) = torch.autograd.grad(apart.sum(), points)
        normals = normals.cpu().numpy().astype(float)
        return Change(apart.detach().cpu().numpy() - body.radii,
                      np.einsum('hsc,hscn->hsn', normals, by))


def _part(found, where):
    return Change(found.values[:, where], found.slopes[:, where])


def _steps(found, first):
    """Return what changes from knot to knot."""
    earlier = np.concatenate([np.zeros_like(found.slopes[:1]), found.slopes[:-1]])
    return Change(found.values - np.vstack([first, found.values[:-1]]), found.slopes - earlier)


def _within(found, low, high, soft=None):
    return Limit(found, *(np.broadcast_to(edge, found.values.shape) for edge in (low, high)), soft)
