"""
What comes after a matrix product, in place: bias, LayerNorm, activation, simplices.

Matrices are float32 [K, N], or bfloat16 as its bits (uint16); N is a multiple of 16.  ``row`` is
memory for N float32 numbers.
"""

from llvmlite import ir
from numba import types
from numba.extending import intrinsic, overload
import numpy as np
from wm_ros.world_model.compiled.lanes import by_eights, row_max, row_moments, row_sum
from wm_ros.world_model.compiled.numerics import bounded, compiled, F, fma, inlined

#: Activations.
NONE, SILU, MISH = 0, 1, 2
_EPSILON = F(1e-5)          # of torch's LayerNorm
_LOWER = np.uint32(16)      # bits of a float32 that a bfloat16 has not
_HALF = np.uint32(1 << 15)


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
    """Put a float32 into x[k, i], rounded to nearest, ties away from zero."""


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
            x[k, i] = np.uint16((np.uint32(_bits(value)) + _HALF) >> _LOWER)
    return put


@inlined
def _exp(x):
    """
    Return e ** x, of x between -86 and 88; NaN stays NaN.

    By 2 ** f of f in [-0.5, 0.5], as a polynomial of least relative error (7.5e-8), of half the
    operations of ``numerics.exp``; the error is below 2.5e-7 (1 + |x| / 10).
    """
    n = np.rint(x * F(1.44269504))
    f = fma(x, F(1.44269504), -n)
    p = fma(f, F(1.32765225e-3), F(9.67554189e-3))
    p = fma(f, p, F(5.55071309e-2))
    p = fma(f, p, F(2.40221202e-1))
    p = fma(f, p, F(6.93146944e-1))
    p = fma(f, p, F(1.0))
    return _from_bits(_bits(p) + (np.int32(n) << np.int32(23)))


@inlined
def _silu(y):
    return y / (F(1.0) + _exp(bounded(-y, F(-86.0), F(88.0))))


@inlined
def _mish(y):
    # y tanh(log(1 + e ** y)) without the logarithm; beyond 20 it is y to the last bit.
    e = _exp(bounded(y, F(-86.0), F(20.0)))
    part = e * (e + F(2.0))
    return y * (part / (part + F(2.0)))


@compiled
def norm(x, bias, gain, shift, activation, row):
    """Put LayerNorm of x + bias, then the activation, in place of x [K, N]."""
    count = F(len(row))
    for k in range(x.shape[0]):
        for i in range(x.shape[1]):
            row[i] = _load(x, k, i) + bias[i]
        # Counted from one of them, squares lose no more than N roundings.
        near = row[0]
        total, squares = row_moments(row, near)
        mean = total / count
        scale = F(1.0) / np.sqrt(bounded(squares / count - mean * mean, F(0.0), F(np.inf))
                                 + _EPSILON)
        mean += near
        _put(x, k, row, mean, scale, gain, shift, activation)


@compiled
def plain(x, bias, activation, row):
    """Put the activation of x + bias in place of x [K, N]."""
    same = np.ones(x.shape[1], np.float32)
    for k in range(x.shape[0]):
        for i in range(x.shape[1]):
            row[i] = _load(x, k, i)
        _put(x, k, row, F(0.0), F(1.0), same, bias, activation)


@inlined
def _scaled(row, i, mean, scale, gain, shift):
    return fma((row[i] - mean) * scale, gain[i], shift[i])


@compiled
def _put(x, k, row, mean, scale, gain, shift, activation):
    """Put the activation of a row, scaled, into x[k]."""
    if activation == SILU:
        for i in range(x.shape[1]):
            _store(x, k, i, _silu(_scaled(row, i, mean, scale, gain, shift)))
    elif activation == MISH:
        for i in range(x.shape[1]):
            _store(x, k, i, _mish(_scaled(row, i, mean, scale, gain, shift)))
    else:
        for i in range(x.shape[1]):
            _store(x, k, i, _scaled(row, i, mean, scale, gain, shift))


@compiled
def simplices(x, width, row):
    """Put SimNorm of groups of ``width`` in place of x [K, N]."""
    for k in range(x.shape[0]):
        for i in range(x.shape[1]):
            row[i] = _exp(bounded(_load(x, k, i), F(-20.0), F(20.0)))
        if width == 8:
            by_eights(row)
        else:
            _by_groups(row, width)
        for i in range(x.shape[1]):
            _store(x, k, i, row[i])


@compiled
def _by_groups(row, width):
    """Divide each number of a row by the sum of its group."""
    for start in range(0, len(row), width):
        total = F(0.0)
        for i in range(start, start + width):
            total += row[i]
        for i in range(start, start + width):
            row[i] /= total


@compiled
def means(x, numbers, row, out):
    """
    Put the mean of ``numbers``, weighted by softmax of x [K, N], into out [K].

    ``numbers`` are as many as ``row`` has, zeros beyond N.
    """
    for k in range(x.shape[0]):
        row[x.shape[1]:] = F(-np.inf)
        for i in range(x.shape[1]):
            row[i] = _load(x, k, i)
        (most,) = row_max(row, F(0.0))
        for i in range(len(row)):
            row[i] = _exp(bounded(row[i] - most, F(-86.0), F(0.0)))
        (total,) = row_sum(row, F(0.0))
        for i in range(len(row)):
            row[i] *= numbers[i]
        (mean,) = row_sum(row, F(0.0))
        out[k] = mean / total
