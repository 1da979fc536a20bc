"""Surprise at what a camera shows, given what the other sensors make one expect."""

import numpy as np
import torch
from wm_ros.data import Bank
from wm_ros.data.windows import frames_of
from wm_ros.evaluation.doubt import Episodes
from wm_ros.world_model.sequence import SequenceModel
from wm_ros.world_model.watch import FrameDecoder

#: How wrong a cell may always be, as a multiple of what is expected.
LEAST = 3.0


@torch.no_grad()
def sights(model: SequenceModel, decoder: FrameDecoder, bank: Bank, episodes: Episodes
           ) -> np.ndarray:
    """
    Return how wrong each cell of each frame is [T, B, cells]; NaN after an episode's end.

    1 is as wrong as it was expected to be.  ``bank`` has frames of the same episodes.  What is
    expected is drawn of the latent that the model has filtered from the other sensors.
    """
    features = model.filter(episodes.numbers, episodes.actions).features
    cells = (decoder.config.size // 4) ** 2
    found = np.full((*features.shape[:2], cells), np.nan, np.float32)
    for b, length in enumerate(episodes.length):
        frames = frames_of(bank.episode(b)['frames'])
        found[:length, b] = decoder.off(features[:length, b], frames).numpy()
    return found
