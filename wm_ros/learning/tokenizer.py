"""Training of a frame tokenizer on recorded frames."""

from dataclasses import dataclass
import math

import numpy as np
import torch
from torch.nn import functional
from wm_ros.data import Bank
from wm_ros.data.windows import check_size, frames_of
from wm_ros.evaluation.pictures import inside, psnr, psnr_inside, ssim
from wm_ros.learning import parallel
from wm_ros.learning.loop import Job
from wm_ros.world_model.tokens import FrameConfig, FrameTokenizer, FrameTokens

#: Columns of recordings that the training needs.
COLUMNS = ('frames', 'boxes')
#: Levels of tokens, coarsest first.
LEVELS = FrameTokens._fields[:-1]
_SQUARES, _STRUCTURE = 10.0, 1.0    # weights of the squared error and of 1 - SSIM


@dataclass(frozen=True)
class TokenizerTraining:
    """What is the tokenizer's own in its training."""

    batch: int = 32
    objects: float = 30.0       # added weight of the squared error where objects are
    held_out: int = 256         # frames that it is validated on


class TokenizerJob(Job):
    """Reconstruction of frames: squared error, structure, and the quantisers' own loss."""

    def __init__(self, config: FrameConfig, training: TokenizerTraining, train: Bank,
                 held_out: Bank, seed: int = 0, device: str = 'cpu'):
        torch.manual_seed(seed)
        self.config, self.training, self.device = config, training, device
        # Convolutions over few places are twice as fast with channels side by side.
        self.module = FrameTokenizer(config).to(device, memory_format=torch.channels_last)
        self._train = train
        check_size(config.size, train, held_out)
        self._held_out = self._batch(held_out.every(training.held_out))

    def losses(self, rng):
        """Return the losses of a batch of frames."""
        batch = self._batch({name: parallel.share(column) for name, column in
                             self._train.sample(rng, self.training.batch).items()})
        frames = batch['frames']
        made = self.module(frames)
        there = inside(batch['boxes'], frames.shape[-1]).float()
        weights = 1.0 + self.training.objects * there
        squares = self._squares(made.frames, frames, weights)
        structure = (1.0 - ssim(made.frames, frames)).mean()
        loss = _SQUARES * squares + _STRUCTURE * structure + made.loss
        if made.heed is not None:
            loss = loss + functional.binary_cross_entropy_with_logits(
                made.heed.float(), there)
            # The coarse tokens alone are to draw as much as they can, the colours of small things
            # too: what is left to the fine ones is their shape.
            loss = loss + _SQUARES * self._squares(made.coarse, frames, weights)
        return {'loss': loss, 'squares': squares, 'structure': structure}

    def validate(self, module):
        """Return PSNR, SSIM, PSNR inside objects' boxes, and the share of codes in use."""
        figures = measure(module, self._held_out)
        return {'score': -figures['psnr'], **figures}

    def pictures(self, module):
        """Return frames above their reconstructions."""
        frames = self._held_out['frames'][:8]
        rows = torch.stack([frames, module.decode(module.encode(frames))])
        strip = rows.permute(0, 3, 1, 4, 2).flatten(2, 3).flatten(0, 1)
        return {'reconstruction': (255 * strip.clamp(0, 1)).byte().cpu().numpy()}

    def meta(self):
        """Return kind and configuration."""
        return {'kind': 'frame_tokenizer', 'config': self.config.to_dict(),
                'frame_bits': self.config.frame_bits}

    def _batch(self, columns):
        return batch_of(columns, self.device)

    @staticmethod
    def _squares(made, frames, weights):
        error = (made - frames).square().mean(1)
        return (error * weights).sum() / weights.sum()


def batch_of(columns, device='cpu'):
    """Return frames [B, 3, S, S] in [0, 1] and boxes [B, K, 4] of single rows."""
    return {'frames': frames_of(columns['frames'][:, 0], device),
            'boxes': torch.as_tensor(columns['boxes'][:, 0].astype(np.int64), device=device)}


@torch.no_grad()
def measure(module: FrameTokenizer, batch, chunk: int = 64) -> dict:
    """
    Return what tokens keep of a batch of frames: figures in dB, SSIM, and shares of codes.

    ``psnr`` and ``ssim`` are means over frames, ``psnr_objects`` is that of the mean error
    inside objects' boxes over the frames that have one.  ``used_<level>`` is the share of the
    level's codes that occur, ``even_<level>`` the perplexity of their frequencies as a share of
    all codes: 1 means each equally often.  Of few frames few codes can occur: judge with ten times
    as many tokens as there are codes.
    """
    found, counts = {'psnr': [], 'ssim': [], 'inside': []}, {}
    for start in range(0, len(batch['frames']), chunk):
        frames = batch['frames'][start:start + chunk]
        tokens = module.encode(frames)
        made = module.decode(tokens)
        found['psnr'].append(psnr(made, frames))
        found['ssim'].append(ssim(made, frames))
        found['inside'].append(psnr_inside(made, frames, batch['boxes'][start:start + chunk]))
        for level in LEVELS:
            indices = getattr(tokens, level).flatten().cpu()
            if len(indices):
                counts[level] = counts.get(level, 0) + torch.bincount(
                    indices, minlength=module.codes(level))
    found = {name: torch.cat(values) for name, values in found.items()}
    errors = 10.0 ** (-found['inside'][found['inside'].isfinite()] / 10.0)
    return {'psnr': float(found['psnr'].mean()), 'ssim': float(found['ssim'].mean()),
            'psnr_objects': -10.0 * math.log10(float(errors.mean())) if len(errors) else math.nan,
            **_use(counts)}


def _use(counts):
    figures = {}
    for level, count in counts.items():
        share = count / count.sum()
        entropy = -(share * share.clamp(min=1e-12).log()).sum()
        figures[f'used_{level}'] = float((count > 0).float().mean())
        figures[f'even_{level}'] = float(entropy.exp()) / len(count)
    return figures
