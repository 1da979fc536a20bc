"""Training of a frame decoder on the latents of a model of sequences."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from wm_ros.data import Bank
from wm_ros.data.windows import check_size, frames_of, window_batch
from wm_ros.evaluation.pictures import psnr
from wm_ros.learning import parallel
from wm_ros.learning.loop import Job
from wm_ros.world_model.latent import at
from wm_ros.world_model.load import hash_of
from wm_ros.world_model.sequence import SequenceModel
from wm_ros.world_model.watch import FrameDecoder, WatchConfig


@dataclass(frozen=True)
class WatchTraining:
    """What is the decoder's own in its training."""

    model: str = ''             # checkpoint of the model of sequences
    batch: int = 8              # windows
    window: int = 12            # observations
    frames: int = 4             # of each window that are drawn
    held_out: int = 32          # windows that it is validated on

    def __post_init__(self):
        if self.window < 3:
            raise ValueError(f'window: got {self.window}, expected at least 3')


class WatchJob(Job):
    """Frames from filtered and from dreamed latents, so that dreams can be watched."""

    def __init__(self, config: WatchConfig, training: WatchTraining, model: SequenceModel,
                 train: Bank, held_out: Bank, seed: int = 0, device: str = 'cpu'):
        torch.manual_seed(seed)
        self.config = replace(config, features=model.dynamics.feature_width)
        self.training, self.device, self.model = training, device, model
        self._model_hash = hash_of(training.model)
        self.module = FrameDecoder(self.config).to(device)
        check_size(config.size, train, held_out)
        self._train = train
        self._held_out = self._pairs(held_out.sample(
            np.random.default_rng(0), training.held_out, training.window),
            np.random.default_rng(0))

    def losses(self, rng):
        """Return the flow matching loss of a batch."""
        columns = self._train.sample(rng, self.training.batch, self.training.window)
        return {'loss': self.module.loss(*self._pairs(
            {name: parallel.share(column) for name, column in columns.items()}, rng))}

    def validate(self, module):
        """Return the loss and the PSNR of drawn frames against the real ones."""
        torch.manual_seed(0)
        frames, features = self._held_out
        loss = float(module.loss(frames, features))
        return {'score': loss, 'loss': loss, 'psnr': float(psnr(module(features), frames).mean())}

    def pictures(self, module):
        """Return frames above what is drawn of their latents."""
        frames, features = self._held_out
        rows = torch.stack([frames[:8], module(features[:8])])
        strip = rows.permute(0, 3, 1, 4, 2).flatten(2, 3).flatten(0, 1)
        return {'drawn': (255 * strip.clamp(0, 1)).byte().cpu().numpy()}

    def meta(self):
        """Return kind and configuration, and whose latents it draws."""
        return {'kind': 'frame_decoder', 'config': self.config.to_dict(),
                'model': self.training.model, 'model_sha256': self._model_hash}

    @torch.no_grad()
    def _pairs(self, columns, rng):
        """Return frames [N, 3, S, S] and features [N, F]: half filtered, half dreamed."""
        model, window = self.model, self.training.window
        batch = window_batch(columns, model.config.streams, self.device)
        found = model.filter(batch['numbers'], batch['actions'])
        first = int(rng.integers(1, window // 2 + 1))
        state = (at(found.states, first) if found.states else
                 model.follow(batch['numbers'][:first + 1], batch['actions'][:first + 1]))
        dreamed = model.dynamics.dream(state, batch['actions'][first + 1:])
        half = max(1, self.training.frames // 2)
        kept = rng.integers(1, window, half), rng.integers(first + 1, window, half)
        features = torch.cat([found.features[kept[0]], dreamed[kept[1] - first - 1]])
        frames = columns['frames'].swapaxes(0, 1)
        frames = np.concatenate([frames[kept[0]], frames[kept[1]]])
        return frames_of(frames, self.device).flatten(0, 1), features.flatten(0, 1)
