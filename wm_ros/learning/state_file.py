"""The state of a training run in one file, written whole or not at all."""

import json
import math
from pathlib import Path
import zlib

from safetensors import safe_open, SafetensorError
from safetensors.torch import save
import torch
from torch import nn
from wm_ros.files import whole
from wm_ros.types import WmRosError


def write_state(path: Path, module: nn.Module, average: nn.Module, optimiser, about: dict):
    """Write weights, averaged weights, the optimiser's memory, and ``about`` (plain data)."""
    tensors = {}
    for prefix, part in (('module', module), ('average', average)):
        tensors.update({f'{prefix}.{name}': tensor.detach().cpu().contiguous().clone()
                        for name, tensor in part.state_dict().items()})
    for index, memory in optimiser.state_dict()['state'].items():
        tensors.update({f'optimiser.{index}.{name}': tensor.detach().cpu().contiguous().clone()
                        for name, tensor in memory.items()})
    about = {**about, 'best': about['best'] if math.isfinite(about['best']) else None}
    path.parent.mkdir(parents=True, exist_ok=True)
    about = json.dumps(about)
    with whole(path) as partial:
        partial.write_bytes(save(tensors, {'about': about, 'crc32': _sum(about, tensors)}))


def read_state(path: Path, module: nn.Module, average: nn.Module, optimiser) -> dict:
    """
    Give weights and memory back; return what ``about`` was.

    Raises WmRosError for a file that is missing, damaged, or of another module.
    """
    if not path.is_file():
        raise WmRosError(f'{path}: no such file: there is nothing to resume')
    try:
        with safe_open(path, framework='pt') as file:
            told = file.metadata()
            tensors = {name: file.get_tensor(name) for name in file.keys()}
        if told['crc32'] != _sum(told['about'], tensors):
            raise ValueError('its checksum is another')
        about = json.loads(told['about'])
        for prefix, part in (('module', module), ('average', average)):
            part.load_state_dict(_under(tensors, prefix))
        _give(optimiser, _under(tensors, 'optimiser'))
    except (SafetensorError, RuntimeError, ValueError, KeyError, TypeError, OSError) as error:
        raise WmRosError(f'{path}: damaged, or of another model '
                         f'({" ".join(str(error).split())[:160]})') from error
    return about


def _sum(about, tensors):
    """Return the CRC-32 of all that a state holds."""
    found = zlib.crc32(about.encode())
    for name in sorted(tensors):
        found = zlib.crc32(tensors[name].reshape(-1).view(torch.uint8).numpy(), found)
    return str(found)


def _under(tensors, prefix):
    return {name[len(prefix) + 1:]: tensor for name, tensor in tensors.items()
            if name.startswith(f'{prefix}.')}


def _give(optimiser, memory):
    state = optimiser.state_dict()
    state['state'] = {}
    for name, tensor in memory.items():
        index, _, key = name.partition('.')
        state['state'].setdefault(int(index), {})[key] = tensor
    # Parameters that no loss has reached have no memory.
    known = len(state['param_groups'][0]['params'])
    if any(not 0 <= index < known for index in state['state']):
        raise ValueError(f'the memory of parameter {max(state["state"])} of {known}')
    optimiser.load_state_dict(state)
