"""Training of eyes on recorded frames: the simulator knows where the objects are."""

from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional
from wm_ros.data import Bank
from wm_ros.data.windows import check_size, frames_of
from wm_ros.learning import parallel
from wm_ros.learning.loop import Job
from wm_ros.types import WmRosError
from wm_ros.world_model.eyes import Eyes, EyesConfig, Sight
from wm_ros.world_model.state import quaternion_yaw

#: Columns of recordings that the training needs.
COLUMNS = ('frames', 'objects', 'boxes')


@dataclass(frozen=True)
class EyesTraining:
    """What is the eyes' own in their training."""

    batch: int = 64
    turn: float = 2.0           # weight of the yaw's error
    held_out: int = 1000        # frames that they are validated on


class EyesJob(Job):
    """Likelihood of positions, error of turns, cross entropy of being in sight."""

    def __init__(self, config: EyesConfig, training: EyesTraining, train: Bank, held_out: Bank,
                 seed: int = 0, device: str = 'cpu'):
        torch.manual_seed(seed)
        self.config, self.training, self.device = config, training, device
        self.module = Eyes(config).to(device, memory_format=torch.channels_last)
        self._train = train
        poses = torch.as_tensor(train.column('objects'), device=device)
        if poses.shape[1] != config.objects:
            raise WmRosError(f'objects: got {poses.shape[1]} in the recordings, expected '
                             f'{config.objects}')
        self.module.fit_scale(poses[..., :3])
        check_size(config.size, train, held_out)
        self._held_out = sight_batch(held_out.every(training.held_out), device)

    def losses(self, rng):
        """Return the losses of a batch of frames."""
        batch = sight_batch({name: parallel.share(column) for name, column in
                             self._train.sample(rng, self.training.batch).items()}, self.device)
        return self._losses(self.module(batch['frames']), batch)

    def validate(self, module):
        """Return the median and 90th percentile of the position's error [m], and of the yaw's."""
        parts = [module(frames) for frames in self._held_out['frames'].split(200)]
        sight = Sight(*(torch.cat(column) for column in zip(*parts)))
        losses = self._losses(sight, self._held_out)
        return {'score': float(losses['loss']), **sight_errors(sight, self._held_out)}

    def meta(self):
        """Return kind and configuration."""
        return {'kind': 'eyes', 'config': self.config.to_dict()}

    def _losses(self, sight, batch):
        there, spread = batch['seen'], sight.spread
        error = (sight.positions - batch['positions']).square().sum(-1)
        # In units of a centimetre, so that the parts are of one size.
        likely = 1.5 * (spread / 0.01).square().log() + 0.5 * error / spread.square()
        turn = (sight.turns - batch['turns']).square().sum(-1)
        count = there.sum().clamp(min=1)
        losses = {'position': (likely * there).sum() / count,
                  'turn': self.training.turn * (turn * there).sum() / count,
                  'seen': functional.binary_cross_entropy_with_logits(sight.seen, there)}
        return {'loss': sum(losses.values()), **losses}


def sight_batch(columns, device='cpu'):
    """Return frames [B, 3, S, S], positions [B, M, 3], turns [B, M, 2], seen [B, M] of rows."""
    poses = torch.as_tensor(columns['objects'][:, 0], device=device)
    yaw = torch.as_tensor(quaternion_yaw(columns['objects'][:, 0, :, 3:]), device=device)
    boxes = torch.as_tensor(columns['boxes'][:, 0, :poses.shape[1]].astype(np.int64),
                            device=device)
    return {'frames': frames_of(columns['frames'][:, 0], device), 'positions': poses[..., :3],
            'turns': torch.stack([torch.cos(4 * yaw), torch.sin(4 * yaw)], -1),
            'seen': (boxes[..., 2] > boxes[..., 0]).float()}


def sight_errors(sight: Sight, batch) -> dict:
    """Return how far off a sight is where the objects are in sight."""
    there = batch['seen'] > 0.5
    far = (sight.positions - batch['positions']).norm(dim=-1)[there]
    turn = (torch.atan2(sight.turns[..., 1], sight.turns[..., 0])
            - torch.atan2(batch['turns'][..., 1], batch['turns'][..., 0]))[there]
    turn = ((turn + torch.pi) % (2 * torch.pi) - torch.pi).abs() / 4
    within = (far < 2 * sight.spread[there]).float().mean()
    return {'position_median': float(far.median()), 'position_p90': float(far.quantile(0.9)),
            'yaw_median': float(turn.median()), 'within_2_spreads': float(within),
            'seen_right': float(((sight.seen > 0) == there).float().mean())}
