"""Tests of whether an outcome rises or falls with size, and of association, with permutation p-values.

A permutation p-value is the share of random rearrangements, the observed one included, that are at least as extreme
(Phipson & Smyth 2010). It is never zero, and it is valid for few runs with bimodal outcomes. Rearrangements are made in
blocks, so that memory does not grow with their number. Every test returns None if there is nothing to test (fewer than
two sizes with runs), and raises ValueError for input that makes no sense.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

import numpy
import scipy

from capacity.statistics.arrays import Floats, Integers, check_count, finite

Alternative = Literal["two-sided", "increasing", "decreasing"]

PERMUTATIONS = 100_000
"""Random rearrangements of a test."""

BLOCK = 50_000
"""How many numbers are rearranged at a time: few enough to stay in the cache of a core."""


class TrendTest(NamedTuple):
    """The result of a test of trend.

    Attributes:
        statistic: standardised, and positive if the outcome rises with the score.
        p_value: by permutation.
        normal_p_value: from the normal approximation, which is rough for small samples.
    """

    statistic: float
    p_value: float
    normal_p_value: float


def size_scores(parameters: Sequence[int]) -> list[float]:
    """Return log10 of the numbers of parameters: the scores of the primary test."""
    return [float(score) for score in numpy.log10(parameters)]


def rank_scores(parameters: Sequence[int]) -> list[float]:
    """Return ranks 1, 2, ... by number of parameters.

    They check the primary test: MLT has 500 times the parameters of n56, so on a log axis it decides nearly alone.
    """
    return [float(score) for score in scipy.stats.rankdata(parameters)]


def cochran_armitage(
    successes: Sequence[int],
    totals: Sequence[int],
    scores: Sequence[float],
    alternative: Alternative,
    rng: numpy.random.Generator,
    permutations: int = PERMUTATIONS,
) -> TrendTest | None:
    """Test for a linear trend in proportions by the Cochran-Armitage test (Cochran 1954, Armitage 1955).

    Each size has one entry, in any order: ``successes`` of ``totals`` runs, and a score (:func:`size_scores`,
    :func:`rank_scores`). The null variance is that of a permutation (n - 1, as in statsmodels). With the totals fixed,
    permuted counts of successes are multivariate hypergeometric. A size without runs adds nothing. If all runs succeed,
    or all fail, p is 1. Returns None if fewer than two scores have runs.
    """
    counts, sizes = _proportions(successes, totals)
    if len(scores) != len(sizes):
        raise ValueError(f"{len(scores)} scores but {len(sizes)} totals")
    values = finite("scores", scores)[sizes > 0]
    counts, sizes = counts[sizes > 0], sizes[sizes > 0]
    if len(numpy.unique(values)) < 2:
        return None
    if counts.sum() in (0, sizes.sum()):
        return TrendTest(0.0, 1.0, 1.0)
    from statsmodels.stats.contingency_tables import Table

    # Without shift_zeros=False, statsmodels would add half a run to every entry of a table that has a zero.
    table = Table(numpy.column_stack([counts, sizes - counts]), shift_zeros=False)
    association = table.test_ordinal_association(row_scores=values, col_scores=numpy.array([1, 0]))
    mean, deviation = float(association.null_mean), float(association.null_sd)

    def draw(rows: int) -> Floats:
        drawn = rng.multivariate_hypergeometric(sizes, int(counts.sum()), size=rows)
        return (drawn @ values - mean) / deviation

    z = float(association.zscore)
    p_value = _permutation_p_value(z, draw, len(sizes), permutations, alternative)
    return TrendTest(z, p_value, _normal_p_value(z, alternative))


def jonckheere_terpstra(
    groups: Sequence[Sequence[float]],
    alternative: Alternative,
    rng: numpy.random.Generator,
    permutations: int = PERMUTATIONS,
) -> TrendTest | None:
    """Test for a trend over ordered groups by the Jonckheere-Terpstra test (Jonckheere 1954).

    It is for ordinal or continuous outcomes. ``groups`` holds the values of each size, smallest size first. A tie
    counts one half, and the variance allows for ties (Hollander, Wolfe & Chicken 2014, equation 6.19). An empty group
    adds nothing. If all values agree, p is 1. Returns None if fewer than two groups have values.
    """
    samples = [finite("groups", group) for group in groups if len(group)]
    if len(samples) < 2:
        return None
    labels = numpy.repeat(numpy.arange(len(samples)), [len(sample) for sample in samples])
    return _ordered(labels, numpy.concatenate(samples), alternative, rng, permutations)


def stratified_jonckheere_terpstra(
    strata: Sequence[Sequence[Sequence[float]]],
    alternative: Alternative,
    rng: numpy.random.Generator,
    permutations: int = PERMUTATIONS,
) -> TrendTest | None:
    """Test for a common trend over ordered groups within strata: the effect of one factor with another held fixed.

    Each stratum holds groups as :func:`jonckheere_terpstra` takes them. The statistic is the sum of those of the strata
    less their means, divided by the standard deviation of the sum, and values are permuted within their strata. A
    stratum with fewer than two groups that have values adds nothing. If all values agree within every stratum, p is 1.
    Returns None if no stratum has two groups with values.
    """
    tested = []
    columns = 0
    for groups in strata:
        samples = [finite("groups", group) for group in groups if len(group)]
        if len(samples) > 1:
            labels = numpy.repeat(numpy.arange(len(samples)), [len(sample) for sample in samples])
            columns += len(labels)
            tested.append(_Concordance(labels, numpy.concatenate(samples)))
    if not tested:
        return None
    variance = sum(each.variance for each in tested)
    if variance <= 0:
        return TrendTest(0.0, 1.0, 1.0)

    def draw(rows: int) -> Floats:
        drawn: Floats = numpy.sum([each.draw(rows, rng) for each in tested], axis=0)
        return drawn / math.sqrt(variance)

    z = sum(each.observed for each in tested) / math.sqrt(variance)
    p_value = _permutation_p_value(z, draw, columns, permutations, alternative)
    return TrendTest(z, p_value, _normal_p_value(z, alternative))


class Association(NamedTuple):
    """Kendall's tau-b, from -1 to 1, and its permutation p-value."""

    tau: float
    p_value: float


def kendall(
    first: Sequence[float],
    second: Sequence[float],
    alternative: Alternative,
    rng: numpy.random.Generator,
    permutations: int = PERMUTATIONS,
) -> Association | None:
    """Test for association between two outcomes of the same runs by Kendall's tau-b (Kendall 1945).

    The alternative "increasing" means that the outcomes rise together. Returns None if one of them has fewer than two
    distinct values.
    """
    if len(first) != len(second):
        raise ValueError(f"{len(first)} values against {len(second)}")
    x, y = finite("first", first), finite("second", second)
    if min(len(numpy.unique(x)), len(numpy.unique(y))) < 2:
        return None
    # Permutation keeps ties as they are, so tau-b is exactly as extreme as the number of concordant pairs.
    labels = numpy.unique(x, return_inverse=True)[1]
    tested = _ordered(labels, y, alternative, rng, permutations)
    return Association(float(scipy.stats.kendalltau(x, y).statistic), tested.p_value)


def _proportions(successes: Sequence[int], totals: Sequence[int]) -> tuple[Integers, Integers]:
    """Return both as arrays. Raises ValueError unless they pair up and 0 <= successes <= totals."""
    if len(successes) != len(totals):
        raise ValueError(f"{len(successes)} successes but {len(totals)} totals")
    for count, total in zip(successes, totals, strict=True):
        check_count(count, total)
    return numpy.asarray(successes, dtype=int), numpy.asarray(totals, dtype=int)


class _Concordance:
    """The concordance between group labels 0, 1, ... and values, less its mean over permutations.

    Attributes:
        observed: that of the labels as they are.
        variance: over permutations; 0 if all values agree.
    """

    def __init__(self, labels: Integers, values: Floats) -> None:
        order = numpy.argsort(values, kind="stable")
        values = values[order]
        self._labels = labels[order]
        sizes = numpy.bincount(labels)
        self.variance = _concordance_variance(sizes, numpy.unique(values, return_counts=True)[1])
        self._first, self._after = (numpy.searchsorted(values, values, side=side) for side in ("left", "right"))
        self._mean = (len(labels) ** 2 - int((sizes**2).sum())) / 4
        self.observed = float(self._centred(self._labels[None, :])[0])

    def draw(self, rows: int, rng: numpy.random.Generator) -> Floats:
        """Return the concordance of so many random permutations of the labels."""
        return self._centred(rng.permuted(numpy.tile(self._labels.astype(numpy.int32), (rows, 1)), axis=1))

    def _centred(self, rows: Integers) -> Floats:
        return _concordance(rows, self._first, self._after) - self._mean


def _ordered(
    labels: Integers, values: Floats, alternative: Alternative, rng: numpy.random.Generator, permutations: int
) -> TrendTest:
    """Test the concordance between group labels 0, 1, ... and values."""
    tested = _Concordance(labels, values)
    if tested.variance <= 0:
        return TrendTest(0.0, 1.0, 1.0)
    deviation = math.sqrt(tested.variance)
    z = tested.observed / deviation
    p_value = _permutation_p_value(
        z, lambda rows: tested.draw(rows, rng) / deviation, len(labels), permutations, alternative
    )
    return TrendTest(z, p_value, _normal_p_value(z, alternative))


def _concordance(labels: Integers, first: Integers, after: Integers) -> Floats:
    """Return Jonckheere's statistic of each row of labels, (rows, values), whose values ascend along the row.

    A pair counts one if label and value are both larger, and one half if the label is larger and the value the same.
    For each place, ``first`` and ``after`` are where the stretch of equal values around it begins and ends.
    """
    total = numpy.zeros(len(labels))
    for level in range(1, int(labels.max()) + 1):
        lower = numpy.cumsum(labels < level, axis=1, dtype=numpy.int32)
        lower = numpy.concatenate([numpy.zeros_like(lower[:, :1]), lower], axis=1)
        total += ((lower[:, first] + lower[:, after]) * (labels == level)).sum(axis=1) / 2
    return total


def _concordance_variance(sizes: Integers, ties: Integers) -> float:
    """Return the permutation variance of Jonckheere's statistic, from the sizes of the groups and sets of ties."""
    count = int(sizes.sum())

    def cubic(numbers: Integers) -> int:
        return int((numbers * (numbers - 1) * (2 * numbers + 5)).sum())

    def pairs(numbers: Integers) -> int:
        return int((numbers * (numbers - 1)).sum())

    def triples(numbers: Integers) -> int:
        return int((numbers * (numbers - 1) * (numbers - 2)).sum())

    variance = (count * (count - 1) * (2 * count + 5) - cubic(sizes) - cubic(ties)) / 72
    variance += pairs(sizes) * pairs(ties) / (8 * count * (count - 1))
    if count > 2:
        variance += triples(sizes) * triples(ties) / (36 * count * (count - 1) * (count - 2))
    return variance


def _permutation_p_value(
    observed: float, draw: Callable[[int], Floats], columns: int, permutations: int, alternative: Alternative
) -> float:
    """Return the share of rearrangements at least as extreme as the observed statistic, which counts as one of them."""
    if permutations < 1:
        raise ValueError(f"permutations is {permutations}; it must be at least 1")
    # Equal arrangements may differ in the last bits of their sums, and must count as equally extreme.
    bound = float(_signed(numpy.array([observed]), alternative)[0]) - 1e-9
    rows = max(1, BLOCK // columns)
    extreme = 0
    for start in range(0, permutations, rows):
        drawn = draw(min(rows, permutations - start))
        extreme += int((_signed(drawn, alternative) >= bound).sum())
    return (extreme + 1) / (permutations + 1)


def _normal_p_value(z: float, alternative: Alternative) -> float:
    """Return the p-value of a standardised statistic by the normal approximation."""
    tail = float(scipy.stats.norm.sf(_signed(numpy.array([z]), alternative)[0]))
    return 2 * tail if alternative == "two-sided" else tail


def _signed(statistics: Floats, alternative: Alternative) -> Floats:
    """Return the statistics with the sign that makes them larger the more they speak for the alternative."""
    if alternative == "two-sided":
        return numpy.abs(statistics)
    if alternative == "increasing":
        return statistics
    if alternative == "decreasing":
        return -statistics
    raise ValueError(f"alternative is {alternative!r}; it must be 'two-sided', 'increasing' or 'decreasing'")
