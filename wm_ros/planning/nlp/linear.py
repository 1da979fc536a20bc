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
    What is dreamed along a trajectory: once the gaps between its stages are closed, or as it is.

    ``stages`` [H, S]: by how much each has to move for that, and how the rates move it; as it
    is, the gaps.  The others are setpoints [H, 10], states [H, X], latents [H, D], actions
    [H, A] and disagreement [H] m.
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
        slopes = np.zeros((*values.shape, setpoints.slopes.shape[-1]))
        values[:, :4] = setpoints.values[:, TWIST] * self._share
        slopes[:, :4] = setpoints.slopes[:, TWIST] * self._share[:, None]
        return Change(values, slopes)

    def closed(self, at: Trajectory) -> Linear:
        """Return what the W joint rates change, the stages being what comes of them."""
        setpoints = self.setpoints(at)
        after, by = self._after(at, setpoints)
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
        stages = Change(gaps, moved)
        return self._linear(at, setpoints, Change(at.inside[1:] + gaps, moved), stages,
                            Change(spread, spread_by))

    def open(self, at: Trajectory) -> Linear:  # noqa: A003 (as opposed to closed)
        """Return what W + H S unknowns change: the joint rates, and each stage by itself."""
        setpoints, size = self.setpoints(at), self.transition.inside
        more = self.horizon * size
        wider = np.pad(setpoints.slopes, ((0, 0), (0, 0), (0, more)))
        setpoints = setpoints._replace(slopes=wider)
        own = np.zeros((self.horizon, size, self.width + more))
        own[..., self.width:] = np.eye(more).reshape(self.horizon, size, more)
        after, by = self._after(at, setpoints)
        nothing = np.zeros_like(own[:1])
        slopes = by @ np.concatenate([
            np.concatenate([nothing, own[:-1]]),
            np.concatenate([nothing[:, :8], setpoints.slopes[:-1, :8]]),
            setpoints.slopes[:, :8]], 1)
        gaps = Change(after[:, :size] - at.inside[1:], slopes[:, :size] - own)
        return self._linear(at, setpoints, Change(at.inside[1:], own), gaps,
                            Change(after[:, size], slopes[:, size]))

    def _after(self, at, setpoints):
        """Return what comes of each stage, and its derivatives; see ``Transition``."""
        known = np.vstack([at.setpoint, setpoints.values[:, :8]])
        return self.transition(at.inside[:-1], known, at.gripper)

    def _linear(self, at, setpoints, inside, stages, spread):
        (states, latents), (states_by, latents_by) = (self.transition.give(
            *parts) for parts in ((inside.values, setpoints.values[:, :8], at.gripper),
                                  (inside.slopes, setpoints.slopes[:, :8], 0.0)))
        return Linear(stages, setpoints, Change(states, states_by), Change(latents, latents_by),
                      self.actions(setpoints), spread)
