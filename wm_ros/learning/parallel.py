"""
One training in several processes, each with a share of every batch (``torchrun``).

Gradients are averaged over the processes after each backward pass, as
``DistributedDataParallel`` does, but for losses that call any part of the module.  Each
process draws the whole batch's numbers and keeps its share, so that the batch is the same
however many there are.
"""

import os

import torch
from torch import distributed, nn


def start(device: str = 'cpu') -> str:
    """
    Join the other processes, if ``torchrun`` has started this one among several.

    Return the device of this process: each of several has a GPU of its own.
    """
    if not started_together():
        return device
    if device == 'cuda':
        device = f'cuda:{os.environ.get("LOCAL_RANK", 0)}'
        torch.cuda.set_device(device)
    if not distributed.is_initialized():
        distributed.init_process_group('nccl' if device.startswith('cuda') else 'gloo')
    return device


def started_together() -> bool:
    """Return whether ``torchrun`` has started this process among several."""
    return int(os.environ.get('WORLD_SIZE', 1)) > 1


def stop() -> None:
    """Leave the other processes."""
    if together():
        distributed.destroy_process_group()


def together() -> bool:
    """Return whether there are other processes."""
    return distributed.is_available() and distributed.is_initialized()


def rank() -> int:
    """Return the number of this process; 0 is the one that writes."""
    return distributed.get_rank() if together() else 0


def share(batch):
    """Return this process's part of ``batch`` [B, ...]."""
    if not together():
        return batch
    return batch[rank()::distributed.get_world_size()]


def same_everywhere(module: nn.Module) -> None:
    """Give parameters and buffers of process 0 to all."""
    if together():
        for tensor in module.state_dict().values():
            distributed.broadcast(tensor, 0)


def mean_gradients(module: nn.Module) -> None:
    """Replace each gradient by the mean over the processes."""
    if not together():
        return
    found = [p.grad for p in module.parameters() if p.grad is not None]
    flat = torch.cat([gradient.flatten() for gradient in found])
    distributed.all_reduce(flat)
    flat /= distributed.get_world_size()
    for gradient, part in zip(found, flat.split([gradient.numel() for gradient in found])):
        gradient.copy_(part.view_as(gradient))


def any_of(flag: bool) -> bool:
    """Return whether ``flag`` is set in any process; all of them wait here for each other."""
    if not together():
        return flag
    # NCCL carries nothing but tensors of its GPU.
    device = 'cuda' if distributed.get_backend() == 'nccl' else 'cpu'
    flags = torch.tensor(float(flag), device=device)
    distributed.all_reduce(flags)
    return bool(flags > 0)
