"""The functions of vectors beside those of NumPy in float64, and the product of matrices beside NumPy's."""

from __future__ import annotations

import numba
import numpy
import pytest
from scipy import special

from capacity.kernel import lanes, steps
from capacity.kernel.lanes import WIDTH, load, store
from capacity.kernel.memory import aligned, padded


@numba.njit(error_model="numpy")
def exponentials(x, out):
    for lane in range(0, x.shape[1], WIDTH):
        store(out, 0, lane, lanes.exp(load(x, 0, lane)))


@numba.njit(error_model="numpy")
def logarithms(x, out):
    for lane in range(0, x.shape[1], WIDTH):
        store(out, 0, lane, lanes.log(load(x, 0, lane)))


@numba.njit(error_model="numpy")
def gelus(x, out, slope):
    for lane in range(0, x.shape[1], WIDTH):
        value, derivative = lanes.gelu(load(x, 0, lane))
        store(out, 0, lane, value)
        store(slope, 0, lane, derivative)


@numba.njit(error_model="numpy")
def totals(x, sums, highest):
    for r in range(x.shape[0]):
        sums[r], highest[r] = lanes.total(load(x, r, 0)), lanes.largest(load(x, r, 0))


@numba.njit(error_model="numpy")
def product(out, left, right, inner, start, add):
    steps.product(out, left, right, inner, start, add)


def apply(function, numbers, results=1):
    """Apply a function of vectors to (N,) numbers; return what it gives for them as float64."""
    x = aligned(1, padded(len(numbers)))
    x[0, : len(numbers)] = numbers
    outs = [aligned(*x.shape) for _ in range(results)]
    function(x, *outs)
    kept = [out[0, : len(numbers)].astype(numpy.float64) for out in outs]
    return kept[0] if results == 1 else kept


def spread(low, high, number=100_000):
    """Return random float32 numbers of a range, with its ends."""
    drawn = numpy.random.default_rng(0).uniform(low, high, number)
    return numpy.concatenate([[low, high], drawn]).astype(numpy.float32)


def test_exp_is_exact_to_a_rounding_error():
    x = spread(-64, 88)
    numpy.testing.assert_allclose(apply(exponentials, x), numpy.exp(x.astype(numpy.float64)), rtol=1.5e-7)


def test_exp_of_0_is_1_and_of_a_number_below_minus_64_is_0():
    below = numpy.nextafter(numpy.float32(-64), numpy.float32(-100))
    assert apply(exponentials, [0.0, -0.0]).tolist() == [1, 1]
    assert apply(exponentials, [-64.0])[0] > 0
    assert apply(exponentials, [below, -87.5, -104, -1e10, -1e30, -numpy.inf]).tolist() == [0] * 6


def test_exp_has_no_number_so_small_that_it_loses_digits():
    kept = apply(exponentials, spread(-200, 0))
    assert kept[kept > 0].min() > numpy.finfo(numpy.float32).tiny


def test_log_is_exact_to_a_rounding_error():
    x = numpy.concatenate([spread(0.5, 2), spread(1, 300), numpy.exp(spread(-85, 88))]).astype(numpy.float32)
    expected = numpy.log(x.astype(numpy.float64))
    assert (abs(apply(logarithms, x) - expected) <= 1.5e-7 * numpy.maximum(abs(expected), 1)).all()
    assert apply(logarithms, [1.0]).tolist() == [0]


def test_gelu_and_its_derivative():
    x = spread(-12, 12)
    exact = x.astype(numpy.float64)
    value, slope = apply(gelus, x, 2)
    below = special.ndtr(exact)
    density = numpy.exp(-exact * exact / 2) / numpy.sqrt(2 * numpy.pi)
    assert (abs(value - exact * below) <= 4e-7 * numpy.maximum(abs(exact), 1)).all()
    assert (abs(slope - (below + exact * density)) <= 6e-7).all()


def test_gelu_far_from_0_is_0_or_the_number_itself():
    value, slope = apply(gelus, [-1e15, -100, 0, 100, 1e15], 2)
    assert value.tolist() == [0, 0, 0, 100, numpy.float32(1e15)]
    assert slope.tolist() == [0, 0, 0.5, 1, 1]


@pytest.mark.parametrize("function", [exponentials, logarithms])
def test_nan_stays_nan_beside_numbers(function):
    x = numpy.ones(2 * WIDTH, numpy.float32)
    x[[3, WIDTH]] = numpy.nan
    assert numpy.isnan(apply(function, x)).nonzero()[0].tolist() == [3, WIDTH]


def test_gelu_of_what_is_not_finite_is_not_finite():
    value, slope = apply(gelus, [numpy.nan, numpy.inf, -numpy.inf], 2)
    assert not numpy.isfinite(value).any()
    assert not numpy.isfinite(slope).any()


def test_log_of_infinity_is_nan():
    assert numpy.isnan(apply(logarithms, [numpy.inf])).all()


def test_sum_and_largest_of_a_vector():
    x = aligned(50, WIDTH)
    x[:] = numpy.random.default_rng(1).normal(size=x.shape)
    x[0], x[1], x[2, 5] = -1e30, numpy.arange(WIDTH), numpy.nan
    sums, highest = aligned(50), aligned(50)
    totals(x, sums, highest)
    in_halves = x
    while in_halves.shape[1] > 1:
        half = in_halves.shape[1] // 2
        in_halves = in_halves[:, :half] + in_halves[:, half:]
    numpy.testing.assert_array_equal(sums, in_halves[:, 0])
    without_nan = numpy.arange(50) != 2
    numpy.testing.assert_array_equal(highest[without_nan], x[without_nan].max(1))


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("add", [False, True])
@pytest.mark.parametrize(("rows", "inner", "columns"), [(8, 1, 16), (64, 13, 48), (24, 64, 16), (16, 100, 80)])
def test_product(rows, inner, columns, add, transposed):
    random = numpy.random.default_rng(rows)
    out, start = aligned(rows, columns), aligned(1, columns)
    right = aligned(inner + 3, columns)
    left = aligned(inner + 5, padded(rows)).T[:rows] if transposed else aligned(rows, padded(inner + 5))
    for array in (out, start, right, left):
        array[:] = random.normal(size=array.shape)
    right[inner:] = numpy.nan  # beyond `inner`: neither read nor added
    expected = start.astype(numpy.float64) + left[:, :inner].astype(numpy.float64) @ right[:inner]
    expected += out if add else 0
    product(out, left, right, inner, start, add)
    numpy.testing.assert_allclose(out, expected, atol=2e-5)


def test_a_product_rounds_once_for_each_number_that_it_adds():
    random = numpy.random.default_rng(2)
    out, start, left, right = aligned(8, 16), aligned(1, 16), aligned(8, 16), aligned(16, 16)
    for array in (start, left, right):
        array[:] = random.normal(size=array.shape)
    product(out, left, right, 16, start, False)
    expected = numpy.broadcast_to(start, out.shape)
    for k in range(16):  # a product of two float32 has 48 bits and is exact in float64
        expected = (left[:, k : k + 1].astype(numpy.float64) * right[k] + expected).astype(numpy.float32)
    numpy.testing.assert_array_equal(out, expected)
