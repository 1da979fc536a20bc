"""A small job for tests of the training loop, also to be run as a script of its own."""

import json
from pathlib import Path
import sys

import numpy as np
import torch
from torch import nn
from wm_ros.learning import parallel
from wm_ros.learning.loop import Job, Loop, LoopConfig
from wm_ros.world_model import collective
from wm_ros.world_model.tokens.quantize import VectorCodebook

CONFIG = LoopConfig(updates=60, learning_rate=0.01, warmup=5, validate=20, average=0.9)


class Line(Job):
    """Fits a small network to a line; ``hook(update)`` runs before each update."""

    def __init__(self, hook=lambda update: None, batch=32):
        torch.manual_seed(0)
        self.module = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.BatchNorm1d(8),
                                    nn.Linear(8, 1))
        # As heads that are not trained: no gradient, and no memory in the optimiser.
        self.module.register_parameter('idle', nn.Parameter(torch.ones(3)))
        self.hook, self.batch, self.curve, self.update, self.noise = hook, batch, [], 0, 0.01

    def losses(self, rng):
        self.hook(self.update)
        self.update += 1
        x = rng.normal(size=(self.batch, 2)).astype(np.float32)
        y = x @ np.float32([[1.0], [-2.0]])
        x, y = (torch.from_numpy(parallel.share(part)) for part in (x, y))
        # As a layer with chance in it would: torch's own generator counts as well.
        loss = (self.module(x + self.noise * torch.randn_like(x)) - y).square().mean()
        self.curve.append(float(loss.detach()))
        return {'loss': loss}

    def validate(self, module):
        x = torch.linspace(-1, 1, 20)[:, None].expand(-1, 2)
        return {'score': float((module(x) - x @ torch.tensor([[1.0], [-2.0]])).square().mean())}

    def meta(self):
        return {'kind': 'line', 'config': {'batch': self.batch}}


def main():
    """Train to the end in as many processes as torchrun started; write what this one has."""
    output = Path(sys.argv[1])
    parallel.start()
    book = codebook()
    job = Line()
    # Layers that normalise over the batch see a share of it in each process, noise is another.
    job.module[2], job.noise = nn.Identity(), 0.0
    Loop(job, CONFIG, output / 'line').run()
    (output / f'process_{collective.rank()}.json').write_text(json.dumps({
        'curve': job.curve, 'weights': job.module[0].weight.flatten().tolist(),
        'book': book.flatten().tolist()}))
    parallel.stop()


def codebook():
    """Return a codebook that has followed this process's shares of some batches."""
    book = VectorCodebook(16, 2).train()
    for update in range(30):
        torch.manual_seed(100 * update + collective.rank())
        rows = np.random.default_rng(update).normal(size=(64, 2)).astype(np.float32)
        book(torch.from_numpy(parallel.share(rows)))
    return book.book


if __name__ == '__main__':
    main()
