"""
Compiled building blocks on float32 arrays: functions, dense layers, normalisations.

``exp`` is Cephes' expf (Moshier) written so that loops over it become vector instructions;
its relative error is below 2e-7.
"""

from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic
import numpy as np


def _can_cache() -> bool:
    """Return whether numba finds a folder to keep compiled functions in; it raises if not."""
    try:
        njit(cache=True)(_can_cache)
    except RuntimeError:
        return False
    return True


F = np.float32
# Nothing may be reordered: what is compiled anew and what comes out of the cache are optimised
# apart, and have to give the same numbers.  Fused products and sums are written as such.
_FAST = {'cache': _can_cache(), 'error_model': 'numpy', 'nogil': True}

compiled = njit(**_FAST)
inlined = njit(inline='always', **_FAST)


@intrinsic
def _as_float(typing, bits):
    """Return the float32 that an int32 is the bits of."""
    def generate(context, builder, signature, arguments):
        return builder.bitcast(arguments[0], ir.FloatType())
    return types.float32(types.int32), generate


@intrinsic
def fma(typing, a, b, c):
    """Return a * b + c, rounded once."""
    def generate(context, builder, signature, arguments):
        return builder.fma(*arguments)
    return types.float32(types.float32, types.float32, types.float32), generate


@inlined
def bounded(x, low, high):
    """Return x between two bounds; NaN stays NaN."""
    x = low if x < low else x
    return high if x > high else x


@inlined
def exp(x):
    """Return e ** x, of x between -87 and 88; NaN stays NaN."""
    x = bounded(x, F(-87.0), F(88.0))
    n = np.floor(x * F(1.44269504088896341) + F(0.5))
    r = x - n * F(0.693359375) + n * F(2.12194440e-4)
    p = F(1.9875691500e-4)
    p = p * r + F(1.3981999507e-3)
    p = p * r + F(8.3334519073e-3)
    p = p * r + F(4.1665795894e-2)
    p = p * r + F(1.6666665459e-1)
    p = p * r + F(5.0000001201e-1)
    return (p * r * r + r + F(1.0)) * _as_float(np.int32((np.int32(n) + np.int32(127))
                                                         << np.int32(23)))


@inlined
def tanh(x):
    """Return the hyperbolic tangent; its absolute error is below 2e-7."""
    return F(1.0) - F(2.0) / (exp(F(2.0) * x) + F(1.0))


@compiled
def dense(x, weight, bias, out):
    """
    Put x [K, I] @ weight [I, O] + bias [O] into out [K, O]; K and I are multiples of 4.

    Blocks of 4 rows and 4 inputs keep what is loaded in registers: about half of what a core
    can do, and more than a BLAS call on matrices as small as these.
    """
    for k in range(0, x.shape[0], 4):
        for o in range(weight.shape[1]):
            value = bias[o]
            out[k, o] = value
            out[k + 1, o] = value
            out[k + 2, o] = value
            out[k + 3, o] = value
        for i in range(0, x.shape[1], 4):
            a0, a1, a2, a3 = x[k, i], x[k, i + 1], x[k, i + 2], x[k, i + 3]
            b0, b1, b2, b3 = x[k + 1, i], x[k + 1, i + 1], x[k + 1, i + 2], x[k + 1, i + 3]
            c0, c1, c2, c3 = x[k + 2, i], x[k + 2, i + 1], x[k + 2, i + 2], x[k + 2, i + 3]
            d0, d1, d2, d3 = x[k + 3, i], x[k + 3, i + 1], x[k + 3, i + 2], x[k + 3, i + 3]
            for o in range(weight.shape[1]):
                w0, w1 = weight[i, o], weight[i + 1, o]
                w2, w3 = weight[i + 2, o], weight[i + 3, o]
                out[k, o] = fma(a3, w3, fma(a2, w2, fma(a1, w1, fma(
                    a0, w0, out[k, o]))))
                out[k + 1, o] = fma(b3, w3, fma(b2, w2, fma(b1, w1, fma(
                    b0, w0, out[k + 1, o]))))
                out[k + 2, o] = fma(c3, w3, fma(c2, w2, fma(c1, w1, fma(
                    c0, w0, out[k + 2, o]))))
                out[k + 3, o] = fma(d3, w3, fma(d2, w2, fma(d1, w1, fma(
                    d0, w0, out[k + 3, o]))))


@compiled
def silu(x):
    """Put x / (1 + e ** -x) in place of x [K, N]."""
    for k in range(x.shape[0]):
        for i in range(x.shape[1]):
            x[k, i] = x[k, i] / (F(1.0) + exp(-x[k, i]))


@compiled
def norm_silu(x, gain, shift):
    """Put LayerNorm, then SiLU, in place of x [K, N]; N is a multiple of 4."""
    count = x.shape[1]
    for k in range(x.shape[0]):
        row = x[k]
        a = b = c = d = F(0.0)
        for i in range(0, count, 4):
            a, b, c, d = a + row[i], b + row[i + 1], c + row[i + 2], d + row[i + 3]
        mean = ((a + b) + (c + d)) / F(count)
        a = b = c = d = F(0.0)
        for i in range(0, count, 4):
            p, q, r, s = row[i] - mean, row[i + 1] - mean, row[i + 2] - mean, row[i + 3] - mean
            a, b, c, d = fma(p, p, a), fma(q, q, b), fma(r, r, c), fma(s, s, d)
        scale = F(1.0) / np.sqrt(((a + b) + (c + d)) / F(count) + F(1e-5))
        for i in range(count):
            y = (row[i] - mean) * scale * gain[i] + shift[i]
            row[i] = y / (F(1.0) + exp(-y))


@compiled
def simplices(x, width):
    """Put SimNorm of groups of ``width`` in place of x [K, D]."""
    for k in range(x.shape[0]):
        for start in range(0, x.shape[1], width):
            total = F(0.0)
            for i in range(start, start + width):
                x[k, i] = exp(bounded(x[k, i], F(-20.0), F(20.0)))
                total += x[k, i]
            for i in range(start, start + width):
                x[k, i] /= total
