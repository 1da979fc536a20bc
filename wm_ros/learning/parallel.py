"""
One training in several processes, each with a share of every batch (``torchrun``).

Gradients are averaged over the processes after each backward pass, as
``DistributedDataParallel`` does, but for losses that call any part of the module.  Each
process draws the whole batch's numbers and keeps its share, so that the batch is the same
however many there are; a loss that is a weighted mean is weighted within each share.
"""

import os

import torch
from torch import distributed, nn
from wm_ros.types import WmRosError
from wm_ros.world_model import collective


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
    if collective.together():
        distributed.destroy_process_group()


def meet() -> None:
    """Wait until all processes are here: one that leaves early breaks what others send it."""
    if collective.together():
        distributed.barrier()


def share(batch):
    """Return this process's part of ``batch`` [B, ...]; WmRosError where B cannot be shared."""
    count = collective.count()
    if len(batch) % count:
        raise WmRosError(f'batch: got {len(batch)}, expected a multiple of the {count} processes')
    return batch[collective.rank()::count]


def same_everywhere(module: nn.Module) -> None:
    """Give parameters and buffers of process 0 to all."""
    collective.take_first(*module.state_dict().values())


def mean_gradients(module: nn.Module) -> None:
    """Replace each gradient by the mean over the processes."""
    if not collective.together():
        return
    found = [p.grad for p in module.parameters() if p.grad is not None]
    flat = torch.cat([gradient.flatten() for gradient in found])
    collective.add_up(flat)
    flat /= collective.count()
    for gradient, part in zip(found, flat.split([gradient.numel() for gradient in found])):
        gradient.copy_(part.view_as(gradient))


def any_of(flag: bool) -> bool:
    """Return whether ``flag`` is set in any process; all of them wait here for each other."""
    if not collective.together():
        return flag
    # NCCL carries nothing but tensors of its GPU.
    device = 'cuda' if distributed.get_backend() == 'nccl' else 'cpu'
    flags = torch.tensor(float(flag), device=device)
    collective.add_up(flags)
    return bool(flags > 0)
