from __future__ import annotations

import numpy
import pytest

from capacity.statistics.components import variance_components


def rng():
    return numpy.random.default_rng(0)


def test_values_that_one_factor_decides_alone():
    rows = numpy.repeat([[0.0], [1.0], [0.0], [1.0], [1.0], [0.0]], 5, axis=1)
    found = variance_components(rows, rng(), 500)
    assert (found.first.share, found.second.share, found.rest.share) == (1, 0, 0)
    assert found.first.p_value < 0.01
    assert found.second.p_value == 1
    turned = variance_components(rows.T, rng(), 500)
    assert (turned.first.share, turned.second.share) == (0, 1)
    assert turned.second.p_value < 0.01


def test_the_components_are_those_of_the_mean_squares():
    """Rows differ by 6 and columns by 2, and one entry sticks out: worked out with a pencil."""
    table = numpy.array([[0.0, 2.0], [6.0, 12.0]])
    # Means of rows 1 and 9, of columns 3 and 7, in all 5: MS 64, 16 and 4 with one degree of freedom each.
    found = variance_components(table, rng(), 50)
    components = numpy.array([(64 - 4) / 2, (16 - 4) / 2, 4])
    assert [each.share for each in found] == pytest.approx(components / components.sum())


def test_known_components_are_estimated_and_held_by_their_intervals():
    draw = numpy.random.default_rng(2)
    table = 2 * draw.normal(size=(40, 1)) + draw.normal(size=(1, 40)) + draw.normal(size=(40, 40))
    found = variance_components(table, rng(), 500)
    for component, share in zip(found, (4 / 6, 1 / 6, 1 / 6), strict=True):
        assert component.interval.low < share < component.interval.high
    assert max(found.first.p_value, found.second.p_value) < 0.01


def test_noise_is_decided_by_neither():
    found = variance_components(numpy.random.default_rng(4).normal(size=(12, 12)), rng(), 500)
    assert min(found.first.p_value, found.second.p_value) > 0.05
    assert found.rest.share > 0.8


def test_there_is_nothing_to_split_in_one_level_or_where_all_agree():
    assert variance_components(numpy.ones((1, 5)), rng()) is None
    assert variance_components(numpy.ones((5, 5)), rng()) is None
    with pytest.raises(ValueError, match="not finite"):
        variance_components(numpy.array([[1.0, 2.0], [numpy.nan, 1.0]]), rng())
