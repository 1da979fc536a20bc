"""A trajectory in the making: joint motion, and the stages of the learned dynamics along it."""

from dataclasses import dataclass, replace

import numpy as np


@dataclass(frozen=True)
class Trajectory:
    """
    H knots, ``dt`` [s] apart, after joints ``q``, ``dq`` [N], setpoint [8] and gripper width [m].

    ``rates`` [H, N] rad/s are linear between the knots, which gives the joints' path; ``inside``
    [1 + H, S] are stages of the learned dynamics, which the steps between need not meet yet.
    """

    q: np.ndarray
    dq: np.ndarray
    setpoint: np.ndarray
    gripper: float
    dt: float
    rates: np.ndarray
    inside: np.ndarray

    @property
    def path(self) -> np.ndarray:
        """Return the joint positions [H, N] rad."""
        before = np.vstack([self.dq, self.rates[:-1]])
        return self.q + 0.5 * self.dt * np.cumsum(before + self.rates, 0)

    def moved(self, rates, inside) -> 'Trajectory':
        """Return one with other rates [H, N], and stages that differ by ``inside`` [H, S]."""
        return replace(self, rates=rates, inside=np.vstack(
            [self.inside[:1], self.inside[1:] + inside]))


def path_by_rates(horizon: int, joints: int, dt: float) -> np.ndarray:
    """Return d path / d rates [H, N, H, N]: exact, and the same for all trajectories."""
    steps = np.arange(horizon)
    share = np.where(steps[:, None] > steps, dt, np.where(steps[:, None] == steps, 0.5 * dt, 0.0))
    return np.einsum('hk,nm->hnkm', share, np.eye(joints))
