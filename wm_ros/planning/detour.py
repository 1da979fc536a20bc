"""
How much longer the way to a goal becomes by boxes, everywhere in the workspace.

A navigation function (NF1, Latombe 1991) on a grid of the end effector's places: short horizons
run into what is between them and the goal, and stay there.
"""

from itertools import product
from typing import Tuple

import numpy as np
import torch
from wm_ros.planning.arm import Arm
from wm_ros.planning.keep_out import Boxes

_CELL = 0.03            # [m]
_ROOM = 0.03            # [m] between the body and a box that is gone around
_THROUGH = 10.0         # times as far is a way through what is blocked, so that all leads out
_STEPS = np.array([step for step in product((-1, 0, 1), repeat=3) if any(step)])


class Terrain:
    """The body's spheres [G, S, 3] m, of an arm that reaches each cell of the workspace's grid."""

    def __init__(self, arm: Arm):
        robot = arm.robot
        self.low = robot.workspace_low
        self.shape = tuple(np.ceil((robot.workspace_high - self.low) / _CELL).astype(int) + 1)
        cells = np.stack(np.meshgrid(*(np.arange(count) for count in self.shape),
                                     indexing='ij'), -1)
        # To and fro, so that each is next to the one before it, where its joints begin.
        cells[1::2] = cells[1::2, ::-1].copy()
        lines = cells.reshape(-1, self.shape[2], 3)
        lines[1::2] = lines[1::2, ::-1].copy()
        order = lines.reshape(-1, 3)
        postures = self._postures(arm, self.low + _CELL * order)
        self.centres = np.empty((*self.shape, *arm.body.places(postures[:1])[0].shape[1:]))
        self.centres[tuple(order.T)] = arm.body.places(postures)[0]
        self.radii = arm.body.radii

    @staticmethod
    def _postures(arm, places):
        home, yaw = arm.kinematics.forward(arm.robot.home)
        way = np.vstack([np.linspace(home, places[0], 20), places])
        still = np.zeros_like(way)
        path, _ = arm.kinematics.follow(arm.robot.home, way, np.full(len(way), yaw), still,
                                        still[:, 0])
        return path[20:]

    def blocked(self, boxes: Boxes) -> np.ndarray:
        """Return which cells the body cannot reach without being too near to a box."""
        centres = torch.as_tensor(self.centres, dtype=torch.float32, device=boxes.centres.device)
        apart = boxes.distance(centres).amin(-1).cpu().numpy() - self.radii
        return apart.min(-1) < _ROOM


class Detour:
    """How much further than straight on it is to ``goal`` [3] m because of ``boxes``."""

    def __init__(self, terrain: Terrain, boxes: Boxes, goal: np.ndarray):
        self._low, blocked = terrain.low, terrain.blocked(boxes)
        self._way = _distances(blocked, self._cell(goal, blocked.shape))
        straight = _distances(np.zeros_like(blocked), self._cell(goal, blocked.shape))
        self._more, self._first, self._last, self._corners = (
            torch.tensor(array, dtype=torch.float32, device=boxes.centres.device)
            for array in (self._way - straight, self._low, np.array(blocked.shape) - 1 - 1e-4,
                          list(product((0, 1), repeat=3))))

    def _cell(self, place, shape) -> Tuple[int, ...]:
        cell = np.round((np.asarray(place) - self._low) / _CELL).astype(int)
        return tuple(np.clip(cell, 0, np.array(shape) - 1))

    def more(self, places):
        """Return by how much [...] m the way from ``places`` [..., 3] is longer; smooth."""
        scaled = torch.minimum(((places - self._first) / _CELL).clamp(min=0), self._last)
        base = scaled.detach().floor()
        share = (scaled - base)[..., None, :]
        weights = torch.where(self._corners > 0, share, 1 - share)      # [..., 8, 3]
        x, y, z = (base[..., None, :] + self._corners).long().unbind(-1)
        weight = weights[..., 0] * weights[..., 1] * weights[..., 2]
        return (weight * self._more[x, y, z]).sum(-1)

    def way_from(self, place, count: int) -> np.ndarray:
        """Return the places [C, 3] m of at most ``count`` cells downhill, ``place`` first."""
        shape, way = np.array(self._way.shape), [np.asarray(place, float)]
        cell = np.array(self._cell(place, self._way.shape))
        while len(way) <= count:
            near = np.clip(cell + _STEPS, 0, shape - 1)
            best = near[np.argmin(self._way[tuple(near.T)]
                                  + _CELL * np.linalg.norm(near - cell, axis=1))]
            if self._way[tuple(best)] >= self._way[tuple(cell)]:
                break
            cell = best
            way.append(self._low + _CELL * cell)
        return np.array(way)


def _distances(blocked, goal) -> np.ndarray:
    """Return the distance [m] of each cell from ``goal``, from cell to next cell of 26."""
    price = np.where(blocked, _THROUGH, 1.0)
    found = np.full(blocked.shape, np.inf)
    found[goal] = 0.0
    while True:
        padded, best = np.pad(found, 1, constant_values=np.inf), found.copy()
        for step in _STEPS:
            there = padded[tuple(slice(1 + s, s + n + 1) for s, n in zip(step, found.shape))]
            np.minimum(best, there + price * (_CELL * np.linalg.norm(step)), out=best)
        if (best >= found - 1e-12).all():
            return found
        found = best
