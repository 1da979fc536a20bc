"""Parts of the world model that are trained on recordings, by name."""

from dataclasses import asdict, replace
from pathlib import Path
from typing import Callable, Dict, NamedTuple, Sequence, Tuple

import numpy as np
from wm_ros.data import Bank
from wm_ros.data.windows import columns_for
from wm_ros.evaluation.run import parameters, Request
from wm_ros.learning import eyes as seeing
from wm_ros.learning import imagination
from wm_ros.learning import sequence as sequences
from wm_ros.learning import tokenizer as tokenizers
from wm_ros.learning import watch as watching
from wm_ros.learning.configured import configured
from wm_ros.learning.loop import Job, LoopConfig
from wm_ros.param_table import MPC
from wm_ros.robot.motion import MotionRule
from wm_ros.robot.robot import load_robot
from wm_ros.tasks import get_task
from wm_ros.types import WmRosError
from wm_ros.world_model import load_checkpoint
from wm_ros.world_model.eyes import EyesConfig
from wm_ros.world_model.load import load_part
from wm_ros.world_model.sequence import SequenceConfig
from wm_ros.world_model.tokens import FrameConfig
from wm_ros.world_model.watch import WatchConfig


class Order(NamedTuple):
    """What a user asks for: recordings, settings KEY=VALUE, and how to train."""

    task: str
    data: Sequence[str]             # folders of recordings to train on
    held_out: Sequence[str]         # and of those to validate on
    settings: Tuple[str, ...] = ()
    seed: int = 0
    device: str = 'cpu'
    debug: bool = False             # every part in seconds
    robot: str = 'panda'            # that was recorded
    complain: Callable[[str], None] = print

    def about(self, job: Job) -> dict:
        """Return what the checkpoint says of it: task, names of recordings, job's settings."""
        return {'task': self.task, 'robot': self.robot, 'recordings': {
            name: [Path(folder).name for folder in folders]
            for name, folders in (('data', self.data), ('held_out', self.held_out))},
            **asdict(job.training)}


def tokenizer(order: Order) -> Tuple[Job, LoopConfig]:
    """Return the training of a frame tokenizer."""
    usual = ({'updates': 6, 'validate': 3, 'batch': 4, 'held_out': 8, 'width': 8}
             if order.debug else {'updates': 20_000, 'learning_rate': 2e-3})
    config, training, loop = configured(
        (FrameConfig, tokenizers.TokenizerTraining, LoopConfig), order.settings,
        {'seed': order.seed, **usual})
    train, held_out = _banks(order, tokenizers.COLUMNS)
    return tokenizers.TokenizerJob(
        config, training, train, held_out, order.seed, order.device), loop


def sequence(order: Order) -> Tuple[Job, LoopConfig]:
    """Return the training of a model of sequences."""
    usual = ({'updates': 6, 'validate': 3, 'batch': 4, 'held_out': 8, 'window': 12, 'dream': 4,
              'size': 16, 'hidden': 16, 'layers': 1}
             if order.debug else {'updates': 10_000})
    config, training, loop = configured(
        (SequenceConfig, sequences.SequenceTraining, LoopConfig), order.settings,
        {'seed': order.seed, **usual})
    streams = tuple(training.inputs.split('+'))
    train, held_out = _banks(order, columns_for(streams, 'states'))
    row = train.sample(np.random.default_rng(0), 1)
    config = replace(config, actions=row['actions'].shape[-1],
                     streams={name: row[name][0, 0].size for name in streams})
    speed = MotionRule.of(load_robot(order.robot)).speed
    return sequences.SequenceJob(
        config, training, train, held_out, speed, order.seed, order.device), loop


def eyes(order: Order) -> Tuple[Job, LoopConfig]:
    """Return the training of eyes, which see where objects are."""
    usual = ({'updates': 6, 'validate': 3, 'batch': 4, 'held_out': 8, 'width': 8, 'points': 8}
             if order.debug else {'updates': 20_000})
    config, training, loop = configured(
        (EyesConfig, seeing.EyesTraining, LoopConfig), order.settings,
        {'seed': order.seed, **usual})
    train, held_out = _banks(order, seeing.COLUMNS)
    return seeing.EyesJob(config, training, train, held_out, order.seed, order.device), loop


def decoder(order: Order) -> Tuple[Job, LoopConfig]:
    """Return the training of a frame decoder for the model of sequences that is set."""
    usual = ({'updates': 6, 'validate': 3, 'batch': 2, 'held_out': 2, 'width': 8, 'blocks': 1}
             if order.debug else {'updates': 20_000})
    config, training, loop = configured(
        (WatchConfig, watching.WatchTraining, LoopConfig), order.settings,
        {'seed': order.seed, 'features': 1, **usual})
    if not training.model:
        raise WmRosError('--model decoder draws the latents of a model of sequences: add --set '
                         'model=NAME (wm_ros train --model sequence)')
    model = load_part(training.model, 'sequence_model', order.device)
    train, held_out = _banks(order, columns_for(model.config.streams, 'frames'))
    return watching.WatchJob(config, training, model, train, held_out, order.seed,
                             order.device), loop


def actor(order: Order) -> Tuple[Job, LoopConfig]:
    """Return the training of an actor in the imagination of an agent."""
    usual = ({'updates': 6, 'validate': 3, 'batch': 4, 'held_out': 8, 'steps': 3,
              'settling': 2, 'judged': 4}
             if order.debug else {'updates': 3000, 'learning_rate': 3e-4})
    training, loop = configured((imagination.ActorTraining, LoopConfig), order.settings,
                                {'seed': order.seed, **usual})
    model = load_checkpoint(training.model, load_robot(order.robot), get_task(order.task),
                            order.device, backend='eager')
    planner = parameters(Request(order.task, 1, robot=order.robot))[MPC]
    weights = {name.split('.')[1]: value for name, value in planner.items()
               if name.startswith('objective.')}
    train, held_out = _banks(order, imagination.COLUMNS)
    return imagination.ImaginationJob(training, model, weights, train, held_out,
                                      order.seed), loop


def _banks(order, columns):
    return [Bank(folder, order.task, order.complain, columns)
            for folder in (order.data, order.held_out)]


#: Parts by name.
PARTS: Dict[str, Callable[[Order], Tuple[Job, LoopConfig]]] = {
    'tokenizer': tokenizer, 'sequence': sequence, 'eyes': eyes, 'decoder': decoder,
    'actor': actor}
