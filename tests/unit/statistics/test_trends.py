from __future__ import annotations

import itertools
import math

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from capacity.statistics import trends
from capacity.statistics.trends import (
    cochran_armitage,
    jonckheere_terpstra,
    kendall,
    rank_scores,
    size_scores,
)

# Alcohol and malformations, Graubard & Korn, Biometrics 43 (1987), with drinks a day as scores.
MALFORMED, BORN, DRINKS = [48, 38, 5, 1, 1], [17114, 14502, 793, 127, 38], [0, 0.5, 1.5, 4, 8]
SIZES = [1582, 5516, 20440, 10631808]


def generator(seed=0):
    return numpy.random.default_rng(seed)


def within_monte_carlo_error(found, exact, permutations=trends.PERMUTATIONS):
    return abs(found - exact) < 4 * math.sqrt(exact * (1 - exact) / permutations) + 1 / permutations


@pytest.mark.parametrize(
    ("alternative", "exact", "asymptotic"), [("increasing", 0.0158, 0.0039), ("two-sided", 0.0159, 0.0078)]
)
def test_cochran_armitage_has_the_published_p_values(alternative, exact, asymptotic):
    """Both as StatXact gives them for these data."""
    found = cochran_armitage(MALFORMED, BORN, DRINKS, alternative, generator())
    assert within_monte_carlo_error(found.p_value, exact)
    assert found.normal_p_value == pytest.approx(asymptotic, abs=5e-5)


def test_cochran_armitage_has_the_published_statistic():
    """SAS/STAT, PROC FREQ, trend of adverse responses to a drug: 4.7918 with n where a permutation has n - 1."""
    found = cochran_armitage([6, 7, 9, 14, 23], [32, 33, 32, 32, 32], [0, 1, 2, 3, 4], "increasing", generator(), 99)
    assert found.statistic == pytest.approx(4.7918 * math.sqrt(160 / 161), abs=5e-5)


def exact_trend(successes, totals, scores, alternative):
    """The permutation p-value by listing every table with these margins."""
    mean = sum(successes) * numpy.dot(totals, scores) / sum(totals)
    observed = numpy.dot(successes, scores) - mean
    sign = {"increasing": 1, "decreasing": -1}.get(alternative)
    chance = 0.0
    for counts in itertools.product(*(range(total + 1) for total in totals)):
        if sum(counts) != sum(successes):
            continue
        ways = math.prod(math.comb(total, count) for total, count in zip(totals, counts, strict=True))
        found = numpy.dot(counts, scores) - mean
        extreme = sign * (found - observed) >= -1e-9 if sign else abs(found) >= abs(observed) - 1e-9
        chance += ways * extreme
    return chance / math.comb(sum(totals), sum(successes))


@pytest.mark.parametrize("alternative", ["two-sided", "increasing", "decreasing"])
@pytest.mark.parametrize(
    ("successes", "totals", "scores"),
    [
        ([5, 2, 0, 0], [5, 5, 5, 5], size_scores(SIZES)),
        ([5, 2, 0, 0], [5, 5, 5, 5], rank_scores(SIZES)),
        ([0, 1, 0, 3], [10, 10, 10, 10], [0, 1, 2, 3]),
        ([3, 1, 2], [3, 6, 4], [0.1, 0.2, 0.30000000000000004]),  # sums that differ in their last bits are ties
    ],
)
def test_cochran_armitage_agrees_with_the_list_of_all_tables(successes, totals, scores, alternative):
    found = cochran_armitage(successes, totals, scores, alternative, generator(1))
    assert within_monte_carlo_error(found.p_value, exact_trend(successes, totals, scores, alternative))


def test_a_size_in_which_all_succeed_is_counted_as_it_is():
    """No half runs are added to the zeros of the table: z is its formula."""
    successes, totals, scores = numpy.array([5, 3, 0]), numpy.array([5, 5, 5]), numpy.array([3.0, 4.0, 7.0])
    spread = (totals * scores**2).sum() - (totals * scores).sum() ** 2 / 15
    z = ((successes * scores).sum() - 8 * scores.mean()) / math.sqrt(spread * 8 * 7 / (15 * 14))
    assert cochran_armitage(successes, totals, scores, "two-sided", generator(), 9).statistic == pytest.approx(z)


def test_the_direction_of_an_alternative_counts():
    def p_value(successes, alternative):
        return cochran_armitage(successes, [20] * 4, size_scores(SIZES), alternative, generator(), 9_999).p_value

    falling, rising = [19, 12, 8, 1], [1, 8, 12, 19]
    assert p_value(falling, "decreasing") == p_value(rising, "increasing") == 1 / 10_000  # never zero
    assert p_value(falling, "increasing") == p_value(rising, "decreasing") == 1.0
    assert p_value(falling, "two-sided") == 1 / 10_000


def test_blocks_of_permutations_add_up(monkeypatch):
    """Whatever fits a block: every permutation is made once, with the same generator, the last few included."""
    values = [[0.0, 1.0, 1.0], [2.0, 1.0], [3.0, 0.5, 2.0]]

    def results():
        return (
            cochran_armitage([4, 2, 1], [5, 6, 5], [0, 1, 2], "decreasing", generator(), 1_000),
            jonckheere_terpstra(values, "increasing", generator(), 1_000),
        )

    whole = results()
    monkeypatch.setattr(trends, "BLOCK", 56)
    assert results() == whole


def test_memory_is_bounded_however_many_permutations(monkeypatch):
    rows = []
    concordance = trends._concordance
    monkeypatch.setattr(
        trends, "_concordance", lambda labels, *rest: rows.append(labels.size) or concordance(labels, *rest)
    )
    jonckheere_terpstra([[0.0, 1.0, 3.0], [2.0, 4.0, 5.0]], "increasing", generator(), 50_000)
    assert max(rows) <= trends.BLOCK
    assert sum(rows) == 6 * 50_001


@pytest.mark.parametrize("share", [0.1, 0.5])
def test_cochran_armitage_keeps_its_false_positive_rate(share):
    rng = generator(2)
    trials = 800
    found = [
        cochran_armitage(rng.binomial(10, share, 4), [10] * 4, size_scores(SIZES), "decreasing", rng, 199).p_value
        for _ in range(trials)
    ]
    rate = sum(p_value <= 0.05 for p_value in found) / trials
    assert 0.02 <= rate <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / trials)


@pytest.mark.parametrize("successes", [[0, 0, 0], [4, 5, 6]])
def test_where_all_runs_agree_there_is_no_trend(successes):
    assert cochran_armitage(successes, [4, 5, 6], [0, 1, 2], "decreasing", generator()) == (0.0, 1.0, 1.0)


def test_a_size_without_runs_adds_nothing():
    whole = cochran_armitage([4, 2, 1], [5, 6, 5], [0, 1, 2], "decreasing", generator(), 500)
    assert cochran_armitage([4, 0, 2, 1], [5, 0, 6, 5], [0, 9, 1, 2], "decreasing", generator(), 500) == whole


@pytest.mark.parametrize(
    ("successes", "totals", "scores"),
    [([], [], []), ([3], [5], [1]), ([3, 0], [5, 0], [1, 2]), ([3, 1], [5, 5], [2, 2]), ([0, 0], [0, 0], [1, 2])],
)
def test_fewer_than_two_sizes_have_no_trend(successes, totals, scores):
    assert cochran_armitage(successes, totals, scores, "decreasing", generator()) is None


@pytest.mark.parametrize(
    ("successes", "totals", "scores", "alternative", "message"),
    [
        ([6, 1], [5, 5], [0, 1], "decreasing", "count 6 of 5"),
        ([-1, 1], [5, 5], [0, 1], "decreasing", "count -1 of 5"),
        ([1], [5, 5], [0, 1], "decreasing", "1 successes but 2 totals"),
        ([1, 2], [5, 5], [0], "decreasing", "1 scores but 2 totals"),
        ([1, 2], [5, 5], [0, math.nan], "decreasing", "scores holds 1 values of 2 that are not finite"),
        ([1, 2], [5, 5], [0, 1], "falling", "alternative is 'falling'"),
    ],
)
def test_counts_that_make_no_sense_are_refused(successes, totals, scores, alternative, message):
    with pytest.raises(ValueError, match=message):
        cochran_armitage(successes, totals, scores, alternative, generator(), 9)


def test_no_permutations_are_refused():
    with pytest.raises(ValueError, match="permutations is 0"):
        cochran_armitage([1, 2], [5, 5], [0, 1], "decreasing", generator(), 0)


def test_scores_are_logarithms_or_ranks_of_size():
    assert size_scores([10, 1_000]) == [1.0, 3.0]
    assert rank_scores([5516, 1582, 10631808, 20440, 20440]) == [2.0, 1.0, 5.0, 3.5, 3.5]


# Immaculateness of the plumage (1 to 8) of shelducks at poor, medium and good feeding sites, Ferns & Lang, Ethology 109
# (2003); the exact p-values are StatXact's.
MALES = {4: (3, 2, 0), 6: (11, 14, 18), 7: (1, 1, 2), 8: (2, 9, 12)}
FEMALES = {1: (0, 0, 1), 2: (0, 3, 1), 3: (0, 2, 0), 4: (13, 15, 16), 5: (0, 3, 5), 6: (0, 3, 5)}


@pytest.mark.parametrize(("table", "exact"), [(MALES, 0.0268), (FEMALES, 0.0815)])
def test_jonckheere_terpstra_has_the_published_p_value(table, exact):
    groups = [[score for score, counts in table.items() for _ in range(counts[site])] for site in range(3)]
    assert within_monte_carlo_error(jonckheere_terpstra(groups, "two-sided", generator()).p_value, exact)


def concordance(groups):
    """Jonckheere's statistic by its definition: pairs of a smaller and a larger group, ties by half."""
    return sum(
        (x < y) + 0.5 * (x == y)
        for lower, upper in itertools.combinations(groups, 2)
        for x, y in itertools.product(lower, upper)
    )


def arrangements(groups):
    """The statistic of every way to deal the values to groups of these sizes."""
    values = [value for group in groups for value in group]
    starts = numpy.cumsum([0, *(len(group) for group in groups)])
    for order in itertools.permutations(values):
        yield concordance([order[start:stop] for start, stop in itertools.pairwise(starts)])


@pytest.mark.parametrize("alternative", ["two-sided", "increasing", "decreasing"])
@pytest.mark.parametrize("groups", [[[1, 2], [2, 3, 3], [0, 3]], [[5, 1], [4], [2, 3, 0]], [[0, 0, 0], [0, 1], [1, 1]]])
def test_jonckheere_terpstra_agrees_with_the_list_of_all_arrangements(groups, alternative):
    every = numpy.array(list(arrangements(groups)))
    z = (concordance(groups) - every.mean()) / every.std()
    found = jonckheere_terpstra(groups, alternative, generator(3), 20_000)
    assert found.statistic == pytest.approx(z)
    signed = {"two-sided": numpy.abs, "increasing": numpy.positive, "decreasing": numpy.negative}[alternative]
    exact = (signed(every - every.mean()) >= signed(concordance(groups) - every.mean()) - 1e-9).mean()
    assert within_monte_carlo_error(found.p_value, exact, 20_000)


GROUPS = st.lists(st.lists(st.integers(-3, 3), min_size=1, max_size=6), min_size=2, max_size=5)


@settings(max_examples=60, deadline=None)
@given(GROUPS)
def test_the_normal_p_value_is_that_of_kendalls_tau_against_the_group(groups):
    values = [value for group in groups for value in group]
    labels = [label for label, group in enumerate(groups) for _ in group]
    found = jonckheere_terpstra(groups, "two-sided", generator(), 9)
    if len(set(values)) == 1:
        assert found == (0.0, 1.0, 1.0)
    elif len(values) > 2:  # scipy divides by n - 2
        assert found.normal_p_value == pytest.approx(stats.kendalltau(labels, values, method="asymptotic").pvalue)


def test_two_groups_are_compared_as_by_mann_and_whitney():
    first, second = [1.0, 2.0, 2.0, 4.0, 7.0], [2.0, 5.0, 7.0, 9.0, 8.0, 8.0]
    found = jonckheere_terpstra([first, second], "increasing", generator(), 9)
    other = stats.mannwhitneyu(second, first, alternative="greater", use_continuity=False, method="asymptotic")
    assert found.normal_p_value == pytest.approx(other.pvalue)


def test_jonckheere_terpstra_keeps_its_false_positive_rate():
    rng = generator(4)
    trials = 800
    found = [jonckheere_terpstra(rng.integers(0, 6, (4, 5)), "increasing", rng, 199).p_value for _ in range(trials)]
    rate = sum(p_value <= 0.05 for p_value in found) / trials
    assert 0.02 <= rate <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / trials)


def test_an_empty_group_adds_nothing_and_one_group_has_no_order():
    groups = [[1.0, 2.0], [3.0, 1.5]]
    whole = jonckheere_terpstra(groups, "increasing", generator(), 500)
    assert jonckheere_terpstra([groups[0], [], groups[1]], "increasing", generator(), 500) == whole
    assert jonckheere_terpstra([[1.0, 2.0], []], "increasing", generator()) is None
    assert jonckheere_terpstra([], "increasing", generator()) is None
    assert jonckheere_terpstra([[1.0], [1.0, 1.0]], "increasing", generator()) == (0.0, 1.0, 1.0)


def test_a_diverged_run_is_refused_by_a_trend():
    with pytest.raises(ValueError, match="groups holds 1 values of 2 that are not finite"):
        jonckheere_terpstra([[1.0, math.nan], [2.0]], "increasing", generator())


@pytest.mark.parametrize(
    ("alternative", "scipys"), [("two-sided", "two-sided"), ("increasing", "greater"), ("decreasing", "less")]
)
def test_kendall_agrees_with_the_exact_test_without_ties(alternative, scipys):
    first, second = [3, 1, 4, 15, 9, 2, 6, 5], [2, 7, 1, 8, 28, 18, 45, 9]
    found = kendall(first, second, alternative, generator(5))
    exact = stats.kendalltau(first, second, method="exact", alternative=scipys)
    assert found.tau == pytest.approx(exact.statistic)
    assert within_monte_carlo_error(found.p_value, exact.pvalue)


def test_kendall_agrees_with_the_list_of_all_permutations_with_ties():
    first, second = [0, 0, 1, 1, 1, 0], [2.0, 1.0, 3.0, 2.0, 5.0, 2.0]
    taus = numpy.array([stats.kendalltau(first, order).statistic for order in itertools.permutations(second)])
    found = kendall(first, second, "increasing", generator(6))
    assert found.tau == pytest.approx(stats.kendalltau(first, second).statistic)
    assert within_monte_carlo_error(found.p_value, (taus >= found.tau - 1e-9).mean())


def test_kendall_of_what_is_equal_or_opposite():
    values = [0.5, 2.0, 1.0, 7.0, 3.0, 4.0, 9.0]
    assert kendall(values, values, "increasing", generator(), 999).tau == pytest.approx(1.0)
    assert kendall(values, [-value for value in values], "increasing", generator(), 999) == pytest.approx((-1.0, 1.0))


@pytest.mark.parametrize(("first", "second"), [([], []), ([1.0], [2.0]), ([1.0, 1.0], [1.0, 2.0]), ([1, 2], [0, 0])])
def test_outcomes_that_do_not_vary_have_no_association(first, second):
    assert kendall(first, second, "increasing", generator()) is None


def test_outcomes_of_different_runs_are_refused():
    with pytest.raises(ValueError, match="2 values against 1"):
        kendall([1.0, 2.0], [1.0], "increasing", generator())
    with pytest.raises(ValueError, match="second holds 1 values of 2 that are not finite"):
        kendall([1.0, 2.0], [1.0, math.inf], "increasing", generator())


def test_one_stratum_is_the_test_without_strata():
    groups = [[0.0, 0.25, 0.5], [0.25, 0.75], [1.0, 1.0, 0.5]]
    alone = trends.jonckheere_terpstra(groups, "two-sided", numpy.random.default_rng(0), 500)
    stratified = trends.stratified_jonckheere_terpstra([groups], "two-sided", numpy.random.default_rng(0), 500)
    assert stratified == pytest.approx(alone)


def test_strata_are_added_up_each_less_its_mean():
    """Two strata of J 4 of 4 pairs: mean 2, variance 2 * 2 * 5 / 12 each, so z = 4 / sqrt(10 / 3)."""
    stratum = [[1.0, 2.0], [3.0, 4.0]]
    found = trends.stratified_jonckheere_terpstra([stratum, stratum], "two-sided", numpy.random.default_rng(0), 20_000)
    assert found.statistic == pytest.approx(4 / (10 / 3) ** 0.5)
    assert found.p_value == pytest.approx(2 / 36, abs=0.01)  # of 6 x 6 arrangements, the two that agree in both strata


def test_a_stratum_that_differs_in_level_alone_makes_no_trend():
    """Pooled, the larger groups have the larger values; within each stratum nothing rises."""
    strata = [[[0.0, 0.0, 0.0], [0.0]], [[1.0], [1.0, 1.0, 1.0]]]
    found = trends.stratified_jonckheere_terpstra(strata, "two-sided", numpy.random.default_rng(0), 500)
    assert found == (0.0, 1.0, 1.0)
    pooled = [[0.0, 0.0, 0.0, 1.0], [0.0, 1.0, 1.0, 1.0]]
    assert trends.jonckheere_terpstra(pooled, "two-sided", numpy.random.default_rng(0), 500).statistic > 1


def test_strata_without_two_groups_add_nothing():
    rng = numpy.random.default_rng(0)
    assert trends.stratified_jonckheere_terpstra([[[1.0], []], [[2.0]]], "two-sided", rng, 10) is None
    assert trends.stratified_jonckheere_terpstra([], "two-sided", rng, 10) is None
