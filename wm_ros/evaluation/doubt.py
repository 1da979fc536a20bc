"""Whether a model knows when it does not know: surprise told from the usual, calibration."""

from typing import Callable, Dict, NamedTuple, Sequence

import numpy as np
import torch
from wm_ros.data import Bank
from wm_ros.learning.sequence import COLUMNS, window_batch
from wm_ros.world_model.sequence import SequenceModel

WITHIN = 5              # observations from the first informative one within which it is to show
_MOVING = 0.02          # [m/s] of an object, above which something has touched it
#: Quantiles at which forecasts are judged.
LEVELS = np.linspace(0.05, 0.95, 19)


class Episodes(NamedTuple):
    """
    Recorded episodes, padded to one length T.

    numbers [T, B, K] (NaN after the end), actions [T, B, A], length [B]; event [T, B], moving
    [T, B] whether an object moves, stranger [T, B] whether one is in sight.
    """

    numbers: torch.Tensor
    actions: torch.Tensor
    length: np.ndarray
    event: np.ndarray
    moving: np.ndarray
    stranger: np.ndarray


def columns_for(model: SequenceModel) -> Sequence[str]:
    """Return the columns of a Bank that ``episodes_of`` needs."""
    wanted = (*model.config.streams, *COLUMNS, 'states', 'event', 'boxes')
    return tuple(dict.fromkeys(wanted))


def episodes_of(model: SequenceModel, bank: Bank) -> Episodes:
    """Return all episodes of ``bank``."""
    rows = [bank.episode(i) for i in range(bank.episodes)]
    length = np.array([len(row['actions']) for row in rows])
    padded = {name: np.stack([_padded(row[name], length.max()) for row in rows])
              for name in rows[0]}
    batch = window_batch(padded, model.config.streams)
    numbers = batch['numbers']
    for i, count in enumerate(length):
        numbers[count:, i] = float('nan')
    speed = np.linalg.norm(padded['states'][..., 19:22], axis=-1)
    return Episodes(numbers, batch['actions'], length, padded['event'].T,
                    (speed > _MOVING).T, (padded['boxes'][:, :, -1, 2] > 0).T)


def _padded(column, length):
    rest = np.zeros((length - len(column), *column.shape[1:]), column.dtype)
    return np.concatenate([column, rest])


@torch.no_grad()
def surprises(model: SequenceModel, episodes: Episodes) -> Dict[str, np.ndarray]:
    """Return how surprising each observation was, {stream: [T, B]}; the first is not."""
    found = model.filter(episodes.numbers, episodes.actions)
    said = model.surprise(found.features[:-1], episodes.actions[1:], episodes.numbers[1:])
    return {name: np.concatenate([np.zeros_like(part[:1]), part.numpy()])
            for name, part in said.items()}


class Alarm:
    """One number of several streams' surprise: 1 is what one observation in a thousand reaches."""

    def __init__(self, usual: Dict[str, np.ndarray], share: float = 1e-3):
        self.scale = {name: np.nanquantile(part, 1 - share) for name, part in usual.items()}

    def __call__(self, surprise: Dict[str, np.ndarray]) -> np.ndarray:
        """Return the alarm [T, B]; NaN where nothing was seen."""
        return np.max([part / self.scale[name] for name, part in surprise.items()], axis=0)


def onsets(episodes: Episodes, first: Callable) -> np.ndarray:
    """
    Return the row [B] from which on it can show, -1 where it never does.

    ``first(b)`` is the row at which the event of episode b happened, or could have, or -1.
    """
    found = np.full(len(episodes.length), -1)
    for b, length in enumerate(episodes.length):
        start = first(b)
        rows = np.flatnonzero(episodes.moving[start:length, b] | episodes.stranger[
            start:length, b]) if start >= 0 else ()
        if len(rows):
            found[b] = start + rows[0]
    return found


def within(alarm: np.ndarray, onset: np.ndarray) -> np.ndarray:
    """Return the greatest alarm [N] within ``WITHIN`` rows from each onset that there is."""
    return np.array([np.nanmax(alarm[t:t + WITHIN + 1, b])
                     for b, t in enumerate(onset) if t >= 0])


def auroc(unusual: np.ndarray, usual: np.ndarray) -> float:
    """Return the chance that an unusual score is above a usual one; ties count half."""
    more = (unusual[:, None] > usual[None]).mean()
    return float(more + 0.5 * (unusual[:, None] == usual[None]).mean())


@torch.no_grad()
def reliability(model: SequenceModel, episodes: Episodes) -> Dict[str, np.ndarray]:
    """
    Return, for each stream, how often what was seen lies below its forecast's quantiles.

    {stream: [19]} at the quantiles 0.05 to 0.95 (Kuleshov et al. 2018); equal is calibrated.
    """
    found = model.filter(episodes.numbers, episodes.actions)
    forecast = model.forecast(found.features[:-1], episodes.actions[1:])
    seen = model.senses.normalised(episodes.numbers[1:])
    rank = torch.special.ndtr((seen - forecast.mean) / forecast.spread)
    parts = model.senses.parts(rank)
    return {name: np.array([float((part[part.isfinite()] < level).float().mean())
                            for level in LEVELS]) for name, part in parts.items()}


def calibration_error(frequencies: np.ndarray) -> float:
    """Return the mean distance between quantiles and how often they hold."""
    return float(np.abs(frequencies - LEVELS).mean())
