"""
Checkpoints: weights in safetensors, everything else in JSON beside them. Never pickle.

``name.safetensors`` + ``name.json``.  The JSON holds the configuration, the task, the
embodiment fingerprint, how the checkpoint was made, and the SHA-256 of the weights.
"""

import hashlib
import json
import math
import os
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
import torch
from wm_ros import paths
from wm_ros.files import whole
from wm_ros.robot.fingerprint import fingerprint
from wm_ros.robot.robot import Robot
from wm_ros.tasks import TaskSpec
from wm_ros.types import CheckpointError, ParameterError
from wm_ros.world_model.dynamics import Dynamics, ModelConfig
from wm_ros.world_model.model import WorldModel

FORMAT = 1
_MAX_BYTES = 512 * 2 ** 20      # more than any model here; a hostile header must not eat memory
_MAX_JSON = 2 ** 20


def save_checkpoint(path: Path, dynamics: Dynamics, robot: Robot, task: TaskSpec,
                    training: dict, expected_innovation: float) -> str:
    """Write both files, each whole or not at all; return the checkpoint's hash (12 hex)."""
    path = paths.weights_file(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    weights = save_tensors({name: tensor.detach().cpu().contiguous()
                            for name, tensor in dynamics.state_dict().items()})
    digest = hashlib.sha256(weights).hexdigest()
    meta = {
        'format': FORMAT, 'task': task.name, 'robot': robot.name,
        'config': dynamics.config.to_dict(), 'fingerprint': fingerprint(robot),
        'object_names': list(task.object_names), 'expected_innovation': expected_innovation,
        'training': training, 'weights_sha256': digest,
    }
    for file, data in ((path, weights), (path.with_suffix('.json'),
                                         (json.dumps(meta, indent=1) + '\n').encode())):
        with whole(file) as partial:
            partial.write_bytes(data)
    return digest[:12]


def check_output(name):
    """Raise CheckpointError where ``save_checkpoint`` could not write, hours before it does."""
    path = paths.weights_file(name)
    folder = path.parent
    while not folder.exists():
        folder = folder.parent
    if not folder.is_dir() or not os.access(folder, os.W_OK) or path.is_dir():
        raise CheckpointError(f'checkpoint {path}: cannot be written there')


def find_checkpoint(reference: str, robot: Robot, task: TaskSpec) -> Path:
    """Return the weights file that ``reference`` names; '' is the shipped one."""
    if reference:
        path = paths.weights_file(reference)
    else:
        path = paths.checkpoint_dir() / f'{robot.name}_{task.name}{paths.WEIGHTS_SUFFIX}'
    for file in (path, path.with_suffix('.json')):
        if not file.is_file():
            raise CheckpointError(
                f'checkpoint {file}: no such file; expected weights and JSON side by side '
                f'(train one: wm_ros train --task {task.name} --output {path.stem})')
    return path


def load_checkpoint(reference: str, robot: Robot, task: TaskSpec,
                    device: str = 'cpu') -> WorldModel:
    """
    Return the world model of a checkpoint; ``reference`` '' means the shipped one.

    Raises CheckpointError, in one line, for files that are missing, damaged, of another
    format, robot or task, or hold weights that are not finite; ParameterError for a device
    that is not there.
    """
    check_device(device)
    path = find_checkpoint(reference, robot, task)
    meta = _read_meta(path.with_suffix('.json'))
    _check_embodiment(path, meta, robot, task)
    weights, digest = _read_weights(path, meta)
    try:
        config = ModelConfig(**meta['config'])
        with torch.device('meta'):      # shapes without memory: the sizes may be absurd
            expected = Dynamics(robot, task, config).state_dict()
        _check_weights(path, weights, expected)
        dynamics = Dynamics(robot, task, config)
        dynamics.load_state_dict(weights)
    except (TypeError, ValueError, RuntimeError) as error:
        raise CheckpointError(f'checkpoint {path}: does not fit its configuration '
                              f'({_shown(error, str)})') from error
    return WorldModel(dynamics, robot, task, digest[:12], device, meta['expected_innovation'],
                      compiled=True)


def check_device(device: str):
    """Raise ParameterError unless torch can use ``device``."""
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise ParameterError(f'parameter device: torch cannot use {device!r} '
                             f'({_shown(error, str)})') from error


def _shown(value, text=repr):
    """Return ``value`` as a short text in one line, whatever a file holds."""
    line = ' '.join(text(value).split())
    return line if len(line) <= 160 else f'{line[:157]}...'


def _read_meta(path):
    try:
        size = path.stat().st_size
        if size > _MAX_JSON:
            raise CheckpointError(f'checkpoint {path}: {size} bytes, expected less than '
                                  f'{_MAX_JSON}')
        meta = json.loads(path.read_text(encoding='utf-8'))
    except OSError as error:
        raise CheckpointError(f'checkpoint {path}: cannot be read ({error.strerror})') from error
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f'checkpoint {path}: not valid JSON '
                              f'({_shown(error, str)})') from error
    wanted = {'format': int, 'task': str, 'config': dict, 'fingerprint': dict,
              'object_names': list, 'weights_sha256': str, 'expected_innovation': float}
    for key, kind in wanted.items():
        if not isinstance(meta, dict) or not isinstance(meta.get(key), kind):
            raise CheckpointError(f'checkpoint {path}: {key!r} is missing or not of type '
                                  f'{kind.__name__}')
    if meta['format'] != FORMAT:
        raise CheckpointError(f'checkpoint {path}: format {_shown(meta["format"])}, expected '
                              f'{FORMAT}')
    if not 0.0 < meta['expected_innovation'] < math.inf:
        raise CheckpointError(f'checkpoint {path}: expected_innovation is '
                              f'{meta["expected_innovation"]}, expected a number above 0')
    return meta


def _check_embodiment(path, meta, robot, task):
    if meta['task'] != task.name:
        raise CheckpointError(f'checkpoint {path}: made for task {_shown(meta["task"])}, '
                              f'expected {task.name!r}')
    if meta['object_names'] != list(task.object_names):
        raise CheckpointError(f'checkpoint {path}: made for the objects '
                              f'{_shown(meta["object_names"])}, expected '
                              f'{list(task.object_names)}')
    ours = fingerprint(robot)
    for key, value in ours.items():
        if meta['fingerprint'].get(key) != value:
            raise CheckpointError(
                f'checkpoint {path}: made for another robot: {key} is '
                f'{_shown(meta["fingerprint"].get(key))}, this robot has {value!r}')


def _check_weights(path, weights, expected):
    """Compare names, shapes and types, and look for values that are not finite."""
    for name in sorted(set(weights) ^ set(expected)):
        raise CheckpointError(f'checkpoint {path}: {_shown(name)} is '
                              f'{"missing" if name in expected else "not known"}')
    for name, tensor in weights.items():
        ours, theirs = expected[name], tensor
        if (ours.shape, ours.dtype) != (theirs.shape, theirs.dtype):
            raise CheckpointError(
                f'checkpoint {path}: {name} is {theirs.dtype} {tuple(theirs.shape)}, expected '
                f'{ours.dtype} {tuple(ours.shape)}')
        if not torch.isfinite(tensor).all():
            raise CheckpointError(f'checkpoint {path}: {name} holds values that are not finite')


def _read_weights(path, meta):
    try:
        size = path.stat().st_size
        if size > _MAX_BYTES:
            raise CheckpointError(f'checkpoint {path}: {size} bytes, expected less than '
                                  f'{_MAX_BYTES}')
        data = path.read_bytes()
    except OSError as error:
        raise CheckpointError(f'checkpoint {path}: cannot be read ({error.strerror})') from error
    digest = hashlib.sha256(data).hexdigest()
    if digest != meta['weights_sha256']:
        raise CheckpointError(f'checkpoint {path}: damaged: its SHA-256 begins {digest[:12]}, '
                              f'the JSON says {_shown(meta["weights_sha256"][:12])}')
    try:
        return load_tensors(data), digest
    except (SafetensorError, ValueError, KeyError, RuntimeError) as error:
        raise CheckpointError(f'checkpoint {path}: not a safetensors file '
                              f'({_shown(error, str)})') from error
