"""
Sums over rows as vector instructions, in an order that is always the same.

Left to itself, a compiler may not reorder a sum, and so adds number by number; allowed to reorder
everything, it gives other numbers from one compilation to the next.  These say what they want.
"""

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

LANES = 16
_FLOAT, _INT = ir.FloatType(), ir.IntType(32)
_VECTOR = ir.VectorType(_FLOAT, LANES)


def _summed(term):
    """Return the intrinsic that sums ``term(builder, total, values, shift)`` over a row."""
    @intrinsic
    def found(typing, row, shift):
        def generate(context, builder, signature, arguments):
            row = context.make_array(signature.args[0])(context, builder, arguments[0])
            count = builder.extract_value(row.shape, 0)
            total = cgutils.alloca_once_value(builder, ir.Constant(_VECTOR, [0.0] * LANES))
            shifts = _everywhere(builder, arguments[1])
            steps = builder.udiv(count, ir.Constant(count.type, LANES))
            with cgutils.for_range(builder, steps) as loop:
                first = builder.mul(loop.index, ir.Constant(loop.index.type, LANES))
                place = builder.bitcast(builder.gep(row.data, [first]), _VECTOR.as_pointer())
                values = builder.load(place, align=4)
                builder.store(term(builder, builder.load(total), values, shifts), total)
            return _added(builder, builder.load(total))
        return types.float32(row, types.float32), generate
    return found


def _everywhere(builder, value):
    """Return a vector of ``value``."""
    nothing = ir.Constant(_VECTOR, ir.Undefined)
    first = builder.insert_element(nothing, value, ir.Constant(_INT, 0))
    return builder.shuffle_vector(first, nothing, ir.Constant(
        ir.VectorType(_INT, LANES), [0] * LANES))


def _added(builder, vector):
    """Return the sum of a vector's numbers, by halves."""
    width = LANES
    while width > 1:
        width //= 2
        nothing = ir.Constant(vector.type, ir.Undefined)
        halves = [builder.shuffle_vector(vector, nothing, ir.Constant(
            ir.VectorType(_INT, width), list(range(first, first + width))))
            for first in (0, width)]
        vector = builder.fadd(*halves)
    return builder.extract_element(vector, ir.Constant(_INT, 0))


def _square(builder, total, values, shifts):
    off = builder.fsub(values, shifts)
    return builder.fadd(total, builder.fmul(off, off))


#: Of a contiguous float32 row whose length is a multiple of ``LANES``; the second argument of
#: ``row_sum`` is not used, that of ``row_squares`` is what each number is counted from.
row_sum = _summed(lambda builder, total, values, shifts: builder.fadd(total, values))
row_squares = _summed(_square)
