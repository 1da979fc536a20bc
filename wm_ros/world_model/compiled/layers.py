"""
What comes after a matrix product, in place: bias, LayerNorm, activation, simplices.

Matrices are float32 [K, N], or bfloat16 as its bits (uint16); N is a multiple of 16.  ``row`` is
memory for N float32 numbers.
"""

from llvmlite import ir
from numba import types
from numba.extending import intrinsic, overload
import numpy as np
from wm_ros.world_model.compiled.lanes import row_squares, row_sum
from wm_ros.world_model.compiled.numerics import bounded, compiled, exp, F, inlined

#: Activations.
NONE, SILU, MISH = 0, 1, 2
_EPSILON = F(1e-5)          # of torch's LayerNorm
_LOWER = np.uint32(16)      # bits of a float32 that a bfloat16 has not


@intrinsic
def _bits(typing, x):
    """Return the bits of a float32 as an int32."""
    def generate(context, builder, signature, arguments):
        return builder.bitcast(arguments[0], ir.IntType(32))
    return types.int32(types.float32), generate


@intrinsic
def _from_bits(typing, bits):
    """Return the float32 that an int32 is the bits of."""
    def generate(context, builder, signature, arguments):
        return builder.bitcast(arguments[0], ir.FloatType())
    return types.float32(types.int32), generate


def _load(x, k, i):
    """Return x[k, i] as a float32."""


def _store(x, k, i, value):
    """Put a float32 into x[k, i], rounded to nearest, ties to even."""


@overload(_load, inline='always')
def _load_as(x, k, i):
    if x.dtype == types.float32:
        return lambda x, k, i: x[k, i]
    return lambda x, k, i: _from_bits(np.int32(np.uint32(x[k, i]) << _LOWER))


@overload(_store, inline='always')
def _store_as(x, k, i, value):
    if x.dtype == types.float32:
        def put(x, k, i, value):
            x[k, i] = value
    else:
        def put(x, k, i, value):
            bits = np.uint32(_bits(value))
            odd = (bits >> _LOWER) & np.uint32(1)
            x[k, i] = np.uint16((bits + np.uint32(0x7FFF) + odd) >> _LOWER)
    return put


@inlined
def _silu(y):
    return y / (F(1.0) + exp(-y))


@inlined
def _mish(y):
    # y tanh(log(1 + e ** y)) without the logarithm; beyond 20 it is y to the last bit.
    e = exp(bounded(y, F(-87.0), F(20.0)))
    part = e * (e + F(2.0))
    return y * (part / (part + F(2.0)))


@compiled
def norm(x, bias, gain, shift, activation, row):
    """Put LayerNorm of x + bias, then the activation, in place of x [K, N]."""
    count = F(len(row))
    for k in range(x.shape[0]):
        for i in range(x.shape[1]):
            row[i] = _load(x, k, i) + bias[i]
        mean = row_sum(row, F(0.0)) / count
        scale = F(1.0) / np.sqrt(row_squares(row, mean) / count + _EPSILON)
        for i in range(x.shape[1]):
            row[i] = (row[i] - mean) * scale * gain[i] + shift[i]
        _put(x, k, row, activation)


@compiled
def plain(x, bias, activation, row):
    """Put the activation of x + bias in place of x [K, N]."""
    for k in range(x.shape[0]):
        for i in range(x.shape[1]):
            row[i] = _load(x, k, i) + bias[i]
        _put(x, k, row, activation)


@compiled
def _put(x, k, row, activation):
    if activation == SILU:
        for i in range(x.shape[1]):
            _store(x, k, i, _silu(row[i]))
    elif activation == MISH:
        for i in range(x.shape[1]):
            _store(x, k, i, _mish(row[i]))
    else:
        for i in range(x.shape[1]):
            _store(x, k, i, row[i])


@compiled
def simplices(x, width, row):
    """Put SimNorm of groups of ``width`` in place of x [K, N]."""
    for k in range(x.shape[0]):
        for i in range(x.shape[1]):
            row[i] = exp(bounded(_load(x, k, i), F(-20.0), F(20.0)))
        for start in range(0, x.shape[1], width):
            total = F(0.0)
            for i in range(start, start + width):
                total += row[i]
            share = F(1.0) / total
            for i in range(start, start + width):
                _store(x, k, i, row[i] * share)
