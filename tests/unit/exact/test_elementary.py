"""The elementary functions against the same in many digits, and to the same bits whatever the processor can do."""

from __future__ import annotations

import hashlib
import math
import os
import subprocess
import sys

import mpmath
import numpy
import pytest

from capacity.exact import elementary
from tests.support.repository import REPOSITORY

RANDOM = numpy.random.default_rng(0)
EVERYWHERE = numpy.exp(RANDOM.uniform(-700, 700, 2000))
NEAR_ONE = 1 + numpy.concatenate([RANDOM.uniform(-0.3, 0.5, 3000), RANDOM.uniform(-1e-5, 1e-5, 1000)])
UNIFORM_FLOATS = RANDOM.integers(1, 2**24, 1000) * 2.0**-24
POSITIVE = numpy.concatenate([EVERYWHERE, NEAR_ONE, UNIFORM_FLOATS])
EXPONENTS = numpy.concatenate([RANDOM.uniform(-700, 700, 2000), RANDOM.uniform(-1, 1, 2000)])
TURNS = numpy.concatenate([RANDOM.uniform(-2, 2, 2000), RANDOM.uniform(-100, 100, 1000), 2 * UNIFORM_FLOATS])

FUNCTIONS = {
    "log": (elementary.log, mpmath.log, POSITIVE),
    "log2": (elementary.log2, lambda x: mpmath.log(x, 2), POSITIVE),
    "exp": (elementary.exp, mpmath.exp, EXPONENTS),
    "sinpi": (lambda x: elementary.sincospi(x)[0], mpmath.sinpi, TURNS),
    "cospi": (lambda x: elementary.sincospi(x)[1], mpmath.cospi, TURNS),
}


def bits(values):
    return numpy.asarray(values, dtype=numpy.float64).view(numpy.int64)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_value_is_right_to_two_units_in_the_last_place(name):
    function, oracle, arguments = FUNCTIONS[name]
    with mpmath.workprec(120):
        for x, y in zip(arguments.tolist(), numpy.asarray(function(arguments)).tolist(), strict=True):
            assert abs(mpmath.mpf(y) - oracle(mpmath.mpf(x))) <= 2 * math.ulp(y), x


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_number_and_arrays_of_any_layout_give_the_same_bits(name):
    function, _, arguments = FUNCTIONS[name]
    values = bits(function(arguments))
    numbers = [function(x) for x in arguments[:500].tolist()]
    assert {type(number) for number in numbers} == {float}
    assert numpy.array_equal(bits(numbers), values[:500])
    assert numpy.array_equal(bits(function(arguments[::-3])), values[::-3])
    assert numpy.array_equal(bits(function(arguments[:12].reshape(3, 4).T)), values[:12].reshape(3, 4).T)


def test_float32_counts_as_the_float64_of_the_same_value():
    short = POSITIVE[:2000].clip(1e-30, 1e30).astype(numpy.float32)
    assert elementary.log(short).dtype == numpy.float64
    assert numpy.array_equal(elementary.log(short), elementary.log(short.astype(numpy.float64)))
    assert elementary.log_sum_exp(short[:8].reshape(2, 4)).dtype == numpy.float64


def test_logarithms_at_the_ends():
    ends = numpy.array([0.0, -0.0, -1.0, math.inf, -math.inf, math.nan, 1.0])
    expected = [-math.inf, -math.inf, math.nan, math.inf, math.nan, math.nan, 0.0]
    for function in (elementary.log, elementary.log2):
        numpy.testing.assert_array_equal(function(ends), expected)
    assert elementary.log(0.0) == -math.inf
    assert elementary.log(5e-324) == pytest.approx(math.log(5e-324), rel=1e-15)


def test_logarithms_to_base_2_of_powers_of_2_are_whole():
    powers = numpy.arange(-1074, 1024)
    assert numpy.array_equal(elementary.log2(numpy.ldexp(1.0, powers)), powers)


def test_exponentials_at_the_ends():
    ends = numpy.array([-math.inf, math.inf, math.nan, 0.0, -0.0, 709.8, -746.0, 1e300, -1e300])
    numpy.testing.assert_array_equal(elementary.exp(ends), [0, math.inf, math.nan, 1, 1, math.inf, 0, math.inf, 0])
    assert elementary.exp(-745.0) == math.exp(-745.0) == 5e-324


def test_sines_and_cosines_of_quarter_turns_are_exact():
    quarters = numpy.arange(-8, 9)
    sine, cosine = elementary.sincospi(quarters / 2)
    assert sine.tolist() == [[0, 1, 0, -1][quarter % 4] for quarter in quarters]
    assert cosine.tolist() == [[1, 0, -1, 0][quarter % 4] for quarter in quarters]
    assert elementary.sincospi(1e300) == (0, 1)
    assert elementary.sincospi(1 / 3)[1] == pytest.approx(0.5, abs=1e-16)
    for endless in (math.inf, -math.inf, math.nan):
        numpy.testing.assert_array_equal(elementary.sincospi(endless), [math.nan] * 2)
        numpy.testing.assert_array_equal(elementary.sincospi(numpy.array([endless])), [[math.nan]] * 2)


def test_log_sum_exp_along_each_axis_and_at_the_ends():
    table = RANDOM.uniform(-50, 50, (3, 4, 5))
    for axis in (0, 1, 2, -1):
        expected = numpy.log(numpy.exp(table).sum(axis=axis))
        numpy.testing.assert_allclose(elementary.log_sum_exp(table, axis), expected, rtol=1e-14)
    ends = numpy.array([[-math.inf] * 2, [math.inf, 0], [math.nan, 0], [-math.inf, 3], [1000, 1000], [-1000, -1000]])
    log_2 = math.log(2)
    expected = [-math.inf, math.inf, math.nan, 3, 1000 + log_2, -1000 + log_2]
    numpy.testing.assert_allclose(elementary.log_sum_exp(ends), expected, rtol=1e-15)


def test_log_sum_exp_adds_in_one_order_however_the_table_lies():
    table = RANDOM.uniform(-3, 3, (40, 66))
    rows = elementary.log_sum_exp(table)
    assert numpy.array_equal(elementary.log_sum_exp(numpy.asfortranarray(table)), rows)
    assert numpy.array_equal(elementary.log_sum_exp(table.T.copy(), axis=0), rows)
    assert numpy.array_equal([elementary.log_sum_exp(row[None])[0] for row in table], rows)


CHECKSUM = "b8692dff796a100144437322cd54292c674931ab8b43ae1990e90f2314f88a17"


def elementary_checksum() -> str:
    """Return the SHA-256 of values of all functions at arguments that need no function themselves."""
    x = numpy.arange(1, 20_001) / 1024
    values = [elementary.log(x), elementary.log2(x), elementary.exp(x - 10), *elementary.sincospi(x)]
    values.append(elementary.log_sum_exp(x.reshape(400, 50)))
    return hashlib.sha256(numpy.concatenate(values).tobytes()).hexdigest()


def test_values_have_the_bits_that_they_have_on_every_machine():
    assert elementary_checksum() == CHECKSUM


def test_values_do_not_depend_on_what_the_processor_can_do():
    """In a process in which NumPy uses no instructions beyond the oldest processor that it runs on."""
    extensions = numpy.show_config(mode="dicts")["SIMD Extensions"]["found"]
    if not extensions:
        pytest.skip("NumPy uses no extensions of this processor")
    script = (
        "import numpy\n"
        "from tests.unit.exact import test_elementary\n"
        "assert not numpy.show_config(mode='dicts')['SIMD Extensions'].get('found')\n"
        "print(test_elementary.elementary_checksum())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=REPOSITORY,
        env=os.environ | {"PYTHONPATH": "src", "NPY_DISABLE_CPU_FEATURES": " ".join(extensions)},
        capture_output=True,
        text=True,
    )
    assert done.stdout.strip() == CHECKSUM, done.stderr
