"""The rule of a share, at the runs that docs/preregistration.md names and around them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capacity.statistics.intervals import clopper_pearson
from capacity.statistics.shares import (
    MAJORITY_ALPHA,
    Majority,
    fewest_changes,
    further_runs,
    majority,
    majority_p_value,
)


@pytest.mark.parametrize(
    ("count", "total", "decided"),
    [
        (5, 10, Majority.DEPENDS),  # [0.187, 0.813]
        (13, 20, Majority.DEPENDS),  # [0.408, 0.846]
        (6, 6, Majority.YES),
        (5, 5, Majority.UNDECIDED),  # [0.478, 1]
        (18, 20, Majority.YES),
        (0, 6, Majority.NO),
        (0, 5, Majority.UNDECIDED),
        (1, 2, Majority.UNDECIDED),
        (0, 0, Majority.UNDECIDED),
        (60, 100, Majority.DEPENDS),  # its lower end is above one half, and the first line applies
    ],
)
def test_the_first_line_that_applies_decides(count, total, decided):
    assert majority(count, total) == decided


@given(st.integers(1, 60).flatmap(lambda total: st.tuples(st.integers(0, total), st.just(total))))
def test_the_rule_is_symmetric_and_says_what_the_interval_does(counted):
    count, total = counted
    decided, mirrored = majority(count, total), majority(total - count, total)
    swapped = {Majority.YES: Majority.NO, Majority.NO: Majority.YES}
    assert mirrored == swapped.get(decided, decided)
    low, high = clopper_pearson(count, total)
    assert (decided == Majority.DEPENDS) == (low >= 0.1 and high <= 0.9)
    assert decided != Majority.YES or low > 0.5
    assert 1 <= fewest_changes(count, total) <= total + 1


def test_further_runs_that_go_on_alike_decide():
    assert further_runs(5, 5) == 1
    assert further_runs(6, 6) == 0
    assert majority(round((2 + further_runs(1, 2)) / 2), 2 + further_runs(1, 2)) == Majority.DEPENDS
    with pytest.raises(ValueError):
        majority(3, 2)


@given(st.integers(1, 60).flatmap(lambda total: st.tuples(st.integers(0, total), st.just(total))))
def test_the_one_sided_test_agrees_with_the_interval(counted):
    assert (majority_p_value(*counted) < MAJORITY_ALPHA) == (clopper_pearson(*counted).low > 0.5)


def test_the_p_value_of_a_share_is_the_tail_of_fair_coins():
    assert majority_p_value(10, 10) == pytest.approx(1 / 1024)
    assert majority_p_value(9, 10) == pytest.approx(11 / 1024)
    assert majority_p_value(0, 3) == 1
