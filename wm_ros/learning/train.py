"""Training of agents: scripted and noisy data first, then online with its own planner."""

from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
import time
from typing import Any, Callable, Optional, Sequence, Tuple

import numpy as np
import torch
from wm_ros import seeds
from wm_ros.data import write_episode
from wm_ros.evaluation.closed_loop import ClosedLoop
from wm_ros.learning import losses
from wm_ros.learning.collect import Collector, Noise, record
from wm_ros.learning.curriculum import Curriculum
from wm_ros.learning.pilot import Pilot
from wm_ros.learning.recipe import Recipe
from wm_ros.learning.replay import Replay
from wm_ros.learning.trainer import Trainer, TrainerConfig
from wm_ros.learning.worlds import Worlds
from wm_ros.param_table import MPC, ROBOT, SAFETY, SENSOR, TABLE
from wm_ros.planning import PlannerSettings
from wm_ros.robot.robot import Robot
from wm_ros.types import WmRosError
from wm_ros.world_model import save_checkpoint, WorldModel
from wm_ros.world_model.agent.config import ModelConfig
from wm_ros.world_model.agent.dynamics import Dynamics
from wm_ros.world_model.weights import check_device

_PLAIN = 10                     # episodes that the arm's lag is fitted on
_CALIBRATION = 5                # episodes that the expected surprise is measured on
#: Of what goes on from a checkpoint: what it knows is to be kept.
_GENTLE = TrainerConfig(learning_rate=3e-4, fit=False)


@dataclass(frozen=True)
class School:
    """
    Where an agent learns.

    In worlds of an ``engine`` as ``randomization`` (a ``sim.randomize.Randomization``) draws them,
    and in edge ``cases``, (seed, randomization) each, see ``Worlds``; ``widening`` worlds are as
    varied as its success allows (``Curriculum``).  Episodes that it collects are written to the
    folder ``keep``, if there is one, as soon as they are over.  Contexts learn to tell the drawn
    numbers ``tells``.
    """

    engine: str = 'pybullet'
    randomization: Any = None
    cases: Sequence[Tuple[int, Any]] = ()
    widening: bool = False
    keep: Optional[Path] = None
    tells: Sequence[str] = ()


class Training:
    """
    One training run of ``task``; ``report(stage, done, total, figures)`` hears of progress.

    The same seed gives the same run on the same machine and thread count.  With ``begin`` it goes
    on from these weights.
    """

    def __init__(self, robot: Robot, task: str, recipe: Recipe, seed: int, planner: dict,
                 device: str = 'cpu', report: Optional[Callable] = None,
                 school: School = School(), begin: Optional[Dynamics] = None):
        if not 0 <= seed < seeds.RUNS:
            raise WmRosError(f'--seed: got {seed}, expected from 0 to {seeds.RUNS - 1}')
        check_device(device)
        torch.manual_seed(seed)
        own, batches = np.random.SeedSequence(seed).spawn(2)
        self.rng = np.random.default_rng(own)
        self.robot, self.recipe, self.seed = robot, recipe, seed
        self.report = report or (lambda stage, done, total, figures: None)
        self.collector = Collector(robot, task, randomization=school.randomization,
                                   engine=school.engine)
        self.school = school
        self.task = self.collector.task
        varied = school.randomization is not None
        config = TrainerConfig() if begin is None else _GENTLE
        self.trainer_config = replace(config, tool=config.tool and not varied,
                                      linear=recipe.linear)
        self.dynamics = begin
        if begin is None:
            self.dynamics = Dynamics(robot, self.task, ModelConfig(
                context=recipe.context, tells=school.tells))
        self.dynamics.train().requires_grad_(True)
        self.trainer = Trainer(self.dynamics, self.trainer_config, batches, recipe.updates,
                               device)
        self.replay = Replay(self.dynamics.config.tells)
        self._lag: Optional[torch.Tensor] = None        # None: it is in what is recorded
        self.settings = PlannerSettings.from_params(planner)
        self.planner_params, self.device = dict(planner), device
        self._model: Optional[WorldModel] = None
        self.curriculum = None if not school.widening else Curriculum(
            school.randomization, len(self.task.object_names), len(robot.joint_names))
        self._worlds = Worlds(seeds.TRAINING * (1 + seed), school.randomization, school.cases,
                              recipe.edge_share, self.curriculum)
        self._kept = 0

    def add(self, episodes):
        """Begin with recorded ``episodes`` instead of collecting the first ones."""
        widths = self.dynamics.layout.width, len(self.task.active), 7
        for episode in episodes:
            got = (episode.states.shape[-1], episode.actions.shape[-1], episode.goal.shape[-1])
            if got != widths:
                raise WmRosError(f'recorded episodes: widths of state, action and goal are {got}, '
                                 f'expected {widths}; record them anew')
            if episode.expert is not None and not self.recipe.demonstrations:
                raise WmRosError('recorded episodes hold demonstrations, and --no-demonstrations '
                                 'does without: record with --source random')
            self.replay.add(episode)

    def run(self) -> dict:
        """Train; return figures: steps, demonstration steps, updates, seconds."""
        began, recipe = time.perf_counter(), self.recipe
        self._first_data()
        if self.school.randomization is not None and self.trainer_config.fit:
            self._lag = plain_lag(self.robot, self.school.engine)
        self._updates('first', recipe.first_updates)
        for number in range(recipe.rounds):
            self._round(number)
            self._updates(f'round {number + 1}', recipe.round_updates)
        self._updates('last', recipe.last_updates)
        demonstrated = sum(len(e.actions) for e in self.replay.episodes
                           if e.expert is not None) if recipe.demonstrations else 0
        return {'environment_steps': self.replay.steps, 'demonstration_steps': demonstrated,
                'updates': recipe.updates, 'seconds': round(time.perf_counter() - began, 1),
                'episodes': len(self.replay.episodes)}

    def save(self, path: Path, figures: dict) -> str:
        """Write the checkpoint; return its hash."""
        training = {
            'seed': self.seed, 'recipe': self.recipe.to_dict(),
            'trainer': self.trainer_config.to_dict(), 'planner': self.planner_params,
            'engine': self.school.engine,
            'randomization': '' if self.school.randomization is None
            else self.school.randomization.name,
            'curriculum': None if self.curriculum is None else self.curriculum.to_dict(),
            'torch': torch.__version__.split('+')[0], **figures}
        expected, training['calibration_steps'] = self._expected_innovation()
        return save_checkpoint(path, self.dynamics, self.robot, self.task, training, expected)

    def close(self):
        """End the physics."""
        self.collector.close()

    def _next_seed(self):
        """Return the seed of the next episode, whose world is the collector's from now on."""
        seed, world = next(self._worlds)
        self.collector.randomize(world)
        return seed

    def _write(self, episode):
        """Keep ``episode`` as it was recorded: its labels are the script's, or there are none."""
        if self.school.keep is not None:
            write_episode(self.school.keep, self._kept, episode)
            self._kept += 1

    def _first_data(self):
        total = 0 if self.replay.episodes else self.recipe.first_episodes
        for i in range(total):
            source = 'noisy' if self.recipe.demonstrations else 'random'
            episode = record(self.collector, source, self._next_seed(), self.rng)
            self._write(episode)
            self.replay.add(episode)
            self.report('collect', i + 1, total, {'steps': self.replay.steps})

    def _round(self, number):
        recipe, done = self.recipe, 0
        total = recipe.prior_episodes + recipe.planner_episodes
        successes = {'prior': [], 'planner': []}
        for i in range(total):
            kind = 'prior' if i < recipe.prior_episodes else 'planner'
            calm = i % 3 == 0
            episode = self._own_episode(
                'prior' if kind == 'prior' else 'mppi',
                None if calm else Noise(self.rng, burst=0.04))
            self.replay.add(episode)
            if calm:
                successes[kind].append(episode.success)
            done += 1
            self.report(f'round {number + 1}: own episodes', done, total, {
                'steps': self.replay.steps,
                **{name: float(np.mean(x)) for name, x in successes.items() if x}})

    def _own_episode(self, planner, disturb):
        if self._model is None:
            # It follows the weights; only making it takes time.
            self._model = WorldModel(self.dynamics, self.robot, self.task, device=self.device,
                                     backend='auto')
        pilot = Pilot(self._model, self.robot, replace(
            self.settings, type=planner, seed=int(self.rng.integers(2 ** 31))))
        self.dynamics.eval()
        episode = self.collector.run(self._next_seed(), pilot, planner, disturb=disturb,
                                     label=self.recipe.demonstrations)
        self._worlds.note(episode.seed, episode.success)
        self._write(episode)
        self.dynamics.train().requires_grad_(True)
        if not self.recipe.demonstrations:
            # What the planner wanted is the label; what was executed may be disturbed.
            wanted = np.array(pilot.wanted, np.float32)
            episode = replace(episode, expert=wanted)
        return episode

    def _updates(self, stage, count):
        if count == 0:
            return
        self.trainer.prepare(self.replay, self._lag)
        for i in range(count):
            figures = self.trainer.update()
            if (i + 1) % 50 == 0 or i + 1 == count:
                self.report(f'{stage}: updates', i + 1, count, figures)
                if not all(np.isfinite(list(figures.values()))):
                    raise WmRosError(f'training diverged at update {i + 1} of stage {stage}: '
                                     f'{figures}; another --seed may not')

    def _expected_innovation(self):
        """
        Return the 95th percentile of innovations [m], and the steps that were made for it.

        They are of new episodes of the policy prior in the whole loop, gate and delay
        included: what the running graph calls a surprise of 1.
        """
        params = {node: TABLE.resolve(node, {}) for node in (ROBOT, SENSOR, SAFETY, MPC)}
        params[ROBOT]['engine'] = self.school.engine
        params[MPC].update({**self.planner_params, 'planner.type': 'prior'})
        model = WorldModel(self.dynamics, self.robot, self.task, device=self.device,
                           expected_innovation=1.0, backend='auto')
        misses, seconds = [], 0.0
        with closing(ClosedLoop(self.robot, self.task.name, model, params)) as loop:
            for i in range(_CALIBRATION):
                result = loop.run(seeds.CALIBRATION + i)
                misses += result.surprises
                seconds += result.time
        return float(np.quantile(misses, 0.95)), round(seconds / self.robot.dt)


def plain_lag(robot: Robot, engine: str) -> torch.Tensor:
    """
    Return the actuation lag [4, 2] of an arm in free space, in worlds where it does as it should.

    Where joints stick, and sensors are noisy, how far the arm is from its setpoint seems to say
    little of where it goes, and futures would drift away from it.
    """
    rng, replay = np.random.default_rng(0), Replay()
    with closing(Collector(robot, 'reach', engine=engine)) as collector:
        for i in range(_PLAIN):
            replay.add(record(collector, 'noisy', seeds.CALIBRATION + i, rng))
        dynamics = Dynamics(robot, collector.task, ModelConfig())
    rows = replay.starts(1)
    states, actions = (torch.as_tensor(replay.arrays[name]) for name in ('state', 'action'))
    losses.fit_lag(dynamics, states[rows], actions[rows], states[rows + 1], firmly=True)
    return dynamics.lag
