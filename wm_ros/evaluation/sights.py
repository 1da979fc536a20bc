"""Surprise at what a camera shows, given what the other sensors make one expect."""

from typing import Dict

import numpy as np
import torch
from wm_ros.data import Bank
from wm_ros.evaluation.doubt import Episodes
from wm_ros.world_model.sequence import SequenceModel
from wm_ros.world_model.watch import FrameDecoder

_LEAST = 1e-3           # squared error of a cell, below which it is never unusual


@torch.no_grad()
def sights(model: SequenceModel, decoder: FrameDecoder, bank: Bank, episodes: Episodes
           ) -> np.ndarray:
    """
    Return how far off each cell of each frame is [T, B, cells]; NaN after an episode's end.

    ``bank`` has frames of the same episodes.  What is expected is drawn of the latent that the
    model has filtered from the other sensors.
    """
    features = model.filter(episodes.numbers, episodes.actions).features
    cells = (decoder.config.size // 4) ** 2
    found = np.full((*features.shape[:2], cells), np.nan, np.float32)
    for b, length in enumerate(episodes.length):
        frames = torch.as_tensor(bank.episode(b)['frames']).permute(0, 3, 1, 2).float() / 255.0
        found[:length, b] = decoder.off(features[:length, b], frames).numpy()
    return found


class CellAlarm:
    """How unusual a frame is in its most unusual cell; ``usual`` [T, B, cells] says what is."""

    def __init__(self, usual: np.ndarray, share: float = 1e-3):
        self.scale = np.maximum(np.nanquantile(usual, 1 - share, axis=(0, 1)), _LEAST)

    def __call__(self, off: np.ndarray) -> Dict[str, np.ndarray]:
        """Return {'frames': [T, B]}."""
        return {'frames': (off / self.scale).max(-1)}
