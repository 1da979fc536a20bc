"""The state of a training run in one file, written whole or not at all."""

from contextlib import contextmanager
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
    about = {**about, 'best': about['best'] if math.isfinite(about['best']) else None}
    write_tensors(path, {**weights_of('module', module), **weights_of('average', average),
                         **memory_of(optimiser)}, about)


def check_none(path: Path):
    """Raise WmRosError where a run that begins would overwrite what another can go on from."""
    if path.exists():
        raise WmRosError(f'{path}: is of a run that has not ended: add --resume, or delete it to '
                         'begin anew')


def read_state(path: Path, module: nn.Module, average: nn.Module, optimiser) -> dict:
    """
    Give weights and memory back; return what ``about`` was.

    Raises WmRosError for a file that is missing, damaged, or of another module.
    """
    with complaints(path):
        tensors, about = read_tensors(path)
        for prefix, part in (('module', module), ('average', average)):
            part.load_state_dict(under(tensors, prefix))
        give_memory(optimiser, under(tensors, 'optimiser'))
    return about


def weights_of(prefix: str, module: nn.Module) -> dict:
    """Return the weights of ``module`` by name, each after ``prefix`` and a point."""
    return {f'{prefix}.{name}': tensor.detach().cpu().contiguous().clone()
            for name, tensor in module.state_dict().items()}


def memory_of(optimiser) -> dict:
    """Return what an optimiser remembers, by ``optimiser.<parameter>.<name>``."""
    return {f'optimiser.{index}.{name}': tensor.detach().cpu().contiguous().clone()
            for index, memory in optimiser.state_dict()['state'].items()
            for name, tensor in memory.items()}


def write_tensors(path: Path, tensors: dict, about: dict):
    """Write tensors by name and ``about`` (plain data), whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    about = json.dumps(about)
    with whole(path) as partial:
        partial.write_bytes(save(tensors, {'about': about, 'crc32': _sum(about, tensors)}))


def read_tensors(path: Path):
    """
    Return tensors by name, and what ``about`` was.

    Raises WmRosError for a missing file, other errors for a damaged one; see ``complaints``.
    """
    if not path.is_file():
        raise WmRosError(f'{path}: no such file: there is nothing to resume')
    with safe_open(path, framework='pt') as file:
        told = file.metadata()
        tensors = {name: file.get_tensor(name) for name in file.keys()}
    if told['crc32'] != _sum(told['about'], tensors):
        raise ValueError('its checksum is another')
    return tensors, json.loads(told['about'])


@contextmanager
def complaints(path: Path):
    """Raise what a damaged or strange file at ``path`` leads to as one WmRosError."""
    try:
        yield
    except (SafetensorError, RuntimeError, ValueError, KeyError, TypeError, OSError) as error:
        raise WmRosError(f'{path}: damaged, or of another model '
                         f'({" ".join(str(error).split())[:160]})') from error


def _sum(about, tensors):
    """Return the CRC-32 of all that a state holds."""
    found = zlib.crc32(about.encode())
    for name in sorted(tensors):
        found = zlib.crc32(tensors[name].reshape(-1).view(torch.uint8).numpy(), found)
    return str(found)


def under(tensors: dict, prefix: str) -> dict:
    """Return the tensors whose names begin with ``prefix`` and a point, without it."""
    return {name[len(prefix) + 1:]: tensor for name, tensor in tensors.items()
            if name.startswith(f'{prefix}.')}


def give_memory(optimiser, memory: dict):
    """Give an optimiser its memory back, by ``<parameter>.<name>``; ValueError for another's."""
    state = optimiser.state_dict()
    state['state'] = {}
    for name, tensor in memory.items():
        index, _, key = name.partition('.')
        state['state'].setdefault(int(index), {})[key] = tensor
    # Parameters that no loss has reached have no memory.
    known = sum(len(group['params']) for group in state['param_groups'])
    if any(not 0 <= index < known for index in state['state']):
        raise ValueError(f'the memory of parameter {max(state["state"])} of {known}')
    optimiser.load_state_dict(state)
