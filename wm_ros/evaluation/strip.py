"""Dreams beside what came: frames observed, above frames dreamed from one moment on."""

from typing import NamedTuple, Sequence

import numpy as np
import torch
from wm_ros.data import Bank
from wm_ros.data.windows import check_size, frames_of, WARM, window_batch
from wm_ros.evaluation.pictures import psnr
from wm_ros.types import WmRosError
from wm_ros.world_model.sequence import SequenceModel
from wm_ros.world_model.state import StateLayout
from wm_ros.world_model.watch import FrameDecoder

_BLOCK = StateLayout(1).object_position(0)
_GAP = 2            # [px] between frames, before they are enlarged


class Film(NamedTuple):
    """Frames [1 + H, 3, S, S] in [0, 1], from the moment on at which the dream begins."""

    observed: torch.Tensor
    dreamed: torch.Tensor


def busiest(bank: Bank, steps: int) -> int:
    """
    Return the number of the episode whose object moves farthest while it would be dreamed of.

    The dream begins just before the object first moves.  Raises WmRosError where no episode is
    long enough.
    """
    far = [(np.linalg.norm(np.diff(_places(bank, i, steps)[[0, -1]], axis=0)), i)
           for i in range(bank.episodes) if len(bank.episode(i)['states']) >= WARM + steps + 1]
    if not far:
        raise WmRosError(f'--steps {steps}: no episode has {WARM + steps + 1} observations')
    return max(far)[1]


def begin_of(states, steps: int) -> int:
    """Return the row at which to begin: just before the object moves, if there is one."""
    last = len(states) - steps - 1
    if states.shape[1] <= _BLOCK.start:
        return min(WARM, last)
    moved = np.linalg.norm(states[:, _BLOCK] - states[0, _BLOCK], axis=1) > 0.005
    return int(np.clip(np.flatnonzero(moved)[0] - 2 if moved.any() else WARM, WARM - 1, last))


def _places(bank, index, steps):
    states = bank.episode(index)['states']
    first = begin_of(states, steps)
    where = _BLOCK if states.shape[1] > _BLOCK.start else StateLayout.ee
    return states[first:first + steps + 1, where]


@torch.no_grad()
def film(model: SequenceModel, decoder: FrameDecoder, bank: Bank, episode: int, steps: int,
         seed: int = 0) -> Film:
    """
    Return what was seen and what is dreamed of ``steps`` of an episode, without its frames.

    Raises WmRosError for an episode that is too short, and frames of another size.
    """
    torch.manual_seed(seed)
    device = next(model.parameters()).device
    columns = {name: value[None] for name, value in bank.episode(episode).items()}
    if columns['states'].shape[1] < WARM + steps + 1:
        raise WmRosError(f'{steps} steps of episode {episode}: it has '
                         f'{columns["states"].shape[1]} observations, expected at least '
                         f'{WARM + steps + 1}')
    check_size(decoder.config.size, bank)
    first = begin_of(columns['states'][0], steps)
    batch = window_batch(columns, model.config.streams, device)
    state = model.follow(batch['numbers'][:first + 1], batch['actions'][:first + 1])
    features = torch.cat([model.dynamics.features(state)[None], model.dynamics.dream(
        state, batch['actions'][first + 1:first + 1 + steps])])[:, 0]
    side = decoder.config.size // 4
    noise = torch.randn(1, decoder.enter.in_channels, side, side, device=device)
    frames = frames_of(columns['frames'][0, first:first + 1 + steps], device)
    return Film(frames, decoder(features, start=noise))


def strip(shown: Film, moments: Sequence[int], enlarge: int = 3) -> np.ndarray:
    """Return a picture [H, W, 3] uint8: observed above dreamed at ``moments`` (rows of a film)."""
    rows = []
    for frames in shown:
        parts = [torch.nn.functional.pad(frames[t], (0, _GAP, 0, _GAP), value=1.0)
                 for t in moments]
        rows.append(torch.cat(parts, -1))
    picture = torch.cat(rows, 1)[:, :-_GAP, :-_GAP].permute(1, 2, 0)
    picture = (255 * picture.clamp(0, 1)).round().byte().cpu().numpy()
    return picture.repeat(enlarge, 0).repeat(enlarge, 1)


def likeness(shown: Film) -> np.ndarray:
    """Return the PSNR [1 + H] dB of dreamed frames."""
    return psnr(shown.dreamed, shown.observed).cpu().numpy()
