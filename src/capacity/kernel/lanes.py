"""Vectors of 16 float32 lanes for Numba: ``load``, ``store``, arithmetic, and the functions that a network needs.

Numba does not vectorize loops over the few features of a small network, because arrays might overlap, and calls a
function for each exponential. With these types the loops say themselves what is computed at once. LLVM turns one vector
into what the processor has: a register of AVX-512, two of AVX2, four of SSE or NEON.

Every function gives the same bytes on every processor. Nothing is fused or reordered unless the code says so:
:func:`fma` rounds once where a processor has the instruction and where it has not, and :func:`total` adds in one order.
The number of lanes decides that order, so it is one number for all processors.

Rows of arrays have a multiple of :data:`WIDTH` numbers and begin at multiples of 64 bytes. No index is checked.
"""

from __future__ import annotations

import operator
from typing import Any

from llvmlite import ir
from numba import njit, types
from numba.core import cgutils, config
from numba.core.codegen import get_host_cpu_features
from numba.extending import intrinsic, lower_builtin, models, register_model, type_callable

WIDTH = 16

# How many rows and vectors of columns a product sums at once, in registers: AVX-512 has 32 of one vector each, AVX2 has
# 16 of half a vector. With two vectors, each number that is loaded of the left matrix is used twice, and the loads no
# longer decide how long a product takes. It changes no result. A target that is named, as tests do, is taken to have
# few registers.
_HAS_AVX512 = not config.CPU_NAME and "+avx512f" in get_host_cpu_features()
ROWS_AT_ONCE, VECTORS_AT_ONCE = (8, 2) if _HAS_AVX512 else (4, 1)

_FLOAT, _INTEGER = ir.FloatType(), ir.IntType(32)
_VECTOR, _INTEGERS = ir.VectorType(_FLOAT, WIDTH), ir.VectorType(_INTEGER, WIDTH)

inlined = njit(forceinline=True, error_model="numpy")


class _Lanes(types.Type):
    """The type of a vector."""


lanes = _Lanes("Lanes")


@register_model(_Lanes)
class _Model(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, _VECTOR)


def _constant(number: float) -> ir.Constant:
    return ir.Constant(_VECTOR, [number] * WIDTH)


def _integers(number: int) -> ir.Constant:
    return ir.Constant(_INTEGERS, [number] * WIDTH)


def _spread(builder: Any, number: Any) -> Any:
    undefined = ir.Constant(_VECTOR, ir.Undefined)
    first = builder.insert_element(undefined, number, _INTEGER(0))
    return builder.shuffle_vector(first, undefined, _integers(0))


def _define_operator(symbol: Any, instruction: str) -> None:
    """Define an operator of two vectors, or of a vector and a number, which is then the same in every lane."""

    @type_callable(symbol)
    def _(context: Any) -> Any:
        def typed(left: Any, right: Any) -> Any:
            if lanes in (left, right) and all(isinstance(each, (_Lanes, types.Float)) for each in (left, right)):
                return lanes
            return None

        return typed

    def lower(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        vectors = [
            value if kind == lanes else _spread(builder, context.cast(builder, value, kind, types.float32))
            for kind, value in zip(signature.args, values, strict=True)
        ]
        return getattr(builder, instruction)(*vectors)

    for kinds in ((_Lanes, _Lanes), (_Lanes, types.Float), (types.Float, _Lanes)):
        lower_builtin(symbol, *kinds)(lower)


_define_operator(operator.add, "fadd")
_define_operator(operator.sub, "fsub")
_define_operator(operator.mul, "fmul")
_define_operator(operator.truediv, "fdiv")


def _address(context: Any, builder: Any, kind: Any, array: Any, row: Any, column: Any, content: Any) -> Any:
    """Return where an element of a two-dimensional array is, as a pointer to ``content``."""
    view = context.make_array(kind)(context, builder, array)
    row_bytes, column_bytes = cgutils.unpack_tuple(builder, view.strides)
    size = ir.Constant(row_bytes.type, kind.dtype.bitwidth // 8)
    row_bytes = size if kind.layout == "F" else row_bytes
    column_bytes = size if kind.layout == "C" else column_bytes
    offset = builder.add(builder.mul(row, row_bytes), builder.mul(column, column_bytes))
    place = builder.gep(builder.bitcast(view.data, ir.IntType(8).as_pointer()), [offset])
    return builder.bitcast(place, content.as_pointer())


@intrinsic
def load(typing, array, row, lane):  # type: ignore[no-untyped-def]
    """Return the vector that begins at ``array[row, lane]``."""

    def make(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.load(_address(context, builder, array, *values, _VECTOR), align=4 * WIDTH)

    return lanes(array, types.int64, types.int64), make


@intrinsic
def store(typing, array, row, lane, vector):  # type: ignore[no-untyped-def]
    """Write a vector to the places that begin at ``array[row, lane]``."""

    def make(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        builder.store(values[3], _address(context, builder, array, *values[:3], _VECTOR), align=4 * WIDTH)
        return context.get_dummy_value()

    return types.void(array, types.int64, types.int64, lanes), make


@intrinsic
def get(typing, array, row, column):  # type: ignore[no-untyped-def]
    """Return ``array[row, column]`` for numbers that are not negative: Python's counting from the end takes longer."""

    def make(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        content = context.get_value_type(array.dtype)
        return builder.load(_address(context, builder, array, *values, content))

    return array.dtype(array, types.int64, types.int64), make


@intrinsic
def spread(typing, number):  # type: ignore[no-untyped-def]
    """Return a vector with the same number in every lane."""

    def make(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return _spread(builder, values[0])

    return lanes(types.float32), make


def _call(builder: Any, name: str, result: Any, arguments: Any) -> Any:
    kind = ir.FunctionType(result, [each.type for each in arguments])
    return builder.call(cgutils.get_or_insert_function(builder.module, kind, name), arguments)


def _fma(builder: Any, left: Any, right: Any, more: Any) -> Any:
    return _call(builder, f"llvm.fma.v{WIDTH}f32", _VECTOR, [left, right, more])


@intrinsic
def fma(typing, left, right, more):  # type: ignore[no-untyped-def]
    """Return left * right + more, rounded once; ``left`` may be a number."""

    def make(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        first = values[0]
        if signature.args[0] != lanes:
            first = _spread(builder, context.cast(builder, first, signature.args[0], types.float32))
        return _fma(builder, first, *values[1:])

    return lanes(left, lanes, lanes), make


def _larger(builder: Any, left: Any, right: Any) -> Any:
    return builder.select(builder.fcmp_ordered(">", left, right), left, right)


def _fold_lanes(builder: Any, vector: Any, combine: Any) -> Any:
    """Combine the two halves of a vector until one lane is left."""
    count = WIDTH
    while count > 1:
        count //= 2
        low, high = (
            builder.shuffle_vector(
                vector,
                vector,
                ir.Constant(ir.VectorType(_INTEGER, count), list(range(first, first + count))),
            )
            for first in (0, count)
        )
        vector = combine(low, high)
    return builder.extract_element(vector, _INTEGER(0))


@intrinsic
def total(typing, vector):  # type: ignore[no-untyped-def]
    """Return the sum of the lanes: the upper half is added to the lower one, and so on."""

    def make(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return _fold_lanes(builder, values[0], builder.fadd)

    return types.float32(lanes), make


@intrinsic
def largest(typing, vector):  # type: ignore[no-untyped-def]
    """Return the largest lane. Of a vector with NaN it is one of the lanes."""

    def make(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return _fold_lanes(builder, values[0], lambda low, high: _larger(builder, low, high))

    return types.float32(lanes), make


@intrinsic
def larger(typing, left, right):  # type: ignore[no-untyped-def]
    """Return the larger number lane by lane; the right one where either is NaN."""

    def make(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return _larger(builder, *values)

    return lanes(lanes, lanes), make


@intrinsic
def if_negative(typing, tested, negative, other):  # type: ignore[no-untyped-def]
    """Return the lanes of ``negative`` where ``tested`` is below 0, and those of ``other`` elsewhere."""

    def make(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.select(builder.fcmp_ordered("<", values[0], _constant(0.0)), *values[1:])

    return lanes(lanes, lanes, lanes), make


@intrinsic
def _power_of_two(typing, shifted):  # type: ignore[no-untyped-def]
    """Return 2 ** n of n + 1.5 * 2 ** 23, whose last bits are those of the whole number n: they become the exponent."""

    def make(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        bits = builder.shl(builder.bitcast(values[0], _INTEGERS), _integers(23))
        return builder.bitcast(builder.add(bits, _integers(127 << 23)), _VECTOR)

    return lanes(lanes), make


# The last 23 bits of a float32 are the digits of its mantissa, and the bits of 2 / 3 lie between two powers of 2.
_MANTISSA, _TWO_THIRDS = 0x007FFFFF, 0x3F2AAAAB


@intrinsic
def _exponent(typing, x):  # type: ignore[no-untyped-def]
    """Return the whole number n for which x / 2 ** n is from 2/3 to 4/3, as float32."""

    def make(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        above = builder.sub(builder.bitcast(values[0], _INTEGERS), _integers(_TWO_THIRDS))
        return builder.sitofp(builder.ashr(above, _integers(23)), _VECTOR)

    return lanes(lanes), make


@intrinsic
def _mantissa(typing, x):  # type: ignore[no-untyped-def]
    """Return x / 2 ** n for the n of :func:`_exponent`."""

    def make(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        above = builder.sub(builder.bitcast(values[0], _INTEGERS), _integers(_TWO_THIRDS))
        bits = builder.add(builder.and_(above, _integers(_MANTISSA)), _integers(_TWO_THIRDS))
        return builder.bitcast(bits, _VECTOR)

    return lanes(lanes), make


@inlined
def exp(x):  # type: ignore[no-untyped-def]
    """Return e ** x to 1e-7 of its value by Cephes' polynomial, for x up to 88; 0 below -64, and NaN of NaN.

    The zero keeps numbers away from those so small that they lose digits: many processors take a hundred times as long
    for each of these.
    """
    kept = larger(spread(-64.0), x)
    shifted = fma(kept, spread(1.44269504), spread(12582912.0))  # adding 1.5 * 2 ** 23 rounds to a whole number
    n = shifted - 12582912.0
    r = fma(n, spread(-0.693359375), kept)
    r = fma(n, spread(2.12194440e-4), r)
    p = fma(r, spread(1.9875691500e-4), spread(1.3981999507e-3))
    p = fma(p, r, spread(8.3334519073e-3))
    p = fma(p, r, spread(4.1665795894e-2))
    p = fma(p, r, spread(1.6666665459e-1))
    p = fma(p, r, spread(5.0000001201e-1))
    p = fma(p, r * r, r) + 1.0
    return if_negative(x + 64.0, spread(0.0), p * _power_of_two(shifted))


@inlined
def log(x):  # type: ignore[no-untyped-def]
    """Return the natural logarithm of numbers from 1e-37 on to 1e-7 of its value or of 1; NaN of NaN and infinity."""
    n, m = _exponent(x), _mantissa(x)
    s = (m - 1.0) / (m + 1.0)  # log(m) is twice the area tangent of s, which is from -0.2 to 1/7
    q = s * s
    p = fma(q, spread(0.11111111), spread(0.14285715))
    p = fma(p, q, spread(0.2))
    p = fma(p, q, spread(0.33333334))
    p = fma(p * q, s, s)
    return fma(n, spread(0.6931472), p + p) + (x - x)


@inlined
def gelu(z):  # type: ignore[no-untyped-def]
    """Return z times the share of the normal distribution below z, and its derivative.

    The share is to 1.5e-7, by Abramowitz and Stegun, formula 7.1.26.
    """
    density = exp(z * z * -0.5)
    t = 1.0 / fma(if_negative(z, 0.0 - z, z), spread(0.2316419), spread(1.0))
    p = fma(t, spread(1.061405429), spread(-1.453152027))
    p = fma(p, t, spread(1.421413741))
    p = fma(p, t, spread(-0.284496736))
    p = fma(p, t, spread(0.254829592))
    beyond = p * t * density * 0.5
    below = if_negative(z, beyond, 1.0 - beyond)
    return z * below, fma(z * density, spread(0.39894228), below)


def _tile(vectors: int) -> Any:
    """Return :func:`multiply_rows` for so many vectors of columns."""

    @intrinsic
    def multiply(typing, out, left, right, inner, start, first, lane, add):  # type: ignore[no-untyped-def]
        def make(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            out_value, left_value, right_value, inner_value, start_value, first_value, lane_value, add_value = values
            rows = [builder.add(first_value, first_value.type(number)) for number in range(ROWS_AT_ONCE)]
            columns = [builder.add(lane_value, lane_value.type(WIDTH * number)) for number in range(vectors)]
            zero = lane_value.type(0)

            def read(kind: Any, array: Any, row: Any, column: Any) -> Any:
                return builder.load(_address(context, builder, kind, array, row, column, _VECTOR), align=4 * WIDTH)

            initial = [read(start, start_value, zero, column) for column in columns]
            sums = [[cgutils.alloca_once_value(builder, each) for each in initial] for _ in rows]  # become registers
            with cgutils.for_range(builder, inner_value) as loop:
                vectors_of_right = [read(right, right_value, loop.index, column) for column in columns]
                for row, places in zip(rows, sums, strict=True):
                    number = builder.load(_address(context, builder, left, left_value, row, loop.index, _FLOAT))
                    factor = _spread(builder, number)
                    for vector, place in zip(vectors_of_right, places, strict=True):
                        builder.store(_fma(builder, factor, vector, builder.load(place)), place)
            with builder.if_then(add_value):
                for row, places in zip(rows, sums, strict=True):
                    for column, place in zip(columns, places, strict=True):
                        before = read(out, out_value, row, column)
                        builder.store(builder.fadd(builder.load(place), before), place)
            for row, places in zip(rows, sums, strict=True):
                for column, place in zip(columns, places, strict=True):
                    address = _address(context, builder, out, out_value, row, column, _VECTOR)
                    builder.store(builder.load(place), address, align=4 * WIDTH)
            return context.get_dummy_value()

        integer = types.int64
        return types.void(out, left, right, integer, start, integer, integer, types.boolean), make

    return multiply


multiply_rows, multiply_rows_wide = _tile(1), _tile(VECTORS_AT_ONCE)
"""Compute one tile of a matrix product: columns from ``lane`` on, of :data:`ROWS_AT_ONCE` rows from ``first`` on.

A tile has 16 columns, or 16 times :data:`VECTORS_AT_ONCE`. out[i] = start[0] + sum over k < inner of
left[i, k] right[k], k by k; added to out[i] if ``add``, after the sum. The sums stay in registers.
"""
