from __future__ import annotations

import numpy
import pytest

from capacity.statistics.effects import superiority


def rng():
    return numpy.random.default_rng(0)


def test_the_share_of_pairs_counts_a_tie_as_one_half():
    found = superiority([([1.0, 3.0], [1.0, 2.0])], rng())  # 1 = 1, 1 < 2, 3 > 1, 3 > 2
    assert (found.share, found.pairs, found.delta) == (2.5 / 4, 4, 0.25)


def test_groups_that_do_not_overlap_have_an_interval_without_width():
    found = superiority([([5.0, 6.0, 7.0], [1.0, 2.0])], rng())
    assert (found.share, found.low, found.high, found.delta) == (1, 1, 1, 1)


def test_what_differs_between_strata_plays_no_part():
    """Within both strata the second group is larger; put together, the first one would be."""
    strata = [([100.0], [101.0, 102.0]), ([10.0], [11.0])]
    assert superiority(strata, rng()).share == 0
    assert superiority([([100.0, 10.0], [11.0, 12.0, 13.0])], rng()).share == 1 / 2


def test_a_stratum_without_both_groups_adds_nothing():
    assert superiority([([1.0], []), ([], [2.0])], rng()) is None
    assert superiority([([1.0], []), ([3.0], [2.0])], rng()).pairs == 1


def test_the_interval_has_the_width_of_the_normal_one_for_groups_that_are_alike():
    """The variance of the share of n x n pairs of values of one distribution is (2 n + 1) / (12 n^2)."""
    drawn = numpy.random.default_rng(3).normal(size=(2, 100))
    found = superiority([(drawn[0], drawn[1])], rng())
    assert found.low < found.share < found.high
    assert found.high - found.low == pytest.approx(2 * 1.96 * (201 / 120_000) ** 0.5, rel=0.15)


def test_a_value_that_is_not_finite_is_refused():
    with pytest.raises(ValueError, match="first holds 1 value"):
        superiority([([float("nan")], [1.0])], rng())
