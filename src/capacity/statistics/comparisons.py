"""Comparisons of two groups, and corrections of several p-values.

The comparisons are tests of equivalence, Fisher's exact test with its power, and a permutation test of means.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy
import scipy

from capacity.statistics.arrays import Floats, check_count, check_proportion, finite
from capacity.statistics.intervals import CONFIDENCE, RESAMPLES

ALPHA = 0.05
"""The level of every test."""

MARGIN = 0.15
"""Two shares that differ by less than this count as equal in a test of equivalence."""


class Equivalence(NamedTuple):
    """The result of two one-sided tests of equivalence.

    Attributes:
        difference: the first group minus the second.
        low, high: the 1 - 2 alpha interval of the difference (90 % for alpha 0.05). It lies within the margin exactly
            if the groups are equivalent.
        p_value: the larger of the two p-values.
        equivalent: whether the p-value is at most alpha.
    """

    difference: float
    low: float
    high: float
    p_value: float
    equivalent: bool


def tost_proportions(
    first_count: int,
    first_total: int,
    second_count: int,
    second_total: int,
    margin: float = MARGIN,
    alpha: float = ALPHA,
) -> Equivalence:
    """Test whether two proportions are equal to within ``margin``, by two one-sided score tests.

    The test is that of Miettinen & Nurminen (1985). It is written out here because the score test of statsmodels gives
    NaN for some tables, and another p-value when the groups change places. Raises ValueError unless each count is
    between 0 and its total, the totals are positive, and 0 < margin < 1.
    """
    for count, total in ((first_count, first_total), (second_count, second_total)):
        check_proportion(count, total)
    _check_levels(margin, alpha)
    if margin >= 1:
        raise ValueError(f"margin is {margin}; for a difference of proportions it must be below 1")
    table = (first_count, first_total, second_count, second_total)
    difference = first_count / first_total - second_count / second_total
    p_value = float(scipy.stats.norm.sf(min(_score(-margin, *table), -_score(margin, *table))))
    bound = float(scipy.stats.norm.isf(alpha))
    edge = 1 - 1e-9

    def limit(side: float) -> float:
        def excess(value: float) -> float:
            return _score(value, *table) - side * bound

        if side > 0 and excess(-edge) <= 0:
            return -1.0
        if side < 0 and excess(edge) >= 0:
            return 1.0
        return float(scipy.optimize.brentq(excess, -edge, edge))

    return Equivalence(difference, limit(1.0), limit(-1.0), p_value, p_value <= alpha)


def tost_means(
    first: Sequence[float], second: Sequence[float], margin: float = MARGIN, alpha: float = ALPHA
) -> Equivalence | None:
    """Test whether two means are equal to within ``margin``, by two one-sided t tests (Schuirmann 1987).

    The margin is in the units of the values, and the variances of the groups may differ (Welch). Returns None if a
    group has fewer than two values, or if neither group has two values that differ: a t test then has no error to
    measure with. Raises ValueError unless margin > 0 and all values are finite.
    """
    _check_levels(margin, alpha)
    x, y = finite("first", first), finite("second", second)
    if min(len(x), len(y)) < 2 or (numpy.ptp(x) == 0 and numpy.ptp(y) == 0):
        return None
    from statsmodels.stats.weightstats import CompareMeans

    compared = CompareMeans.from_data(x, y)
    p_value = float(compared.ttost_ind(-margin, margin, usevar="unequal")[0])
    low, high = compared.tconfint_diff(alpha=2 * alpha, usevar="unequal")
    return Equivalence(float(x.mean() - y.mean()), float(low), float(high), p_value, p_value <= alpha)


def fisher(first_count: int, first_total: int, second_count: int, second_total: int) -> float:
    """Return the two-sided p-value of Fisher's exact test that two groups have the same share.

    Raises ValueError unless each count is between 0 and its total.
    """
    check_count(first_count, first_total)
    check_count(second_count, second_total)
    counts = numpy.array(
        [[first_count, first_total - first_count], [second_count, second_total - second_count]],
    )
    return float(scipy.stats.fisher_exact(counts).pvalue)


class Difference(NamedTuple):
    """The difference of two means, the first minus the second.

    Attributes:
        difference: of the means.
        low, high: its 95 % bootstrap interval.
        p_value: two-sided, by permutation.
    """

    difference: float
    low: float
    high: float
    p_value: float


def difference_of_means(
    first: Sequence[float], second: Sequence[float], rng: numpy.random.Generator, resamples: int = RESAMPLES
) -> Difference | None:
    """Compare two means by a permutation test, with a percentile bootstrap interval of their difference.

    All rearrangements are looked at if there are no more than ``resamples`` of them, else so many random ones. Returns
    None if a group has fewer than two values. Raises ValueError if a value is not finite.
    """
    x, y = finite("first", first), finite("second", second)
    if min(len(x), len(y)) < 2:
        return None

    def statistic(one: Floats, other: Floats, axis: int = -1) -> Floats:
        difference: Floats = one.mean(axis=axis) - other.mean(axis=axis)
        return difference

    tested = scipy.stats.permutation_test((x, y), statistic, vectorized=True, n_resamples=resamples, rng=rng)
    bootstrapped = scipy.stats.bootstrap(
        (x, y),
        statistic,
        n_resamples=resamples,
        confidence_level=CONFIDENCE,
        method="percentile",
        vectorized=True,
        rng=rng,
    )
    low, high = (float(end) for end in bootstrapped.confidence_interval)
    return Difference(float(x.mean() - y.mean()), low, high, float(tested.pvalue))


def fisher_power(
    first_share: float, second_share: float, first_total: int, second_total: int, alpha: float = ALPHA
) -> float:
    """Return the chance that Fisher's two-sided exact test finds two true shares to differ, by exact enumeration.

    Raises ValueError unless the shares and alpha are in [0, 1] and the totals are not negative.
    """
    for share in (first_share, second_share, alpha):
        if not 0 <= share <= 1:
            raise ValueError(f"{share} is not between 0 and 1")
    if min(first_total, second_total) < 0:
        raise ValueError(f"totals are {first_total} and {second_total}; they must not be negative")
    first_ways, second_ways = _log_ways(first_total), _log_ways(second_total)
    all_ways = _log_ways(first_total + second_total)
    first_chance = scipy.stats.binom.pmf(numpy.arange(first_total + 1), first_total, first_share)
    second_chance = scipy.stats.binom.pmf(numpy.arange(second_total + 1), second_total, second_share)
    power = 0.0
    for successes in range(first_total + second_total + 1):
        first = numpy.arange(max(0, successes - second_total), min(first_total, successes) + 1)
        tables = numpy.exp(first_ways[first] + second_ways[successes - first] - all_ways[successes])
        # Two-sided as in R and scipy: all tables that are no more probable than the observed one.
        ordered = numpy.sort(tables)
        p_values = numpy.cumsum(ordered)[numpy.searchsorted(ordered, tables * (1 + 1e-7), side="right") - 1]
        significant = first[p_values <= alpha]
        power += float((first_chance[significant] * second_chance[successes - significant]).sum())
    return power


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values, in the order given, adjusted to keep the family-wise error rate (Holm 1979).

    A planned test that could not be made belongs to the family as a 1. Raises ValueError for a p-value outside [0, 1].
    """
    _check_p_values(p_values)
    if not p_values:
        return []
    from statsmodels.stats.multitest import multipletests

    return [float(value) for value in multipletests(list(p_values), method="holm")[1]]


def intersection_union(*p_values: float) -> float:
    """Return the p-value of a claim that needs all of several effects: the largest of theirs (Berger 1982).

    Raises ValueError without p-values, or for one outside [0, 1].
    """
    if not p_values:
        raise ValueError("a claim needs at least one p-value")
    _check_p_values(p_values)
    return max(p_values)


def _log_ways(total: int) -> Floats:
    """Return the logarithm of the number of ways to choose 0, 1, ..., ``total`` of ``total``."""
    chosen = numpy.arange(total + 1)
    gammaln = scipy.special.gammaln
    return gammaln(total + 1) - gammaln(chosen + 1) - gammaln(total - chosen + 1)


def _score(value: float, first_count: int, first_total: int, second_count: int, second_total: int) -> float:
    """Return the score statistic of the hypothesis that the first share minus the second is ``value``.

    The statistic falls as the value grows.
    """
    first, second = _constrained(value, first_count, first_total, second_count, second_total)
    total = first_total + second_total
    variance = first * (1 - first) / first_total + second * (1 - second) / second_total
    variance *= total / (total - 1)
    if variance <= 0:  # both groups succeed in every run, or in none, and the value is 0 but for rounding
        return 0.0
    return (first_count / first_total - second_count / second_total - value) / math.sqrt(variance)


def _constrained(
    value: float, first_count: int, first_total: int, second_count: int, second_total: int
) -> tuple[float, float]:
    """Return the most likely shares that differ by ``value``, from a cubic (Miettinen & Nurminen 1985, appendix I)."""
    total, count = first_total + second_total, first_count + second_count
    quadratic = (first_total + 2 * second_total) * value - total - count
    linear = (second_total * value - total - 2 * second_count) * value + count
    constant = second_count * value * (1 - value)
    shift = quadratic / (3 * total)
    half = shift**3 - quadratic * linear / (6 * total**2) + constant / (2 * total)
    radius = math.copysign(math.sqrt(max(0.0, shift**2 - linear / (3 * total))), half)
    cosine = min(1.0, max(-1.0, half / radius**3)) if radius else 0.0
    second = 2 * radius * math.cos((math.pi + math.acos(cosine)) / 3) - shift
    second = min(max(second, 0.0, -value), 1.0, 1.0 - value)
    return min(max(second + value, 0.0), 1.0), second


def _check_p_values(p_values: Sequence[float]) -> None:
    for value in p_values:
        if not 0 <= value <= 1:
            raise ValueError(f"{value} is not a p-value: it must be between 0 and 1")


def _check_levels(margin: float, alpha: float) -> None:
    if not margin > 0:
        raise ValueError(f"margin is {margin}; it must be above 0")
    if not 0 < alpha < 0.5:
        raise ValueError(f"alpha is {alpha}; it must be between 0 and 0.5")
