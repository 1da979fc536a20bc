"""The quadratic program of one step, dense, and its solver."""

from functools import lru_cache
from typing import Sequence

import casadi as ca
import numpy as np
from wm_ros.planning.nlp.limits import Limit, SOFT
from wm_ros.types import NoValidPlan

_SOLVERS = (('daqp', {}), ('qpoases', {'printLevel': 'none'}))
_FREE = 1e9
_PRICE, _FIRM = 1e3, 1e-3   # of what a soft limit misses: linear, and squared so that one is best


class QuadraticProgram:
    """Minimises x' H x / 2 + g' x within limits; keeps a solver for each size, for one thread."""

    def __init__(self):
        self._solver = lru_cache(maxsize=8)(_solver)

    def __call__(self, hessian, slope, limits: Sequence[Limit]) -> np.ndarray:
        """
        Return the best x [W] that keeps ``limits`` to first order.

        What is outside a limit already goes no further out.  Raises NoValidPlan where there is
        none.
        """
        full, gradient, (matrix, low, high) = _program(hessian, slope, limits)
        if not all(np.isfinite(part).all() for part in (full, gradient, matrix)):
            raise NoValidPlan('the trajectory is not finite: the belief or the checkpoint is '
                              'broken')
        width = len(slope)
        least = np.append(np.full(width, -_FREE), np.zeros(len(gradient) - width))
        solver = self._solver(*matrix.shape)
        found = solver(h=full, g=gradient, a=matrix, lba=low.clip(-_FREE),
                       uba=high.clip(max=_FREE), lbx=least)
        x = np.asarray(found['x'])[:width, 0]
        if not solver.stats()['success'] or not np.isfinite(x).all():
            raise NoValidPlan('no motion keeps the limits of joints and setpoint')
        return x


def _program(hessian, slope, limits):
    """Return the program with slacks: Hessian, slope, and the rows with their bounds."""
    width, knots = len(slope), len(limits[0].low)
    slacks = len(SOFT) * knots
    full, gradient = _FIRM * np.eye(width + slacks), np.full(width + slacks, _PRICE)
    full[:width, :width], gradient[:width] = hessian, slope
    rows = [row for limit in limits for row in _rows(limit, width, knots)]
    return full, gradient, tuple(np.concatenate(parts) for parts in zip(*rows))


def _rows(limit, width, knots):
    """Yield the rows of a limit: matrix [M, W + slacks], lower and upper bounds [M]."""
    values, slopes = limit.found.values.ravel(), limit.found.slopes.reshape(-1, width)
    each, count = len(values) // knots, len(SOFT) * knots
    below, above = limit.low.ravel() - values, limit.high.ravel() - values
    slack = np.zeros((len(values), count))
    if limit.soft is None:
        yield np.hstack([slopes, slack]), np.minimum(below, 0.0), np.maximum(above, 0.0)
        return
    slack[np.arange(len(values)), limit.soft * knots + np.arange(len(values)) // each] = 1.0
    nothing = np.full(len(values), np.inf)
    if np.isfinite(below).any():
        yield np.hstack([slopes, slack]), below, nothing
    if np.isfinite(above).any():
        yield np.hstack([slopes, -slack]), -nothing, above


def _solver(rows, width):
    dense = {'h': ca.Sparsity.dense(width, width), 'a': ca.Sparsity.dense(rows, width)}
    for name, options in _SOLVERS:
        if ca.has_conic(name):
            return ca.conic('step', name, dense, {**options, 'error_on_fail': False})
    raise NoValidPlan(f'casadi has no quadratic solver of {[name for name, _ in _SOLVERS]}')
