from __future__ import annotations

import numpy
import pytest

from capacity.statistics.lines import slope_of_plateaus


def rng():
    return numpy.random.default_rng(0)


def test_the_slope_is_that_of_the_largest_means():
    """Plateaus 3, 5 and 7 at sizes 1, 2 and 3: the line 2 s + 1."""
    found = slope_of_plateaus([1, 2, 3], [[[1.0], [3.0], [2.0]], [[5.0, 5.0]], [[], [6.0, 8.0]]], rng(), 200)
    assert (found.value, found.intercept) == (pytest.approx(2), pytest.approx(1))
    assert [(plateau.place, plateau.value) for plateau in found.plateaus] == [(1, 3), (0, 5), (1, 7)]
    low, high = found.interval
    assert (low, high) == (pytest.approx(1.5), pytest.approx(2.5))  # the last mean is 6 or 8 in one resample of two
    assert found.plateaus[1].interval == (5, 5)


def test_the_slope_is_that_of_least_squares():
    values = [1.0, 2.5, 2.0, 6.0]
    found = slope_of_plateaus([1, 2, 4, 8], [[[value]] for value in values], rng(), 10)
    slope, intercept = numpy.polyfit([1, 2, 4, 8], values, 1)
    assert (found.value, found.intercept) == (pytest.approx(slope), pytest.approx(intercept))


def test_sizes_without_values_are_left_out_and_one_alone_has_no_slope():
    assert slope_of_plateaus([1, 2], [[[1.0]], [[]]], rng()) is None
    assert slope_of_plateaus([1, 2, 3], [[[1.0]], [[], []], [[3.0]]], rng(), 10).value == pytest.approx(1)
    with pytest.raises(ValueError, match="not all different"):
        slope_of_plateaus([1, 1], [[[1.0]], [[1.0]]], rng())
