from __future__ import annotations

import gc
import itertools
import math

import numpy
import pytest
from scipy import optimize, stats

from capacity.statistics.comparisons import (
    difference_of_means,
    fisher,
    fisher_power,
    holm,
    intersection_union,
    tost_means,
    tost_proportions,
)


# Newcombe, Statistics in Medicine 17 (1998) 873, table II, Miettinen and Nurminen's 95 % intervals.
@pytest.mark.parametrize(
    ("table", "low", "high"),
    [
        ((56, 70, 48, 80), 0.0528, 0.3382),
        ((9, 10, 3, 10), 0.1700, 0.8406),
        ((6, 7, 2, 7), 0.0342, 0.8534),
        ((5, 56, 0, 29), -0.0326, 0.1933),
        ((0, 10, 0, 20), -0.1658, 0.2844),
        ((0, 10, 0, 10), -0.2879, 0.2879),
        ((10, 10, 0, 20), 0.7156, 1.0),
        ((10, 10, 0, 10), 0.6636, 1.0),
    ],
)
def test_the_interval_of_a_difference_is_the_published_one(table, low, high):
    first_count, first_total, second_count, second_total = table
    equivalence = tost_proportions(first_count, first_total, second_count, second_total, alpha=0.025)
    assert (equivalence.low, equivalence.high) == pytest.approx((low, high), abs=5e-5)
    assert equivalence.difference == pytest.approx(first_count / first_total - second_count / second_total)


def score_by_search(value, first_count, first_total, second_count, second_total):
    """The score statistic with the constrained shares found by search instead of by formula."""

    def loss(second):
        chances = stats.binom.logpmf([first_count, second_count], [first_total, second_total], [second + value, second])
        return -chances.sum()

    edges = (max(0.0, -value) + 1e-12, min(1.0, 1.0 - value) - 1e-12)
    second = optimize.minimize_scalar(loss, bounds=edges, method="bounded", options={"xatol": 1e-12}).x
    first, total = second + value, first_total + second_total
    variance = (first * (1 - first) / first_total + second * (1 - second) / second_total) * total / (total - 1)
    return (first_count / first_total - second_count / second_total - value) / math.sqrt(variance)


@pytest.mark.parametrize(
    "table", [(8, 10, 7, 10), (20, 20, 20, 20), (0, 20, 0, 20), (18, 20, 20, 20), (3, 5, 0, 1), (56, 70, 48, 80)]
)
def test_the_p_value_is_the_larger_of_two_score_tests(table):
    found = tost_proportions(*table)
    above, below = stats.norm.sf(score_by_search(-0.15, *table)), stats.norm.cdf(score_by_search(0.15, *table))
    assert found.p_value == pytest.approx(max(above, below), rel=1e-4)


@pytest.fixture(scope="module")
def p_values_of_twenty():
    return numpy.array([[tost_proportions(i, 20, j, 20).p_value for j in range(21)] for i in range(21)])


def test_equivalence_does_not_depend_on_which_group_or_outcome_comes_first(p_values_of_twenty):
    assert p_values_of_twenty == pytest.approx(p_values_of_twenty.T, abs=1e-9)
    assert p_values_of_twenty == pytest.approx(p_values_of_twenty[::-1, ::-1], abs=1e-9)


def test_shares_that_differ_by_the_margin_are_seldom_called_equal(p_values_of_twenty):
    """The exact chance of it, for every pair of shares 0.15 apart: nowhere above 5 %, and near it somewhere."""
    counts = numpy.arange(21)
    rates = [
        stats.binom.pmf(counts, 20, share) @ (p_values_of_twenty <= 0.05) @ stats.binom.pmf(counts, 20, share + 0.15)
        for share in numpy.linspace(0, 0.85, 86)
    ]
    assert 0.02 < max(rates) <= 0.05


@pytest.mark.parametrize(
    "table", [(20, 20, 20, 20), (20, 20, 19, 20), (10, 10, 10, 10), (30, 60, 31, 60), (5, 400, 9, 400)]
)
def test_groups_are_equivalent_exactly_where_the_interval_lies_within_the_margin(table):
    found = tost_proportions(*table)
    assert found.equivalent == (found.p_value <= 0.05) == (found.low > -0.15 and found.high < 0.15)


@pytest.mark.parametrize("margin", [0.01, 0.5, 0.9, 0.999])
def test_every_small_table_has_an_interval_around_its_difference(margin):
    for first_count, second_count in itertools.product(range(4), range(6)):
        found = tost_proportions(first_count, 3, second_count, 5, margin)
        assert -1 <= found.low <= found.difference <= found.high <= 1
        assert found.equivalent == (found.p_value <= 0.05) == (found.low > -margin and found.high < margin)


def test_a_margin_too_small_to_see_shows_nothing():
    found = tost_proportions(20, 20, 20, 20, 1e-20)
    assert found.p_value == 0.5
    assert not found.equivalent


def test_ten_runs_of_each_cannot_show_equivalence_and_twenty_can():
    assert not tost_proportions(10, 10, 10, 10).equivalent
    assert tost_proportions(20, 20, 20, 20).equivalent
    assert not tost_proportions(20, 20, 0, 20).equivalent
    assert tost_proportions(20, 20, 0, 20).p_value == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((6, 5, 1, 5), "count 6 of 5"),
        ((1, 5, 0, 0), "count 0 of 0"),
        ((1, 5, -1, 5), "count -1 of 5"),
        ((1, 5, 1, 5, 0.0), "margin is 0.0"),
        ((1, 5, 1, 5, 1.0), "margin is 1.0"),
        ((1, 5, 1, 5, 0.15, 0.6), "alpha is 0.6"),
    ],
)
def test_an_equivalence_that_makes_no_sense_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        tost_proportions(*arguments)


def test_equivalence_of_means_is_two_t_tests_of_shifted_values():
    first, second = [0.90, 0.80, 0.95, 0.70, 0.88], [0.85, 0.90, 0.70, 0.92]
    found = tost_means(first, second, margin=0.2)
    above = stats.ttest_ind([x + 0.2 for x in first], second, equal_var=False, alternative="greater").pvalue
    below = stats.ttest_ind([x - 0.2 for x in first], second, equal_var=False, alternative="less").pvalue
    p_value = max(above, below)
    interval = stats.ttest_ind(first, second, equal_var=False).confidence_interval(0.90)
    assert found.p_value == pytest.approx(p_value)
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high))
    assert found.difference == pytest.approx(numpy.mean(first) - numpy.mean(second))
    assert found.equivalent
    assert not tost_means(first, second, margin=0.1).equivalent


def test_means_that_differ_by_the_margin_are_called_equal_as_often_as_alpha():
    rng = numpy.random.default_rng(0)
    trials = 1000
    wrong = sum(
        tost_means(rng.normal(0.15, 0.05, 10), rng.normal(0.0, 0.1, 15), margin=0.15).equivalent for _ in range(trials)
    )
    assert abs(wrong / trials - 0.05) < 3 * math.sqrt(0.05 * 0.95 / trials)


@pytest.mark.parametrize(
    ("first", "second"), [([], []), ([1.0], [1.0, 0.9]), ([1.0] * 5, [1.0] * 5), ([1.0] * 5, [0.0] * 5)]
)
def test_means_without_spread_have_no_t_test(first, second):
    assert tost_means(first, second) is None


def test_means_of_one_varying_group_have_a_t_test():
    assert tost_means([1.0] * 20, [0.99, 1.0, 0.98, 1.0, 0.99]).equivalent


def test_equivalence_of_means_refuses_what_makes_no_sense():
    with pytest.raises(ValueError, match="second holds 1 values of 2 that are not finite"):
        tost_means([1.0, 2.0], [1.0, math.nan])
    with pytest.raises(ValueError, match="margin is -1"):
        tost_means([1.0, 2.0], [1.0, 2.0], margin=-1)


def test_fishers_test_is_that_of_the_tea_taster():
    """Fisher, The Design of Experiments (1935): 3 of 4 cups against 1 of 4 has p = 34/70, and 4 against 0 has 2/70."""
    assert fisher(3, 4, 1, 4) == pytest.approx(34 / 70)
    assert fisher(4, 4, 0, 4) == pytest.approx(2 / 70)
    assert fisher(2, 5, 2, 5) == pytest.approx(1.0)


@pytest.mark.parametrize(("arguments", "message"), [((6, 5, 1, 5), "count 6 of 5"), ((1, 5, -1, 5), "count -1 of 5")])
def test_a_table_that_makes_no_sense_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        fisher(*arguments)


@pytest.mark.parametrize(("total", "power"), [(10, 0.64), (20, 0.96)])
def test_the_power_that_was_planned(total, power):
    assert fisher_power(0.8, 0.2, total, total) == pytest.approx(power, abs=0.005)


@pytest.mark.parametrize(("totals", "shares"), [((7, 7), (0.9, 0.1)), ((4, 9), (0.7, 0.2)), ((6, 5), (0.5, 0.5))])
def test_power_is_the_chance_of_the_tables_that_scipy_calls_significant(totals, shares):
    power = 0.0
    for first in range(totals[0] + 1):
        for second in range(totals[1] + 1):
            table = [[first, totals[0] - first], [second, totals[1] - second]]
            if stats.fisher_exact(table).pvalue <= 0.05:
                power += stats.binom.pmf(first, totals[0], shares[0]) * stats.binom.pmf(second, totals[1], shares[1])
    assert fisher_power(*shares, *totals) == pytest.approx(power, abs=1e-12)
    assert fisher_power(*shares[::-1], *totals[::-1]) == pytest.approx(power, abs=1e-12)


@pytest.mark.parametrize("share", [0.05, 0.3, 0.5])
@pytest.mark.parametrize("total", [5, 10, 20])
def test_fishers_test_finds_equal_shares_to_differ_at_most_as_often_as_alpha(total, share):
    assert fisher_power(share, share, total, total) <= 0.05


def test_power_at_the_edges():
    assert fisher_power(0.8, 0.2, 0, 0) == 0.0
    assert fisher_power(0.8, 0.2, 3, 3) == 0.0  # the most extreme table of 3 and 3 has p = 0.1
    assert fisher_power(1.0, 0.0, 4, 4) == pytest.approx(1.0)  # that of 4 and 4 has p = 0.029
    assert fisher_power(1.0, 0.0, 1000, 1000) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: fisher_power(1.2, 0.2, 10, 10), "1.2 is not between 0 and 1"),
        (lambda: fisher_power(math.nan, 0.2, 10, 10), "nan is not between 0 and 1"),
        (lambda: fisher_power(0.8, 0.2, 10, -1), "totals are 10 and -1"),
    ],
)
def test_a_power_that_makes_no_sense_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


# Benjamini & Hochberg, Journal of the Royal Statistical Society B 57 (1995), section 4.1: a procedure that keeps the
# family-wise error rate rejects the first three of the fifteen at 5 %.
PUBLISHED = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344]
PUBLISHED += [0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0]


def test_the_published_hypotheses_are_rejected():
    assert [value <= 0.05 for value in holm(PUBLISHED)] == [True] * 3 + [False] * 12


def test_adjusted_p_values_by_pencil_and_in_the_order_given():
    assert holm([0.04, 0.01, 0.03]) == pytest.approx([0.06, 0.03, 0.06])
    assert holm([0.5, 0.9]) == [1.0, 1.0]


def test_no_tests_and_one_test_need_no_adjustment():
    assert holm([]) == []
    assert holm([0.03]) == pytest.approx([0.03])


@pytest.mark.parametrize("adjust", [holm, lambda values: intersection_union(*values)])
@pytest.mark.parametrize("value", [math.nan, -0.1, 1.1])
def test_what_is_no_p_value_is_refused(adjust, value):
    with pytest.raises(ValueError, match=f"{value} is not a p-value"):
        adjust([0.5, value])


def test_holm_keeps_the_family_wise_error_rate(monkeypatch):
    monkeypatch.setattr(gc, "collect", lambda: 0)  # statsmodels collects garbage in every call: 0.1 s each
    rng = numpy.random.default_rng(1)
    trials = 2000
    wrong = sum(min(holm(rng.random(6).tolist())) <= 0.05 for _ in range(trials)) / trials
    assert abs(wrong - 0.05) < 3 * math.sqrt(0.05 * 0.95 / trials)


def test_a_claim_of_two_effects_has_the_larger_p_value():
    assert intersection_union(0.01, 0.04) == intersection_union(0.04, 0.01) == 0.04
    assert intersection_union(0.2) == 0.2
    with pytest.raises(ValueError, match="at least one"):
        intersection_union()


def test_a_difference_of_means_has_the_p_value_of_all_rearrangements_if_they_are_few():
    """Of the 20 ways to choose three of six, two are as extreme."""
    found = difference_of_means([1.0, 2.0, 3.0], [4.0, 5.0, 6.0], numpy.random.default_rng(0))
    assert (found.difference, found.p_value) == (-3.0, pytest.approx(2 / 20))
    assert found.low < -3 < found.high < 0


def test_means_that_agree_have_no_difference_and_one_value_tells_nothing():
    same = difference_of_means([0.5] * 4, [0.5] * 4, numpy.random.default_rng(0))
    assert (same.difference, same.low, same.high, same.p_value) == (0, 0, 0, 1)
    assert difference_of_means([0.5], [0.25, 0.75], numpy.random.default_rng(0)) is None
    with pytest.raises(ValueError):
        difference_of_means([math.nan, 1.0], [1.0, 2.0], numpy.random.default_rng(0))
