"""A trajectory's dream to first order, condensed to what the joint rates change of it."""

from typing import NamedTuple

import numpy as np
from wm_ros.planning.nlp.setpoints import Setpoints, TWIST
from wm_ros.planning.nlp.trajectory import path_by_rates, Trajectory
from wm_ros.planning.nlp.transition import Transition
from wm_ros.robot.robot import Robot
from wm_ros.types import ACTION_NAMES
from wm_ros.world_model.agent.dynamics import Dynamics


class Change(NamedTuple):
    """Numbers at each knot [H, ...], and their slopes [H, ..., W] by the W = H N joint rates."""

    values: np.ndarray
    slopes: np.ndarray


class Linear(NamedTuple):
    """
    What is dreamed along a trajectory, once the gaps between its stages are closed.

    ``stages`` [H, S]: by how much each has to move for that, and how the rates move it.  The
    others are setpoints [H, 10], states [H, X], latents [H, D], actions [H, A] and disagreement
    [H] m.
    """

    stages: Change
    setpoints: Change
    states: Change
    latents: Change
    actions: Change
    spread: Change


class Motion:
    """Makes trajectories of one robot and one dynamics linear, over H knots; holds buffers."""

    def __init__(self, robot: Robot, dynamics: Dynamics, horizon: int):
        joints = len(robot.joint_names)
        self.horizon, self.width = horizon, horizon * joints
        self.transition = Transition(dynamics)
        self._share = np.where(dynamics.active[:4].cpu(), 1.0 / dynamics.rule.speed, 0.0)
        self._setpoints = Setpoints(robot, horizon)
        self.path_by = path_by_rates(horizon, joints, robot.dt).reshape(
            horizon, joints, self.width)
        self.rates_by = np.eye(self.width).reshape(horizon, joints, self.width)

    def setpoints(self, at: Trajectory) -> Change:
        """Return the setpoints [H, 10] along a trajectory."""
        values, slopes = self._setpoints(at.path, at.rates)
        joints = slopes.shape[-1] // 2
        return Change(values, slopes[..., :joints] @ self.path_by
                      + slopes[..., joints:] @ self.rates_by)

    def actions(self, setpoints: Change) -> Change:
        """Return the actions [H, A] that setpoints [H, 10] amount to."""
        values = np.zeros((self.horizon, len(ACTION_NAMES)))
        slopes = np.zeros((*values.shape, self.width))
        values[:, :4] = setpoints.values[:, TWIST] * self._share
        slopes[:, :4] = setpoints.slopes[:, TWIST] * self._share[:, None]
        return Change(values, slopes)

    def __call__(self, at: Trajectory) -> Linear:
        """Return what is linear about the trajectory."""
        setpoints = self.setpoints(at)
        stages, spread = self._closed(at, setpoints)
        whole = Change(at.inside[1:] + stages.values, stages.slopes)
        (states, latents), (states_by, latents_by) = (self.transition.give(
            *parts) for parts in ((whole.values, setpoints.values[:, :8], at.gripper),
                                  (whole.slopes, setpoints.slopes[:, :8], 0.0)))
        return Linear(stages, setpoints, Change(states, states_by), Change(latents, latents_by),
                      self.actions(setpoints), spread)

    def _closed(self, at, setpoints):
        """Return by what the stages move [H, S] if the gaps close, and the disagreement [H]."""
        known = np.vstack([at.setpoint, setpoints.values[:, :8]])
        after, by = self.transition(at.inside[:-1], known, at.gripper)
        size = self.transition.inside
        gap, moved = np.zeros(size), np.zeros((size, self.width))
        before, found = np.zeros((8, self.width)), []
        for k in range(self.horizon):
            now = setpoints.slopes[k, :8]
            slopes = by[k] @ np.vstack([moved, before, now])
            values = after[k] + by[k, :, :size] @ gap
            gap, moved, before = values[:size] - at.inside[k + 1], slopes[:size], now
            found.append((gap, moved, values[size], slopes[size]))
        gaps, moved, spread, spread_by = map(np.array, zip(*found))
        return Change(gaps, moved), Change(spread, spread_by)
