"""A network as a chain of matrix products in memory of its own."""

from functools import lru_cache
from typing import List, Optional

import numpy as np
import torch
from torch import nn
from wm_ros.world_model.compiled import layers
from wm_ros.world_model.compiled.lanes import LANES
from wm_ros.world_model.networks import SimNorm

PRECISIONS = {'float32': torch.float32, 'bfloat16': torch.bfloat16}
_ACTIVATIONS = {nn.SiLU: layers.SILU, nn.Mish: layers.MISH}
_MANY = 16          # rows; with fewer, oneDNN takes longer to be called than to multiply


class _Step:
    """A Linear, ``product``, and what comes after it, ``finish``."""

    def __init__(self, linear: nn.Linear):
        self.linear = linear
        self.norm: Optional[nn.LayerNorm] = None
        self.activation, self.simplices = layers.NONE, 0

    def prepare(self, rows, kind, inputs):
        """Make ready for ``rows`` rows; return how many numbers come out of each."""
        width = self.linear.out_features
        if self.norm is not None and (width % LANES or self.norm.eps != 1e-5
                                      or self.norm.bias is None):
            raise ValueError(f'LayerNorm: got {self.norm}, expected a width that is a multiple '
                             f'of {LANES}, eps 1e-5 and a bias')
        self._kind, self._inputs, self._width = kind, inputs, width + -width % LANES
        self._row = np.zeros(self._width, np.float32)
        product = _Packed if rows >= _MANY and _packs(kind) else _Product
        self.product = product(rows, self._width, kind)
        return self._width

    @torch.no_grad()
    def pack(self):
        """Take the weights as they are now."""
        linear, missing = self.linear, self._width - self.linear.out_features
        self.product.take(nn.functional.pad(linear.weight, (
            0, self._inputs - linear.in_features, 0, missing)).to(self._kind))
        bias = torch.zeros(linear.out_features) if linear.bias is None else linear.bias
        self._bias = nn.functional.pad(bias, (0, missing)).numpy().copy()
        if self.norm is not None:
            self._scale = [part.numpy().copy() for part in (self.norm.weight, self.norm.bias)]

    def finish(self, out):
        """Do what comes after the product, in place of ``out`` [K, O]."""
        array = as_array(out)
        if self.norm is not None:
            layers.norm(array, self._bias, *self._scale, self.activation, self._row)
        else:
            layers.plain(array, self._bias, self.activation, self._row)
        if self.simplices:
            layers.simplices(array, self.simplices, self._row)


class _Product:
    """x [K, I] @ weight [O, I] transposed, of up to ``rows`` rows, in memory of its own."""

    def __init__(self, rows, width, kind):
        self._memory = torch.zeros(rows, width, dtype=kind)

    def take(self, weight):
        self._weight = weight.t().contiguous()

    def __call__(self, x):
        return torch.mm(x, self._weight, out=self._memory[:len(x)])


class _Packed:
    """
    The same by oneDNN, whose weights stay packed, in memory that is new each time.

    In float32 too: torch.mm is MKL's there, which leaves AVX-512 unused on AMD's.
    """

    def __init__(self, rows, width, kind):
        self._rows = rows

    def take(self, weight):
        self._weight = torch.ops.mkldnn._reorder_linear_weight(weight, self._rows)

    def __call__(self, x):
        return torch.ops.mkldnn._linear_pointwise(x, self._weight, None, 'none', [], '')


@lru_cache(maxsize=None)
def _packs(kind) -> bool:
    """Return whether torch has oneDNN here, for numbers of this kind, under these names."""
    return torch.backends.mkldnn.is_available() and all(
        hasattr(torch.ops.mkldnn, name) for name in (
            '_reorder_linear_weight', '_linear_pointwise', '_is_mkldnn_bf16_supported')) and (
        kind != torch.bfloat16 or torch.ops.mkldnn._is_mkldnn_bf16_supported())


class Chain:
    """
    Does what ``module`` does with up to ``rows`` rows, in ``precision`` (one of PRECISIONS).

    ``module`` is a Sequential, or some in one, of Linear, LayerNorm, SiLU, Mish and SimNorm.  Sums
    are float32 in any precision.  What it returns is memory that the next call may overwrite.  The
    weights stay those of ``module``, also when they change later.  Where x has more ``inputs``
    than ``module`` takes, the last have no weight.  Raises ValueError for other
    layers, or in another order.
    """

    def __init__(self, module: nn.Module, rows: int, precision: str = 'float32',
                 inputs: int = 0):
        self.steps = _steps_of(module)
        width = inputs or self.steps[0].linear.in_features
        for step in self.steps:
            width = step.prepare(rows, PRECISIONS[precision], width)
        self._sources = [*module.parameters()]
        self._version: Optional[int] = None
        self.width = self.steps[-1].linear.out_features

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """Return the output [K, O] for x [K, I], both of the chain's precision."""
        version = sum(source._version for source in self._sources)
        if version != self._version:
            for step in self.steps:
                step.pack()
            self._version = version
        for step in self.steps:
            x = step.product(x)
            step.finish(x)
        return x[:, :self.width]


def as_array(tensor: torch.Tensor) -> np.ndarray:
    """Return the memory of ``tensor`` as numba's loops take it: bfloat16 as its bits (uint16)."""
    if tensor.dtype == torch.bfloat16:
        return tensor.view(torch.int16).numpy().view(np.uint16)
    return tensor.numpy()


def _steps_of(module) -> List[_Step]:
    steps: List[_Step] = []
    for part in _flat(module):
        if isinstance(part, nn.Linear):
            steps.append(_Step(part))
        elif not steps:
            raise ValueError(f'got {part} before any Linear, expected a Linear first')
        elif isinstance(part, nn.LayerNorm) and not steps[-1].activation:
            steps[-1].norm = part
        elif type(part) in _ACTIVATIONS and not steps[-1].simplices:
            steps[-1].activation = _ACTIVATIONS[type(part)]
        elif isinstance(part, SimNorm) and not steps[-1].activation:
            steps[-1].simplices = part.width
        else:
            raise ValueError(f'got {part} after {steps[-1].linear}, expected LayerNorm, SiLU, '
                             'Mish or SimNorm, in this order')
    if not steps:
        raise ValueError('got no Linear, expected at least one')
    return steps


def _flat(module):
    if isinstance(module, nn.Sequential):
        for part in module:
            yield from _flat(part)
    else:
        yield module
