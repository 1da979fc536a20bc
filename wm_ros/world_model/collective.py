"""Tensors of the processes that train one model together (``torchrun``); nothing to do in one."""

import torch
from torch import distributed


def together() -> bool:
    """Return whether there are other processes."""
    return distributed.is_available() and distributed.is_initialized()


def count() -> int:
    """Return the number of processes."""
    return distributed.get_world_size() if together() else 1


def rank() -> int:
    """Return the number of this process; 0 is the one that writes."""
    return distributed.get_rank() if together() else 0


def add_up(*tensors: torch.Tensor) -> None:
    """Replace each tensor by its sum over the processes."""
    if together():
        for tensor in tensors:
            distributed.all_reduce(tensor)


def take_first(*tensors: torch.Tensor) -> None:
    """Give the tensors of process 0 to all."""
    if together():
        for tensor in tensors:
            distributed.broadcast(tensor, 0)
