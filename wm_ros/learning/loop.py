"""
The training loop of everything that is trained on recordings.

Every number that update i draws follows from the seed and i, so a run that was stopped, or
killed, goes on from its last saved state to the same end.  In several processes (``parallel``)
the first one validates and writes.
"""

from abc import ABC, abstractmethod
import copy
from dataclasses import asdict, dataclass
import json
import math
from pathlib import Path
import signal
import threading
import time
from typing import Callable, Dict, Mapping, Optional

import numpy as np
import torch
from torch import nn
from wm_ros import paths
from wm_ros.learning import parallel
from wm_ros.learning.state_file import check_none, read_state, write_state
from wm_ros.types import WmRosError
from wm_ros.world_model import collective
from wm_ros.world_model.weights import write_weights

PRECISIONS = {'float32': None, 'bfloat16': torch.bfloat16, 'float16': torch.float16}
_SAY_EVERY = 20             # updates between reports


@dataclass(frozen=True)
class LoopConfig:
    """How a module is trained, whatever it is."""

    updates: int
    seed: int = 0
    learning_rate: float = 1e-3
    warmup: int = 200           # updates
    weight_decay: float = 1e-4
    clip: float = 1.0           # of the gradient's norm
    average: float = 0.999      # of the weights' moving average, which is what is kept
    validate: int = 500         # updates between validations, and between saved states
    precision: str = 'float32'  # or 'bfloat16', 'float16': of the forward pass

    def __post_init__(self):
        if self.updates < 1 or self.validate < 1 or self.precision not in PRECISIONS:
            raise WmRosError(
                f'training: got {self.updates} updates, validation each {self.validate}, '
                f'{self.precision!r}; expected at least 1, at least 1, and one of '
                f'{", ".join(PRECISIONS)}')


class Job(ABC):
    """What is trained: a module, its loss on a batch, and how good it is on other data."""

    module: nn.Module
    #: What else its user has asked for: kept beside the weights, and the same after a resume.
    about: Mapping[str, object] = {}

    def prepare(self) -> None:
        """Do what comes before the first update; what goes on from a saved state does without."""

    @abstractmethod
    def losses(self, rng: np.random.Generator) -> Dict[str, torch.Tensor]:
        """Return ``loss``, which is minimised, and its parts, of a batch that ``rng`` draws."""

    @abstractmethod
    def validate(self, module: nn.Module) -> Dict[str, float]:
        """Return figures of ``module`` on data that is not trained on; least ``score`` wins."""

    def pictures(self, module: nn.Module) -> Dict[str, np.ndarray]:
        """Return pictures [H, W, 3] uint8 by name, for people."""
        return {}

    @abstractmethod
    def meta(self) -> dict:
        """Return what the checkpoint's JSON says beside how it was trained."""


class Loop:
    """
    Trains a job and keeps its best weights at ``output``.

    The state for ``resume`` lies beside them, in ``<output>.resume.safetensors``, until the
    end.  ``report(stage, done, total, figures)`` hears of progress, ``writer`` is a TensorBoard
    SummaryWriter or None.
    """

    def __init__(self, job: Job, config: LoopConfig, output: Path, resume: bool = False,
                 report: Optional[Callable] = None, writer=None):
        self.job, self.config, self.writer = job, config, writer
        self.output = paths.weights_file(output)
        self.state_path = self.output.with_suffix('.resume.safetensors')
        self.report = report or (lambda stage, done, total, figures: None)
        self.optimiser = torch.optim.AdamW(
            job.module.parameters(), config.learning_rate, weight_decay=config.weight_decay)
        # Torch before 2.3 has it elsewhere.
        scaler = getattr(torch.amp, 'GradScaler', torch.cuda.amp.GradScaler)
        self._scaler = scaler(enabled=config.precision == 'float16' and self._on_gpu())
        if not resume:
            check_none(self.state_path)
            job.prepare()
        self.average = copy.deepcopy(job.module).eval().requires_grad_(False)
        self.update, self.best, self.figures = 0, math.inf, {}
        self._stopped = False
        if resume:
            self._resume()
        parallel.same_everywhere(job.module)
        parallel.same_everywhere(self.average)

    def run(self) -> dict:
        """Train to the end; return the figures of the best weights, and updates and seconds."""
        began, first = time.perf_counter(), self.update
        with self._interrupts():
            while self.update < self.config.updates:
                losses = self._step()
                self._tell(losses, began, first)
                if (self.update % self.config.validate == 0
                        or self.update == self.config.updates):
                    self._keep()
                if self._to_stop():
                    self._save()
                    raise KeyboardInterrupt
        parallel.meet()
        if collective.rank() == 0:
            self.state_path.unlink(missing_ok=True)
        return {**self.figures, 'updates': self.update,
                'seconds': round(time.perf_counter() - began, 1)}

    def _to_stop(self):
        # Several processes end together; that they wait for each other has its price.
        if collective.together() and self.update % _SAY_EVERY:
            return False
        return parallel.any_of(self._stopped)

    def _on_gpu(self):
        return next(self.job.module.parameters()).device.type == 'cuda'

    def _step(self):
        config, module = self.config, self.job.module
        rng = np.random.default_rng((config.seed, self.update))
        # What one process draws for its share of the batch, no other one draws for its own.
        torch.manual_seed(int(rng.integers(2 ** 62)) + collective.rank())
        for group in self.optimiser.param_groups:
            group['lr'] = config.learning_rate * self._rate()
        kind = PRECISIONS[config.precision]
        device = next(module.parameters()).device.type
        module.train()
        with torch.autocast(device, kind, enabled=kind is not None):
            losses = self.job.losses(rng)
        self.optimiser.zero_grad(set_to_none=True)
        self._scaler.scale(losses['loss']).backward()
        parallel.mean_gradients(module)     # before: what is not finite is then so everywhere
        self._scaler.unscale_(self.optimiser)
        torch.nn.utils.clip_grad_norm_(module.parameters(), config.clip)
        self._scaler.step(self.optimiser)
        self._scaler.update()
        self.update += 1
        self._follow()
        return losses

    def _rate(self):
        """Return the share of the learning rate: a rise, then half a cosine to nearly none."""
        config = self.config
        rise = min(1.0, (self.update + 1) / max(config.warmup, 1))
        return rise * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * self.update / config.updates)))

    @torch.no_grad()
    def _follow(self):
        # Early weights are forgotten soon, whatever the rate.
        rate = min(self.config.average, self.update / (self.update + 10))
        for ours, theirs in zip(self.average.parameters(), self.job.module.parameters()):
            ours.lerp_(theirs, 1 - rate)
        for ours, theirs in zip(self.average.buffers(), self.job.module.buffers()):
            ours.copy_(theirs)

    def _tell(self, losses, began, first):
        if self.update % _SAY_EVERY and self.update != self.config.updates:
            return
        losses = {name: float(value.detach()) for name, value in losses.items()}
        self._check(math.isfinite(losses['loss']), losses)
        rate = (self.update - first) / (time.perf_counter() - began)
        self.report('updates', self.update, self.config.updates, {
            **losses, 'per_second': rate, 'left_s': (self.config.updates - self.update) / rate})
        if self.writer is not None and collective.rank() == 0:
            for name, value in losses.items():
                self.writer.add_scalar(f'train/{name}', value, self.update)

    def _keep(self):
        """Validate; write the weights if they are the best so far, and the state as well."""
        if collective.rank() == 0:
            with torch.no_grad():
                figures = self.job.validate(self.average)
            # Before anything takes the place of what was good.
            self._check(math.isfinite(figures['score']) and all(
                bool(part.isfinite().all()) for part in self.job.module.parameters()), figures)
            if self.writer is not None:
                self._draw(figures)
            if figures['score'] < self.best or not self.output.exists():
                self.best, self.figures = figures['score'], figures
                write_weights(self.output, self.average, {
                    **self.job.meta(), 'training': {
                        **self._asked(), 'torch': torch.__version__.split('+')[0]},
                    'best': {'update': self.update, **figures}})
        self._save()

    def _check(self, finite, figures):
        if not finite:
            raise WmRosError(f'training diverged at update {self.update}: {figures}; a smaller '
                             'learning rate or another seed may not')

    def _draw(self, figures):
        for name, value in figures.items():
            self.writer.add_scalar(f'validation/{name}', value, self.update)
        with torch.no_grad():
            for name, picture in self.job.pictures(self.average).items():
                self.writer.add_image(name, picture, self.update, dataformats='HWC')
        self.writer.flush()

    def _save(self):
        if collective.rank() == 0:
            write_state(self.state_path, self.job.module, self.average, self.optimiser, {
                'update': self.update, 'best': self.best, 'figures': self.figures,
                'config': self._asked(), 'made': self.job.meta(),
                'scale': self._scaler.state_dict()})

    def _asked(self):
        return {**asdict(self.config), **self.job.about}

    def _resume(self):
        state = read_state(self.state_path, self.job.module, self.average, self.optimiser)
        theirs, ours = (_flat(told) for told in (
            (state['config'], state['made']), (self._asked(), self.job.meta())))
        for name in ours:
            if theirs.get(name) != ours[name]:
                raise WmRosError(f'{self.state_path}: was trained with {name} '
                                 f'{theirs.get(name)!r}, not {ours[name]!r}: a run goes on as it '
                                 'began')
        self.update, self.figures = state['update'], state['figures']
        self.best = math.inf if state['best'] is None else state['best']
        self._scaler.load_state_dict(state['scale'])

    def _interrupts(self):
        return _Interrupts(self)


def _flat(parts):
    """Return all entries of dictionaries, and of those in them (a.b), as JSON gives them back."""
    found = {}
    for part in json.loads(json.dumps(parts)):
        for name, value in part.items():
            found.update({f'{name}.{key}': inner for key, inner in value.items()}
                         if isinstance(value, dict) else {name: value})
    return found


class _Interrupts:
    """While it holds, Ctrl-C ends the loop after the update under way; twice, at once."""

    def __init__(self, loop):
        self._loop, self._old = loop, None

    def __enter__(self):
        if threading.current_thread() is threading.main_thread():
            self._old = signal.signal(signal.SIGINT, self._stop)

    def __exit__(self, *_):
        if self._old is not None:
            signal.signal(signal.SIGINT, self._old)

    def _stop(self, number, frame):
        if self._loop._stopped:
            raise KeyboardInterrupt
        self._loop._stopped = True
