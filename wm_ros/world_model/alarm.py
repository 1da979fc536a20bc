"""Alarms: errors of many forecasts become one number for each sense: how seldom they are."""

from types import MappingProxyType
from typing import Dict, Mapping

import numpy as np
from wm_ros.world_model.senses import Senses
from wm_ros.world_model.state import StateLayout

#: Observations whose errors are averaged: noise goes, what goes one way again and again stays.
ROWS = 6
#: Shares of the usual at which its tails are known; the last makes an alarm of 1.
SHARES = np.array([0.5, 0.2, 0.1, 0.03, 0.01, 0.003, 0.001])
_SELDOM = -np.log10(SHARES)
_RISES = np.diff(_SELDOM, prepend=0.0)
_ONE = _SELDOM[-1]
#: Of its forecast's spread: what has always been foreseen better may for once be off so much.
LEAST = 0.5


def parts_of(senses: Senses, values) -> Dict[str, np.ndarray]:
    """
    Return {part: its numbers [..., N]} of a tensor [..., K].

    Parts are the streams; that of the states is two, ``robot`` and ``objects``.
    """
    parts = {name: part.cpu().numpy() for name, part in senses.parts(values).items()}
    if 'states' in parts:
        first, states = StateLayout(1).object_slots(0).start, parts.pop('states')
        parts['robot'] = states[..., :first]
        if states.shape[-1] > first:
            parts['objects'] = states[..., first:]
    return parts


def lasting(errors: Mapping[str, np.ndarray], rows: int = ROWS) -> Dict[str, np.ndarray]:
    """Return how far the errors [T, ...] of the last ``rows`` are off in the mean [T, ...]."""
    found = {}
    for name, part in errors.items():
        total = np.cumsum(np.concatenate([np.zeros_like(part[:1]), np.nan_to_num(part)]), 0)
        first = np.maximum(np.arange(len(part)) + 1 - rows, 0)
        mean = (total[1:] - total[first]) / rows
        found[name] = np.where(np.isfinite(part), np.abs(mean), np.nan)
    return found


class Tails:
    """
    How seldom the usual is as great: -log10 of the share of it that reaches a number.

    ``knots`` [Q, N] are what the shares ``SHARES`` of the usual reach of each of N numbers; beyond
    the last it goes on as between the last two.  Raises ValueError for what is not finite, or
    does not rise from above 0 on.
    """

    def __init__(self, knots: np.ndarray):
        self.knots = np.asarray(knots, dtype=float)
        if self.knots.ndim != 2 or len(self.knots) != len(SHARES):
            raise ValueError(f'got knots of shape {list(self.knots.shape)}, expected '
                             f'[{len(SHARES)}, N]')
        self._low = np.concatenate([np.zeros_like(self.knots[:1]), self.knots[:-1]])
        self._steps = self.knots - self._low
        if not (np.isfinite(self.knots).all() and (self._steps > 0).all()):
            raise ValueError(f'got knots {self.knots.tolist()}, expected numbers that rise from '
                             'above 0 on')

    @classmethod
    def of(cls, usual: np.ndarray, least: np.ndarray) -> 'Tails':
        """Return the tails of ``usual`` [..., N], NaN apart; knots are at least ``least`` [Q]."""
        flat = usual.reshape(-1, usual.shape[-1])
        knots = np.maximum(np.nanquantile(flat, 1 - SHARES, axis=0), least[:, None])
        for i in range(1, len(knots)):      # what is reached by many alike rises without end
            knots[i] = np.maximum(knots[i], knots[i - 1] + least[-1] / 100)
        return cls(knots)

    def __call__(self, seen: np.ndarray) -> np.ndarray:
        """Return how seldom each number of ``seen`` [..., N] is; NaN stays NaN."""
        found = np.zeros(np.shape(seen))
        most = np.append(np.ones(len(SHARES) - 1), np.inf)
        for rise, low, step, end in zip(_RISES, self._low, self._steps, most):
            found += rise * np.clip((seen - low) / step, 0.0, end)
        return found


class Alarm:
    """
    One number for each part: 1 is what the usual reaches in one observation of a thousand.

    The numbers of a part together are the squares of how seldom each is, summed up: as Fisher's
    method (1932), but one that is clear weighs more than many that are not.  ``numbers``
    {part: [Q, N]} and ``wholes`` {part: [Q, 1]} are the knots of their tails.  Raises ValueError
    where they are none.
    """

    def __init__(self, numbers: Mapping[str, np.ndarray], wholes: Mapping[str, np.ndarray]):
        if set(numbers) != set(wholes):
            raise ValueError(f'alarm: got numbers of {sorted(numbers)}, wholes of '
                             f'{sorted(wholes)}, expected the same parts')
        try:
            self._numbers = {name: Tails(knots) for name, knots in numbers.items()}
            self._wholes = {name: Tails(knots) for name, knots in wholes.items()}
        except ValueError as error:
            raise ValueError(f'alarm: {error}') from error

    @classmethod
    def fit(cls, usual: Mapping[str, np.ndarray],
            least: Mapping[str, float] = MappingProxyType({})) -> 'Alarm':
        """
        Return the alarm of which ``usual`` {part: [T, B, N]}, NaN apart, is what is usual.

        ``least`` {part: } is what one observation in a thousand has to reach at any rate; for
        parts that are not in it, it is ``LEAST``.
        """
        numbers = {name: Tails.of(part, least.get(name, LEAST) * _SELDOM / _ONE)
                   for name, part in usual.items()}
        wholes = {name: Tails.of(_whole(tails(usual[name])), _SELDOM ** 2)
                  for name, tails in numbers.items()}
        return cls(_knots(numbers), _knots(wholes))

    def to_dict(self) -> dict:
        """Return it as plain data, what it is made from."""
        return {'numbers': {name: knots.tolist() for name, knots in
                            _knots(self._numbers).items()},
                'wholes': {name: knots.tolist() for name, knots in _knots(self._wholes).items()}}

    def parts(self, seen: Mapping[str, np.ndarray]) -> Dict[str, np.ndarray]:
        """Return the alarm of each part [...] of {part: [..., N]}; NaN where nothing was seen."""
        return {name: self._wholes[name](_whole(self._numbers[name](part)))[..., 0] / _ONE
                for name, part in seen.items()}

    def __call__(self, seen: Mapping[str, np.ndarray]) -> np.ndarray:
        """Return the greatest alarm of all parts [...]."""
        return np.max(list(self.parts(seen).values()), axis=0)


def _whole(seldom):
    return np.square(seldom).sum(-1, keepdims=True)


def _knots(tails):
    return {name: one.knots for name, one in tails.items()}
