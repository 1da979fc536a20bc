"""
Checkpoints of world models: weights and their JSON (``wm_ros.world_model.weights``).

The JSON holds the configuration, the task, the embodiment's fingerprint, and how the
checkpoint was made.
"""

import math
from pathlib import Path
from typing import Optional

import torch
from wm_ros import paths
from wm_ros.robot.fingerprint import fingerprint
from wm_ros.robot.robot import Robot
from wm_ros.tasks import TaskSpec
from wm_ros.types import CheckpointError
from wm_ros.world_model.agent.actor import Actor, ActorConfig
from wm_ros.world_model.agent.config import ModelConfig
from wm_ros.world_model.agent.dynamics import Dynamics
from wm_ros.world_model.agent.model import WorldModel
from wm_ros.world_model.load import load_part
from wm_ros.world_model.weights import (
    check_device, check_weights, read_meta, read_weights, shown, write_weights)

_WANTED = {'task': str, 'fingerprint': dict, 'object_names': list, 'expected_innovation': float}


def save_checkpoint(path: Path, dynamics: Dynamics, robot: Robot, task: TaskSpec,
                    training: dict, expected_innovation: float) -> str:
    """Write both files, each whole or not at all; return the checkpoint's hash (12 hex)."""
    return write_weights(path, dynamics, {
        'task': task.name, 'robot': robot.name,
        'config': dynamics.config.to_dict(), 'fingerprint': fingerprint(robot),
        'object_names': list(task.object_names), 'expected_innovation': expected_innovation,
        'training': training})


def find_checkpoint(reference: str, robot: Robot, task: TaskSpec) -> Path:
    """Return the weights file that ``reference`` names; '' is the shipped one."""
    if reference:
        path = paths.find_weights(reference)
    else:
        path = paths.checkpoint_dir() / f'{robot.name}_{task.name}{paths.WEIGHTS_SUFFIX}'
    for file in (path, path.with_suffix('.json')):
        if not file.is_file():
            other = '' if robot.name == 'panda' else f'--robot {robot.name} '
            raise paths.no_checkpoint(
                file, f' (weights and JSON side by side; train one: wm_ros train --task '
                f'{task.name} {other}--output {path.stem})')
    return path


def load_checkpoint(reference: str, robot: Robot, task: TaskSpec,
                    device: str = 'cpu', eyes=None, backend: str = 'auto',
                    actor: str = '', adapt: bool = True) -> WorldModel:
    """
    Return the world model of a checkpoint; ``reference`` '' means the shipped one.

    ``eyes`` (``sight.load_looker``) find objects in images; ``backend`` is one of
    ``compilation.BACKENDS`` or 'auto'; ``actor`` names one, '' is NAME_actor beside the
    checkpoint NAME, if there is one; ``adapt`` is as WorldModel's.  Raises CheckpointError, in one
    line, for files that are missing, damaged, of another format, robot or task, or hold weights
    that are not finite; ParameterError for a device that is not there.
    """
    check_device(device)
    path = find_checkpoint(reference, robot, task)
    meta = read_meta(path.with_suffix('.json'), _WANTED)
    if not 0.0 < meta['expected_innovation'] < math.inf:
        raise CheckpointError(f'checkpoint {path.with_suffix(".json")}: expected_innovation is '
                              f'{meta["expected_innovation"]}, expected a number above 0')
    _check_embodiment(path, meta, robot, task)
    weights, digest = read_weights(path, meta)
    try:
        config = ModelConfig(**meta['config'])
        with torch.device('meta'):      # shapes without memory: the sizes may be absurd
            expected = Dynamics(robot, task, config).state_dict()
        check_weights(path, weights, expected)
        dynamics = Dynamics(robot, task, config)
        dynamics.load_state_dict(weights)
    except (TypeError, ValueError, RuntimeError) as error:
        raise CheckpointError(f'checkpoint {path}: does not fit its configuration '
                              f'({shown(error, str)})') from error
    return WorldModel(dynamics, robot, task, digest[:12], device, meta['expected_innovation'],
                      backend=backend, eyes=eyes,
                      actor=_load_actor(actor, path, dynamics, digest, device), adapt=adapt)


def _load_actor(reference, path, dynamics, digest, device) -> Optional[Actor]:
    if not reference:
        beside = path.with_name(f'{path.stem}_actor{path.suffix}')
        if not beside.is_file():
            return None
        reference = str(beside)
    actor = load_part(reference, 'actor', device)
    agent = read_meta(paths.find_weights(reference).with_suffix('.json'), {'agent': str})['agent']
    if agent != digest[:12] or ActorConfig.of(dynamics) != actor.config:
        raise CheckpointError(f'checkpoint {paths.find_weights(reference)}: learned in the '
                              f'imagination of agent {shown(agent)}, this one is {digest[:12]}; '
                              f'train it anew: wm_ros train --model actor --set model={path.stem}')
    return actor


def _check_embodiment(path, meta, robot, task):
    if meta['task'] != task.name:
        raise CheckpointError(f'checkpoint {path}: made for task {shown(meta["task"])}, '
                              f'expected {task.name!r}')
    if meta['object_names'] != list(task.object_names):
        raise CheckpointError(f'checkpoint {path}: made for the objects '
                              f'{shown(meta["object_names"])}, expected '
                              f'{list(task.object_names)}')
    ours = fingerprint(robot)
    for key, value in ours.items():
        if meta['fingerprint'].get(key) != value:
            raise CheckpointError(
                f'checkpoint {path}: made for another robot: {key} is '
                f'{shown(meta["fingerprint"].get(key))}, this robot has {value!r}')
