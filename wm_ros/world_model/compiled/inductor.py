"""Networks by torch.compile: fused kernels, replayed as CUDA graphs on a GPU."""

import torch

#: Rows to warm up with: one is a case of its own to the compiler, all others are alike.
WARM_UP = (1, 64)


class Compiled:
    """``method``, of tensors [K, *] on ``device`` and without gradients, compiled for any K."""

    def __init__(self, method, device):
        self._cuda = torch.device(device).type == 'cuda'
        self._run = torch.compile(
            method, dynamic=True, mode='reduce-overhead' if self._cuda else 'default')

    def __call__(self, *tensors):
        """Do as the method."""
        # Copies in rows, made here: views, and tensors of elsewhere, would be other code.
        found = self._run(*(tensor.clone(memory_format=torch.contiguous_format)
                            for tensor in tensors))
        if not self._cuda:
            return found
        # The next replay of a graph writes into the same memory.
        return found.clone() if torch.is_tensor(found) else tuple(part.clone() for part in found)
