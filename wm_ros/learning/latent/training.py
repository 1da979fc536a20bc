"""The training of a latent agent in an environment, in sections that can be gone on from."""

from contextlib import closing, contextmanager
import copy
import math
from pathlib import Path
import time
from typing import Callable, Mapping, Optional

import numpy as np
import torch
from wm_ros import paths, seeds
from wm_ros.files import write_json
from wm_ros.learning.latent import evaluate, state
from wm_ros.learning.latent.collect import Collector
from wm_ros.learning.latent.environment import Environment
from wm_ros.learning.latent.goals import GoalReward
from wm_ros.learning.latent.replay import Replay
from wm_ros.learning.latent.settings import EnvSettings
from wm_ros.learning.latent.trainer import bins_limit, Trainer
from wm_ros.planning.settings import PlannerSettings
from wm_ros.types import WmRosError
from wm_ros.world_model.tdmpc2 import AgentConfig, LatentAgent
from wm_ros.world_model.weights import read_meta, write_weights

_SAY_EVERY = 50             # updates between reports
_RECENT = 100               # episodes of training whose success is reported
_TO_NORMALISE = 10_000      # moments


class Training:
    """
    Trains an agent in the environment ``name`` and keeps its best weights at ``output``.

    ``arguments`` are the environment's, plain data.

    A section is ``settings.evaluate`` steps: new environments are played, then the agent is
    evaluated on seeds of its own, and what a run goes on from is saved.  Every number that a
    section draws follows from the seed and its number, so that a run that was stopped or killed
    goes on from its last section to the same end, where the environment is deterministic.
    """

    def __init__(self, name: str, settings: EnvSettings, seed: int, output: Path,
                 device: str = 'cpu', report: Optional[Callable] = None,
                 arguments: Optional[Mapping] = None):
        if not 0 <= seed < seeds.RUNS:
            raise WmRosError(f'--seed: got {seed}, expected from 0 to {seeds.RUNS - 1}')
        self.name, self.settings, self.seed, self.device = name, settings, seed, device
        self.output = paths.weights_file(output)
        self.report = report or (lambda stage, done, total, figures: None)
        environment = Environment(name, arguments)
        self.arguments = environment.arguments
        self.widths = environment.widths
        self._config(1.0)       # complains now
        self._goal_reward = None
        if environment.relabels and settings.hindsight:
            self._goal_reward = GoalReward(environment)
        self._asked = environment       # for rewards, until the end
        self.replay = Replay(self.widths, settings.rows(environment.longest), settings.discount,
                             self._goal_reward, settings.hindsight)
        self.agent: Optional[LatentAgent] = None
        self.trainer: Optional[Trainer] = None
        self.steps = self.section = self.saved = self._episode = 0
        self.best, self.curve, self.seconds = None, [], 0.0
        self._losses = {}

    def run(self) -> dict:
        """Train to the end; return the figures of the best evaluation, and steps and seconds."""
        with precise_enough(), closing(self._asked):
            while self.steps < self.settings.steps:
                self._section()
        self.state_path.unlink(missing_ok=True)
        return {**self.best, 'environment_steps': self.steps, 'updates': self.trainer.updates,
                'seconds': round(self.seconds, 1)}

    @property
    def state_path(self) -> Path:
        """Where the state for ``resume`` lies until the end."""
        return self.output.with_suffix('.resume.safetensors')

    @property
    def curve_path(self) -> Path:
        """Where success over steps is written."""
        return self.output.with_suffix('.curve.json')

    def made(self) -> dict:
        """Return what a run that goes on has to have in common with the one that began."""
        return {'name': self.name, 'arguments': self.arguments, 'seed': self.seed,
                'settings': self.settings.to_dict()}

    #: What its numbers are called in a saved state.
    called = 'training'

    def numbers(self) -> dict:
        """Return what a saved state knows of it, by attribute, as plain data."""
        return {'steps': self.steps, 'saved': self.saved, 'section': self.section,
                '_episode': self._episode, 'best': self.best, 'curve': self.curve,
                'seconds': self.seconds}

    def begin(self, config: Optional[AgentConfig] = None):
        """Make the agent and its trainer, of ``config`` or as the first steps suggest."""
        config = config or self._config(bins_limit(self.replay, self.settings.discount))
        torch.manual_seed(self.seed)
        self.agent = LatentAgent(config).to(self.device)
        self.trainer = Trainer(self.agent, self.replay, self.settings, self.seed)

    def _config(self, limit):
        settings = self.settings
        try:
            return AgentConfig(*self.widths, settings.latent, settings.hidden, settings.values,
                               settings.bins, limit, settings.discount, settings.activation)
        except ValueError as error:
            raise WmRosError(f'--set {error}') from error

    def _section(self):
        began, settings = time.perf_counter(), self.settings
        rng = np.random.default_rng((self.seed, self.section, 1))
        environments = [self._environment() for _ in range(settings.environments)]
        collector = Collector(environments, self.replay, rng, self._next_seed, settings.noise,
                              settings.wander)
        if self.agent is not None:
            self._normalise(rng)
            self.trainer.make_room()
        end = min(settings.steps, self.steps + settings.evaluate)
        while self.steps < end:
            self._round(collector, rng, began)
        collector.cut()
        self._ready(rng)
        for environment in environments[1:]:
            environment.close()
        environments[0].tells = collector.tells
        figures = self._judge(environments[0])
        environments[0].close()
        self.section += 1
        self.seconds += time.perf_counter() - began
        self._keep(figures)
        self.saved = self.steps
        state.save(self)

    @property
    def _tells(self):
        """Whether the environment has ever spoken of success, by the end of the last section."""
        return bool(self.curve) and self.curve[-1]['success_rate'] is not None

    def _environment(self):
        made = Environment(self.name, self.arguments)
        made.tells = self._tells
        return made

    def _round(self, collector, rng, began):
        """Play one step in each environment, and do the updates that are due."""
        settings, knows = self.settings, self.steps >= self.settings.random
        if knows and self.agent is None:
            collector.cut()
            self._ready(rng)
        self.steps += collector.round(self.agent if knows else None)
        while knows and self.trainer.updates < (self.steps - settings.random) // settings.stride:
            losses = self.trainer.update()
            if self.trainer.updates % _SAY_EVERY == 0:
                self._say(losses, collector, began)

    def _ready(self, rng):
        """Make the agent if there is none yet: now it is known what there is to see."""
        if self.agent is None:
            self.begin()
            self._normalise(rng)

    def _say(self, losses, collector, began):
        losses = {name: float(value) for name, value in losses.items()}
        if not all(map(math.isfinite, losses.values())):
            raise WmRosError(f'training diverged at update {self.trainer.updates}: {losses}; a '
                             'smaller learning_rate or another --seed may not')
        self._losses = losses
        recent, done = collector.successes[-_RECENT:], self.steps % self.settings.evaluate
        told = {'played': sum(recent) / len(recent)} if recent and collector.tells else {}
        self.report('steps', self.steps, self.settings.steps, {
            **told, 'consistency': losses['consistency'], 'value': losses['value'],
            'per_second': done / (time.perf_counter() - began)})

    def _normalise(self, rng):
        self.agent.encoder.normalise(*(
            torch.from_numpy(rows).to(self.device)
            for rows in self.replay.recent(rng, _TO_NORMALISE)))

    def _judge(self, environment):
        """Return the figures of an evaluation on seeds that are neither played nor reported."""
        planner = PlannerSettings.from_params(
            {**evaluate.PLANNER, 'planner.type': self.settings.judge})
        actor = evaluate.Actor(copy.deepcopy(self.agent).eval(), planner)
        return evaluate.figures_of(evaluate.play(
            environment, actor, range(seeds.TUNING, seeds.TUNING + self.settings.episodes)))

    def _keep(self, figures):
        """Write the curve, and the weights if they are the best so far."""
        if self.curve and figures['success_rate'] is not None and not self._tells:
            self._fail_so_far()
        self.curve.append({'steps': self.steps, 'updates': self.trainer.updates,
                           'seconds': round(self.seconds, 1), **figures, **self._losses})
        self.curve_path.parent.mkdir(parents=True, exist_ok=True)
        write_json(self.curve_path, {**self.made(), 'curve': self.curve})
        if self.best is None or _rank(figures) >= _rank(self.best):
            self.best = figures
            write_weights(self.output, self.agent, {
                'kind': 'latent_agent', 'config': self.agent.config.to_dict(),
                'environment': {'name': self.name, 'arguments': self.arguments,
                                **self.widths._asdict()},
                'training': {'seed': self.seed, **self.settings.to_dict(),
                             'torch': torch.__version__.split('+')[0]},
                'best': self.curve[-1]})
        self.report('evaluations', self.section, math.ceil(
            self.settings.steps / self.settings.evaluate), {
                name: figures[key] for name, key in (
                    ('success', 'success_rate'), ('return', 'return_mean'),
                    ('length', 'steps_mean')) if figures[key] is not None})

    def _fail_so_far(self):
        """Count all evaluations so far as failures: the environment speaks of success only."""
        for figures in (*self.curve, self.best):
            figures.update(evaluate.success_of(0, figures['episodes']))
        file = self.output.with_suffix('.json')
        meta = read_meta(file, {'best': dict})
        write_json(file, {**meta, 'best': {
            **meta['best'], **evaluate.success_of(0, self.best['episodes'])}})

    def _next_seed(self):
        self._episode += 1
        return seeds.TRAINING * (1 + self.seed) + self._episode


def _rank(figures):
    """Return what makes an evaluation better than another one."""
    return figures['success_rate'] or 0.0, figures['return_mean']


@contextmanager
def precise_enough():
    """
    Let torch multiply by oneDNN, which may round to bfloat16 where a CPU is faster at that.

    Where it is not, float32 stays float32, and more than twice as fast as MKL's on an AMD CPU.
    """
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision('medium')
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)
