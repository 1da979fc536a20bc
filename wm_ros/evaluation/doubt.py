"""Whether a model knows when it does not know: surprise told from the usual, calibration."""

from types import MappingProxyType
from typing import Callable, Dict, Mapping, NamedTuple, Sequence

import numpy as np
import torch
from wm_ros.data import Bank
from wm_ros.data.windows import COLUMNS, window_batch
from wm_ros.world_model.sequence import SequenceModel
from wm_ros.world_model.state import StateLayout

WITHIN = 5              # observations from the first informative one within which it is to show
_SLID = 0.01            # [m] that an object moves in them, where there is something to be told
#: Quantiles at which forecasts are judged.
LEVELS = np.linspace(0.05, 0.95, 19)


class Episodes(NamedTuple):
    """
    Recorded episodes, padded to one length T.

    numbers [T, B, K] (NaN after the end), actions [T, B, A], length [B]; event [T, B], moving
    [T, B] whether an object is about to slide, stranger [T, B] whether one is in sight.
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
    return Episodes(numbers, batch['actions'], length, padded['event'].T,
                    _sliding(padded['states'][..., StateLayout(1).object_position(0)]).T,
                    (padded['boxes'][:, :, -1, 2] > 0).T)


def _padded(column, length):
    return np.concatenate([column, np.repeat(column[-1:], length - len(column), 0)])


def _sliding(places):
    """Return whether objects at ``places`` [B, T, 3] will be elsewhere ``WITHIN`` rows on."""
    later = np.concatenate([places[:, WITHIN:], np.repeat(places[:, -1:], WITHIN, 1)], 1)
    return np.linalg.norm(later - places, axis=-1) > _SLID


@torch.no_grad()
def errors(model: SequenceModel, episodes: Episodes) -> Dict[str, np.ndarray]:
    """Return forecast errors in units of their spread, {stream: [T, B, N]}; the first are 0."""
    found = model.filter(episodes.numbers, episodes.actions)
    forecast = model.forecast(found.features[:-1], episodes.actions[1:])
    off = (model.senses.normalised(episodes.numbers[1:]) - forecast.mean) / forecast.spread
    off = torch.cat([torch.zeros_like(off[:1]), off])
    return {name: part.numpy() for name, part in model.senses.parts(off).items()}


def lasting(errors_of: Dict[str, np.ndarray], share: float = 0.4) -> Dict[str, np.ndarray]:
    """
    Return the absolute moving averages of errors, {stream: [T, B, N]} (EWMA chart, Roberts 1959).

    A blow is forgotten; an error that goes one way again and again adds up.
    """
    found = {}
    for name, part in errors_of.items():
        mean, rows = np.zeros_like(part[0]), []
        for row in part:
            mean = np.where(np.isfinite(row), mean + share * (np.nan_to_num(row) - mean), mean)
            rows.append(np.where(np.isfinite(row), np.abs(mean), np.nan))
        found[name] = np.array(rows)
    return found


class Alarm:
    """
    One number out of many: 1 is what each of them reaches in one observation of a thousand.

    ``usual`` {stream: [T, B, N]} says what is usual; ``least`` {stream: } is what each number
    has to reach at any rate.
    """

    def __init__(self, usual: Dict[str, np.ndarray],
                 least: Mapping[str, float] = MappingProxyType({}), share: float = 1e-3):
        self.scale = {name: np.maximum(np.nanquantile(part, 1 - share, axis=(0, 1)),
                                       least.get(name, 0.0)) for name, part in usual.items()}

    def streams(self, seen: Dict[str, np.ndarray]) -> Dict[str, np.ndarray]:
        """Return the alarm of each stream [T, B]; NaN where nothing was seen."""
        return {name: (part / self.scale[name]).max(-1) for name, part in seen.items()}

    def __call__(self, seen: Dict[str, np.ndarray]) -> np.ndarray:
        """Return the greatest alarm of all streams [T, B]."""
        return np.max(list(self.streams(seen).values()), axis=0)


def onsets(episodes: Episodes, first: Callable) -> np.ndarray:
    """
    Return the row [B] from which on it can show, -1 where it never does.

    That is where a stranger is in sight, or the object begins to slide by a centimetre.
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
