"""
Weights in safetensors, everything else in JSON beside them.  Never pickle.

``name.safetensors`` + ``name.json``, which holds the format, the configuration, the SHA-256 of
the weights, and what else its writer puts there.
"""

import hashlib
import json
import math
import os
from pathlib import Path
from typing import Mapping

from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
import torch
from torch import nn
from wm_ros import paths
from wm_ros.files import whole
from wm_ros.types import CheckpointError, ParameterError

FORMAT = 1
_MAX_BYTES = 512 * 2 ** 20      # more than any model here; a hostile header must not eat memory
_MAX_JSON = 2 ** 20


def write_weights(path: Path, module: nn.Module, meta: Mapping) -> str:
    """Write both files, each whole or not at all; return the weights' hash (12 hex)."""
    path = paths.weights_file(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    weights = save_tensors({name: tensor.detach().cpu().contiguous()
                            for name, tensor in module.state_dict().items()})
    digest = hashlib.sha256(weights).hexdigest()
    text = json.dumps({'format': FORMAT, **_plain(meta), 'weights_sha256': digest}, indent=1,
                      allow_nan=False) + '\n'
    for file, data in ((path, weights), (path.with_suffix('.json'), text.encode())):
        with whole(file) as partial:
            partial.write_bytes(data)
    return digest[:12]


def _plain(value):
    """Return ``value`` with None for numbers that JSON has no word for."""
    if isinstance(value, Mapping):
        return {name: _plain(part) for name, part in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value


def read_meta(path: Path, wanted: Mapping[str, type]) -> dict:
    """Return the JSON of a checkpoint; CheckpointError unless it holds what is ``wanted``."""
    try:
        size = path.stat().st_size
        if size > _MAX_JSON:
            raise CheckpointError(f'checkpoint {path}: {size} bytes, expected less than '
                                  f'{_MAX_JSON}')
        meta = json.loads(path.read_text(encoding='utf-8'))
    except FileNotFoundError as error:
        raise paths.no_checkpoint(path) from error
    except OSError as error:
        raise CheckpointError(f'checkpoint {path}: cannot be read ({error.strerror})') from error
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f'checkpoint {path}: not valid JSON '
                              f'({shown(error, str)})') from error
    for key, kind in {'format': int, 'config': dict, 'weights_sha256': str, **wanted}.items():
        if not isinstance(meta, dict) or not isinstance(meta.get(key), kind):
            raise CheckpointError(f'checkpoint {path}: {key!r} is missing or not of type '
                                  f'{kind.__name__}')
    if meta['format'] != FORMAT:
        raise CheckpointError(f'checkpoint {path}: format {shown(meta["format"])}, expected '
                              f'{FORMAT}')
    return meta


def read_weights(path: Path, meta: Mapping):
    """Return tensors by name, and their hash; CheckpointError for damaged files."""
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
                              f'the JSON says {shown(meta["weights_sha256"][:12])}')
    try:
        return load_tensors(data), digest
    except (SafetensorError, ValueError, KeyError, RuntimeError) as error:
        raise CheckpointError(f'checkpoint {path}: not a safetensors file '
                              f'({shown(error, str)})') from error


def check_weights(path: Path, weights: Mapping, expected: Mapping):
    """Compare names, shapes and types with ``expected``, and look for values not finite."""
    for name in sorted(set(weights) ^ set(expected)):
        raise CheckpointError(f'checkpoint {path}: {shown(name)} is '
                              f'{"missing" if name in expected else "not known"}')
    for name, tensor in weights.items():
        ours, theirs = expected[name], tensor
        if (ours.shape, ours.dtype) != (theirs.shape, theirs.dtype):
            raise CheckpointError(
                f'checkpoint {path}: {name} is {theirs.dtype} {tuple(theirs.shape)}, expected '
                f'{ours.dtype} {tuple(ours.shape)}')
        if not torch.isfinite(tensor).all():
            raise CheckpointError(f'checkpoint {path}: {name} holds values that are not finite')


def check_output(name, figures=''):
    """
    Raise CheckpointError where a checkpoint could not be written, hours before it is.

    ``figures`` is another file that will be written, '' or None for none.
    """
    path = paths.weights_file(name)
    if figures and Path(figures).resolve() in (
            path.resolve(), path.with_suffix('.json').resolve()):
        raise CheckpointError(f'checkpoint {path}: --json {figures} would overwrite its '
                              'description; name another file')
    folder = path.parent
    while not folder.exists():
        folder = folder.parent
    if not folder.is_dir() or not os.access(folder, os.W_OK) or path.is_dir():
        raise CheckpointError(f'checkpoint {path}: cannot be written there')


def check_device(device: str):
    """Raise ParameterError unless torch can use ``device``."""
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise ParameterError(f'parameter device: torch cannot use {device!r} '
                             f'({shown(error, str)})') from error


def shown(value, text=repr):
    """Return ``value`` as a short text in one line, whatever a file holds."""
    line = ' '.join(text(value).split())
    return line if len(line) <= 160 else f'{line[:157]}...'
