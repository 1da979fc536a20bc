"""
Sums over rows as vector instructions, in an order that is always the same.

Left to itself, a compiler may not reorder a sum, and so adds number by number; allowed to reorder
everything, it gives other numbers from one compilation to the next.  These say what they want.
Rows are contiguous float32 whose length is a multiple of ``LANES``.
"""

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

LANES = 16
_CHAINS = 4         # that a sum is added up in: one would wait for each addition to end
_FLOAT, _INT = ir.FloatType(), ir.IntType(32)
_VECTOR = ir.VectorType(_FLOAT, LANES)
_NOTHING = ir.Constant(_VECTOR, ir.Undefined)


def _gathered(begin, term, join):
    """
    Return the intrinsic that gathers a row's numbers, each less ``shift``.

    It begins with each of ``begin``; ``term(builder, values, so far)`` takes in some more, and
    ``join(builder, a, b)`` puts two parts together.  The numbers come as a tuple.
    """
    @intrinsic
    def found(typing, row, shift):
        def generate(context, builder, signature, arguments):
            row = context.make_array(signature.args[0])(context, builder, arguments[0])
            shifts, count = _everywhere(builder, arguments[1]), _count(builder, row)
            chains = [[cgutils.alloca_once_value(builder, ir.Constant(_VECTOR, [number] * LANES))
                       for number in begin] for _ in range(_CHAINS)]

            def take(chain, index):
                values = builder.load(_place(builder, row, index), align=4)
                off = builder.fsub(values, shifts)
                for place, value in zip(chain, term(builder, off, [
                        builder.load(place) for place in chain])):
                    builder.store(value, place)

            rounds = builder.udiv(count, ir.Constant(count.type, _CHAINS))
            with cgutils.for_range(builder, rounds) as loop:
                first = builder.mul(loop.index, ir.Constant(count.type, _CHAINS))
                for number, chain in enumerate(chains):
                    take(chain, builder.add(first, ir.Constant(count.type, number)))
            done = builder.mul(rounds, ir.Constant(count.type, _CHAINS))
            with cgutils.for_range(builder, builder.sub(count, done)) as loop:
                take(chains[0], builder.add(done, loop.index))
            return context.make_tuple(builder, signature.return_type, [
                _across(builder, [builder.load(place) for place in places], join)
                for places in zip(*chains)])
        return types.UniTuple(types.float32, len(begin))(row, types.float32), generate
    return found


def _count(builder, row):
    """Return how many vectors a row has."""
    count = builder.extract_value(row.shape, 0)
    return builder.udiv(count, ir.Constant(count.type, LANES))


def _place(builder, row, index):
    """Return the address of a row's vector ``index``."""
    first = builder.mul(index, ir.Constant(index.type, LANES))
    return builder.bitcast(builder.gep(row.data, [first]), _VECTOR.as_pointer())


def _everywhere(builder, value):
    """Return a vector of ``value``."""
    first = builder.insert_element(_NOTHING, value, ir.Constant(_INT, 0))
    return _shuffled(builder, first, [0] * LANES)


def _shuffled(builder, vector, order):
    return builder.shuffle_vector(vector, ir.Constant(vector.type, ir.Undefined), ir.Constant(
        ir.VectorType(_INT, len(order)), order))


def _across(builder, vectors, join):
    """Return all numbers of vectors put together, by halves."""
    while len(vectors) > 1:
        vectors = [join(builder, *vectors[i:i + 2]) for i in range(0, len(vectors), 2)]
    (vector,), width = vectors, LANES
    while width > 1:
        width //= 2
        vector = join(builder, *(_shuffled(builder, vector, list(range(first, first + width)))
                                 for first in (0, width)))
    return builder.extract_element(vector, ir.Constant(_INT, 0))


def _add(builder, a, b):
    return builder.fadd(a, b)


def _larger(builder, a, b):
    return builder.select(builder.fcmp_ordered('>', a, b), a, b)


def _squared(builder, values, sums):
    first, second = sums
    return builder.fadd(first, values), builder.fadd(second, builder.fmul(values, values))


#: Sum and sum of squares of a row's numbers, each less ``shift``; the sum; the largest.
row_moments = _gathered((0.0, 0.0), _squared, _add)
row_sum = _gathered((0.0,), lambda builder, values, sums: [builder.fadd(sums[0], values)], _add)
row_max = _gathered((float('-inf'),), lambda builder, values, most: [
    _larger(builder, values, most[0])], _larger)


@intrinsic
def by_eights(typing, row):
    """Divide each number of a row by the sum of its eight."""
    def generate(context, builder, signature, arguments):
        row = context.make_array(signature.args[0])(context, builder, arguments[0])
        with cgutils.for_range(builder, _count(builder, row)) as loop:
            place = _place(builder, row, loop.index)
            values = total = builder.load(place, align=4)
            for apart in (1, 2, 4):
                total = builder.fadd(total, _shuffled(
                    builder, total, [lane ^ apart for lane in range(LANES)]))
            builder.store(builder.fdiv(values, total), place, align=4)
        return context.get_dummy_value()
    return types.void(row), generate
