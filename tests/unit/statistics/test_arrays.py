from __future__ import annotations

import math

import pytest

from capacity.statistics.arrays import check_count, check_proportion, finite


def test_values_become_an_array():
    assert finite("values", [1, 2.5]).tolist() == [1.0, 2.5]


def test_values_that_are_not_finite_are_counted_and_named():
    with pytest.raises(ValueError, match="loss holds 2 values of 3 that are not finite"):
        finite("loss", [1.0, math.nan, math.inf])


@pytest.mark.parametrize("check", [check_count, check_proportion])
@pytest.mark.parametrize(("count", "total"), [(-1, 5), (6, 5), (1, 0)])
def test_a_count_outside_its_total_is_refused(check, count, total):
    with pytest.raises(ValueError, match=f"count {count} of {total}"):
        check(count, total)


def test_nothing_of_nothing_is_a_count_and_no_proportion():
    check_count(0, 0)
    with pytest.raises(ValueError, match="count 0 of 0 is not a proportion"):
        check_proportion(0, 0)
