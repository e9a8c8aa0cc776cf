"""Logarithm, exponential, sine and cosine of float64, accurate to a few units in the last place.

Each takes an array or a number. An argument is reduced without error to a short interval, where a series converges
within a dozen terms; its coefficients are those of Taylor, so there is nothing to look up. NumPy computes one operation
at a time, so no product is fused with a sum.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import TypeVar, overload

import numpy
from numpy.typing import NDArray

Array = NDArray[numpy.float64]
Arrays = NDArray[numpy.float64] | NDArray[numpy.float32]
Number = TypeVar("Number", float, Array)

# The logarithm of 2 as a sum: of the first part, which ends in zeros, multiples by exponents are exact.
LOG_2_HIGH = float.fromhex("0x1.62e42feep-1")
LOG_2_LOW = float.fromhex("0x1.a39ef35793c76p-33")
LOG_2 = float.fromhex("0x1.62e42fefa39efp-1")
SQRT_HALF = math.sqrt(0.5)

# log((1 + s) / (1 - s)) = 2 s + s (2/3 s^2 + 2/5 s^4 + ...), for s^2 below 0.0295
LOG_SERIES = tuple(2 / (2 * k + 1) for k in range(1, 11))
# sin(x) = x + x (-1/3! x^2 + 1/5! x^4 - ...), for x^2 below 0.617
SINE_SERIES = tuple((-1) ** k / math.factorial(2 * k + 1) for k in range(1, 9))
# cos(x) = 1 - 1/2 x^2 + x^2 (1/4! x^2 - 1/6! x^4 + ...)
COSINE_SERIES = tuple((-1) ** k / math.factorial(2 * k) for k in range(2, 9))
# exp(x) = 1 + x + x (1/2! x + 1/3! x^2 + ...), for |x| below 0.347
EXPONENTIAL_SERIES = tuple(1 / math.factorial(k) for k in range(2, 14))


@overload
def log(x: float) -> float: ...
@overload
def log(x: Arrays) -> Array: ...
def log(x: float | Arrays) -> float | Array:
    """Return the natural logarithm: -inf of 0, NaN of what is negative or NaN."""
    exponent, log_mantissa, special = _parts_of_log(x)
    return _result(special + (exponent * LOG_2_HIGH + (exponent * LOG_2_LOW + log_mantissa)), x)


@overload
def log2(x: float) -> float: ...
@overload
def log2(x: Arrays) -> Array: ...
def log2(x: float | Arrays) -> float | Array:
    """Return the logarithm to base 2, exact for powers of 2: -inf of 0, NaN of what is negative or NaN."""
    exponent, log_mantissa, special = _parts_of_log(x)
    return _result(special + (exponent + log_mantissa / LOG_2), x)


@overload
def exp(x: float) -> float: ...
@overload
def exp(x: Arrays) -> Array: ...
def exp(x: float | Arrays) -> float | Array:
    """Return e to the power x: 0 of -inf, inf where it is too large for float64, NaN of NaN."""
    value = numpy.clip(numpy.asarray(x, dtype=numpy.float64), -800.0, 800.0)  # beyond, it is 0 or inf
    twos = numpy.rint(value / LOG_2)
    rest = (value - twos * LOG_2_HIGH) - twos * LOG_2_LOW
    power = 1.0 + (rest + rest * _series(EXPONENTIAL_SERIES, rest))
    with numpy.errstate(over="ignore", under="ignore"):
        return _result(numpy.ldexp(power, numpy.where(numpy.isnan(twos), 0.0, twos).astype(numpy.int32)), x)


@overload
def sincospi(x: float) -> tuple[float, float]: ...
@overload
def sincospi(x: Arrays) -> tuple[Array, Array]: ...
def sincospi(x: float | Arrays) -> tuple[float, float] | tuple[Array, Array]:
    """Return the sine and the cosine of pi times x, exact where they are 0, 1 or -1; NaN where x is not finite."""
    if not isinstance(x, numpy.ndarray):
        return _sincospi_of_number(float(x))
    is_finite = numpy.isfinite(x)
    value = numpy.where(is_finite, x, 0.0).astype(numpy.float64)
    value = value - 2.0 * numpy.rint(0.5 * value)  # between -1 and 1, without whole turns
    quarters = numpy.rint(2.0 * value)
    sine, cosine = _sine_and_cosine(numpy.pi * (value - 0.5 * quarters))
    turned = quarters.astype(numpy.int32)
    directions = (sine, cosine, -sine, -cosine)
    ahead = (numpy.choose((turned + places) % 4, directions) for places in (0, 1))
    sine, cosine = (numpy.where(is_finite, each, numpy.nan) for each in ahead)
    return sine, cosine


def log_sum_exp(table: Arrays, axis: int = -1) -> Array:
    """Return the natural logarithm of the sum of exponentials along an axis, which the result is without.

    It is -inf where all terms are, inf where a term is, and NaN where a term is.
    """
    terms = numpy.ascontiguousarray(numpy.moveaxis(table, axis, 0), dtype=numpy.float64)
    largest = terms.max(axis=0)
    shift: Array = numpy.where(numpy.isinf(largest), 0.0, largest)
    total: Array = functools.reduce(numpy.add, exp(terms - shift))  # one after the other, however the table lies
    return log(total) + shift


def _parts_of_log(x: float | Arrays) -> tuple[Array, Array, Array]:
    """Return k, log(m) and a number to add, for x = 2^k m with m between sqrt(1/2) and sqrt(2).

    What is added is 0, or for an argument without a finite logarithm what its logarithm is.
    """
    value = numpy.asarray(x, dtype=numpy.float64)
    is_ordinary = (value > 0) & (value < numpy.inf)
    of_special = numpy.where(value == 0, -numpy.inf, numpy.where(value > 0, numpy.inf, numpy.nan))
    mantissa, exponent = numpy.frexp(numpy.where(is_ordinary, value, 1.0))
    is_low = mantissa < SQRT_HALF
    excess = numpy.where(is_low, 2.0 * mantissa, mantissa) - 1.0
    s = excess / (2.0 + excess)
    half_square = 0.5 * excess * excess
    tail = _series(LOG_SERIES, s * s)
    log_mantissa = excess - (half_square - s * (half_square + tail))
    return (exponent - is_low).astype(numpy.float64), log_mantissa, numpy.where(is_ordinary, 0.0, of_special)


def _sincospi_of_number(x: float) -> tuple[float, float]:
    """:func:`sincospi` of one number, to the same bits: an array of one takes ten times as long."""
    if not math.isfinite(x):
        return math.nan, math.nan
    value = math.remainder(x, 2.0)
    quarters = round(2.0 * value)
    sine, cosine = _sine_and_cosine(math.pi * (value - 0.5 * quarters))
    directions = (sine, cosine, -sine, -cosine)
    return directions[quarters % 4], directions[(quarters + 1) % 4]


def _sine_and_cosine(angle: Number) -> tuple[Number, Number]:
    """Return both of an angle between -pi/4 and pi/4."""
    square = angle * angle
    sine = angle + angle * _series(SINE_SERIES, square)
    return sine, 1.0 - (0.5 * square - square * _series(COSINE_SERIES, square))


def _series(coefficients: Sequence[float], x: Number) -> Number:
    """Return c1 x + c2 x^2 + ..., from the last term to the first."""
    total = coefficients[-1] * x
    for coefficient in reversed(coefficients[:-1]):
        total = (coefficient + total) * x
    return total


def _result(value: Array, like: float | Arrays) -> float | Array:
    return value if isinstance(like, numpy.ndarray) else float(value)
