"""
The same program, whole, for IPOPT (Waechter and Biegler 2006): joint rates and stages unknown.

Slower than a few quadratic programs, and to a local optimum: what those are to be compared with.
"""

from functools import lru_cache
from typing import List

import casadi as ca
import numpy as np
from wm_ros.planning.nlp.limits import Limit, Limits
from wm_ros.planning.nlp.linear import Motion
from wm_ros.planning.nlp.trajectory import Trajectory
from wm_ros.planning.nlp.worth import Judge
from wm_ros.planning.problem import Problem

_OPTIONS = {'print_level': 0, 'sb': 'yes', 'hessian_approximation': 'limited-memory',
            'tol': 1e-3, 'constr_viol_tol': 1e-4, 'mu_strategy': 'adaptive'}


def optimum(problem: Problem, motion: Motion, limits: Limits, judge: Judge, first: Trajectory,
            iterations: int) -> Trajectory:
    """Return where at most ``iterations`` of IPOPT lead from ``first``; check its limits."""
    program = _Program(problem, motion, limits, judge, first)
    score, rest = _Values(program, slice(0, 1)), _Values(program, slice(1, None))
    x = ca.MX.sym('x', len(program.start))
    solver = ca.nlpsol('nlp', 'ipopt', {'x': x, 'f': score(x), 'g': rest(x)}, {
        'print_time': False, 'error_on_fail': False,
        'ipopt': {**_OPTIONS, 'max_iter': iterations}})
    low, high = program.bounds()
    found = solver(x0=program.start, lbg=low, ubg=high)
    return program.trajectory(found['x'])


class _Program:
    """Score below zero and constraints [1 + M] at x [W + H S], remembered for the last x."""

    def __init__(self, problem, motion, limits, judge, first):
        self._problem, self._motion, self._limits, self._judge = problem, motion, limits, judge
        self._first = first
        self.start = np.concatenate([first.rates.ravel(), first.inside[1:].ravel()])
        self.at = lru_cache(maxsize=2)(self._at)

    def trajectory(self, x) -> Trajectory:
        """Return the trajectory that x is of."""
        rates, stages = np.split(np.asarray(x, float).ravel(), [self._motion.width])
        first = self._first
        return first.moved(rates.reshape(first.rates.shape),
                           stages.reshape(self._motion.horizon, -1) - first.inside[1:])

    def bounds(self):
        """Return the bounds [M] of the constraints; the start is outside of boxes' at most."""
        gaps = np.zeros(self._first.inside[1:].size)
        low, high = [gaps], [gaps]
        for limit in self._all(self._first):
            values, one_sided = limit.found.values, np.isinf(limit.high).any()
            low.append((limit.low if one_sided else np.minimum(limit.low, values)).ravel())
            high.append(np.maximum(limit.high, values).ravel())
        return np.concatenate(low), np.concatenate(high)

    def pattern(self) -> np.ndarray:
        """Return where slopes [1 + M, W + H S] are: not by what comes later."""
        horizon, motion = self._motion.horizon, self._motion
        size, joints = motion.transition.inside, motion.width // horizon
        knot = np.concatenate([[horizon], np.repeat(np.arange(horizon), size), *(
            np.repeat(np.arange(horizon), limit.low[0].size)
            for limit in self._all(self._first))])
        rates = np.repeat(np.arange(horizon), joints) <= knot[:, None]
        stage = np.repeat(np.arange(horizon), size)
        near = (stage <= knot[:, None]) & (stage >= knot[:, None] - 1)
        near[1 + horizon * size:] = False
        near[0] = True
        return np.hstack([rates, near])

    def _all(self, at) -> List[Limit]:
        return self._limits(at, self._motion.setpoints(at), self._problem.start.boxes)

    def _at(self, key: bytes):
        """Return values [1 + M] and slopes [1 + M, W + H S] at the x of these bytes."""
        at = self.trajectory(np.frombuffer(key))
        linear = self._motion.open(at)
        worth, width = self._judge(linear), len(self.start)
        values = [[-worth.score], linear.stages.values.ravel()]
        slopes = [-worth.slope[None], linear.stages.slopes.reshape(-1, width)]
        for limit in self._all(at):
            rows = limit.found.slopes.reshape(-1, self._motion.width)
            values.append(limit.found.values.ravel())
            slopes.append(np.pad(rows, ((0, 0), (0, width - rows.shape[1]))))
        return np.concatenate(values), np.vstack(slopes)


class _Values(ca.Callback):
    """Some rows of a program as a CasADi function, with their slopes."""

    def __init__(self, program, rows, slopes_of=None):
        super().__init__()
        self._program, self._rows, self._pattern = program, rows, program.pattern()[rows]
        self._slopes_of = slopes_of         # the name of the function that these are slopes of
        self._made = []                     # CasADi holds no reference to what Python made
        self.construct(slopes_of or 'values', {})

    def get_n_in(self):
        """Return x; of slopes, the values as well."""
        return 2 if self._slopes_of else 1

    def get_sparsity_in(self, i):
        """Return those of x, and of the values."""
        count = self._pattern.shape[1] if i == 0 else len(self._pattern)
        return ca.Sparsity.dense(count, 1)

    def get_sparsity_out(self, i):
        """Return that of the values, or of the slopes."""
        if not self._slopes_of:
            return ca.Sparsity.dense(len(self._pattern), 1)
        columns, rows = np.nonzero(self._pattern.T)
        return ca.Sparsity.triplet(*self._pattern.shape, rows.tolist(), columns.tolist())

    def eval(self, given):  # noqa: A003 (CasADi's name)
        """Return the values, or the slopes."""
        values, slopes = self._program.at(np.asarray(given[0], float).ravel().tobytes())
        if not self._slopes_of:
            return [values[self._rows]]
        return [ca.DM(self.get_sparsity_out(0), slopes[self._rows].T[self._pattern.T])]

    def has_jacobian(self):
        """Return whether slopes are known."""
        return not self._slopes_of

    def get_jacobian(self, name, inputs, outputs, options):
        """Return the function of the slopes."""
        self._made.append(_Values(self._program, self._rows, name))
        return self._made[-1]
