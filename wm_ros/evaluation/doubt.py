"""Whether a model knows when it does not know: surprise told from the usual, calibration."""

from typing import Dict, NamedTuple

import numpy as np
import torch
from wm_ros.data import Bank
from wm_ros.data.windows import window_batch
from wm_ros.robot.motion import MotionRule
from wm_ros.robot.robot import Robot
from wm_ros.world_model.alarm import parts_of
from wm_ros.world_model.sequence import SequenceModel
from wm_ros.world_model.state import reached_before, StateLayout

WITHIN = 5              # observations from the first informative one within which it is to show
#: Between an episode and its twin, what makes an observation informative: how differently the
#: object moves in a step [m], and how different the force is [N].
MOVES, PUSHES = 0.002, 1.0
#: Quantiles at which forecasts are judged.
LEVELS = np.linspace(0.05, 0.95, 19)

_OBJECT = StateLayout(1)


class Episodes(NamedTuple):
    """
    Recorded episodes, padded to one length T, with the actions that a sentinel sees.

    numbers [T, B, K] (NaN after the end), actions [T, B, A], length [B]; places [T, B, 3] m of
    the first object, forces [T, B, 3] N, stranger [T, B] whether one is in sight.
    """

    numbers: torch.Tensor
    actions: torch.Tensor
    length: np.ndarray
    places: np.ndarray
    forces: np.ndarray
    stranger: np.ndarray


#: Columns of a Bank that ``episodes_of`` needs beside those of the model's streams.
COLUMNS = ('states', 'wrench', 'boxes')


def episodes_of(model: SequenceModel, bank: Bank, robot: Robot) -> Episodes:
    """Return all episodes of ``bank``, recorded of ``robot``."""
    rows = [bank.episode(i) for i in range(bank.episodes)]
    length = np.array([len(row['actions']) for row in rows])
    padded = {name: np.stack([_padded(row[name], length.max()) for row in rows])
              for name in rows[0]}
    batch = window_batch(padded, model.config.streams)
    numbers = batch['numbers']
    for i, count in enumerate(length):
        numbers[count:, i] = float('nan')
    actions = reached_before(padded['states'], MotionRule.of(robot).speed, model.config.actions)
    return Episodes(numbers, torch.as_tensor(actions).transpose(0, 1), length,
                    padded['states'][..., _OBJECT.object_position(0)].swapaxes(0, 1),
                    padded['wrench'][..., :3].swapaxes(0, 1),
                    (padded['boxes'][:, :, -1, 2] > 0).T)


def _padded(column, length):
    return np.concatenate([column, np.repeat(column[-1:], length - len(column), 0)])


@torch.no_grad()
def errors(model: SequenceModel, episodes: Episodes) -> Dict[str, np.ndarray]:
    """
    Return forecast errors in units of their spread, {part: [T, B, N]}; the first are 0.

    Parts are those of ``alarm.parts_of``.
    """
    forecast, seen = model.foresee(episodes.numbers, episodes.actions)
    off = forecast.off(seen)
    off = torch.cat([torch.zeros_like(off[:1]), off])
    return parts_of(model.senses, off)


def onsets(episodes: Episodes, twins: Episodes) -> np.ndarray:
    """
    Return the row [B] of the first informative observation, -1 where there is none.

    ``twins`` are the same episodes without what happened in ``episodes``.  Informative is one
    in which a stranger is in sight, or that differs from the twin's as a sensor can tell; so
    that it can show, ``WITHIN`` more have to follow.
    """
    length = np.minimum(episodes.length, twins.length)      # one may have succeeded before
    rows = slice(length.max())
    places, others = (each.places[rows] for each in (episodes, twins))
    there = episodes.stranger[rows].copy()
    there[1:] |= np.linalg.norm(np.diff(places, axis=0) - np.diff(others, axis=0), axis=-1) > MOVES
    there |= np.linalg.norm(episodes.forces[rows] - twins.forces[rows], axis=-1) > PUSHES
    there &= np.arange(len(there))[:, None] < length
    first = np.where(there.any(0), there.argmax(0), -1)
    return np.where((first >= 1) & (first + WITHIN < length), first, -1)


def within(alarm: np.ndarray, onset: np.ndarray) -> np.ndarray:
    """Return the greatest alarm [N] within ``WITHIN`` rows from each onset that there is."""
    return np.array([np.nanmax(alarm[t:t + WITHIN + 1, b])
                     for b, t in enumerate(onset) if t >= 0])


def auroc_interval(unusual: np.ndarray, usual: np.ndarray, seed: int = 0) -> np.ndarray:
    """Return the 95 % interval [2] of the AUROC of pairs [N], by resampling them."""
    rng, found = np.random.default_rng(seed), []
    for _ in range(1000):
        chosen = rng.integers(len(unusual), size=len(unusual))
        found.append(auroc(unusual[chosen], usual[chosen]))
    return np.quantile(found, [0.025, 0.975])


def begun(alarm: np.ndarray, threshold: float) -> int:
    """Return how often ``alarm`` [T, ...] rises above ``threshold``; NaN is no alarm."""
    over = np.nan_to_num(alarm) > threshold
    return int((over[1:] & ~over[:-1]).sum())


def auroc(unusual: np.ndarray, usual: np.ndarray) -> float:
    """Return the chance that an unusual score is above a usual one; ties count half."""
    more = (unusual[:, None] > usual[None]).mean()
    return float(more + 0.5 * (unusual[:, None] == usual[None]).mean())


@torch.no_grad()
def reliability(model: SequenceModel, episodes: Episodes) -> Dict[str, np.ndarray]:
    """
    Return, for each part, how often what was seen lies below its forecast's quantiles.

    {part: [19]} at the quantiles 0.05 to 0.95 (Kuleshov et al. 2018); equal is calibrated.
    """
    forecast, seen = model.foresee(episodes.numbers, episodes.actions)
    parts = parts_of(model.senses, forecast.rank(seen))
    return {name: np.array([(part[np.isfinite(part)] < level).mean()
                            for level in LEVELS]) for name, part in parts.items()}


def calibration_error(frequencies: np.ndarray) -> float:
    """Return the mean distance between quantiles and how often they hold."""
    return float(np.abs(frequencies - LEVELS).mean())
