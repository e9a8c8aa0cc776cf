"""Does an outcome rise or fall with size? Tests of trend and of association, with permutation p-values.

A permutation p-value is the share of random rearrangements, the observed one included, that are at least as extreme
(Phipson & Smyth 2010): it is never zero, and is valid for the few, bimodal runs there are. Rearrangements are made in
blocks, so that memory does not grow with their number. Every function returns None where there is nothing to test
(fewer than two sizes with runs), and raises ValueError for input that makes no sense.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

import numpy
from scipy import optimize, special, stats
from statsmodels.stats.contingency_tables import Table

from capacity.statistics.arrays import Floats, Integers, finite
from capacity.statistics.intervals import RESAMPLES

Alternative = Literal["two-sided", "increasing", "decreasing"]

PERMUTATIONS = 100_000
BLOCK = 50_000
"""Numbers rearranged at a time: few enough to stay in the cache of a core."""


class TrendTest(NamedTuple):
    """A test of trend: ``statistic`` is standardised and positive where the outcome rises with the score.

    ``p_value`` is by permutation, ``normal_p_value`` from the normal approximation, which small samples make rough.
    """

    statistic: float
    p_value: float
    normal_p_value: float


def size_scores(parameters: Sequence[int]) -> list[float]:
    """log10 of the numbers of parameters: the scores of the primary test."""
    return [float(score) for score in numpy.log10(parameters)]


def rank_scores(parameters: Sequence[int]) -> list[float]:
    """Ranks 1, 2, ... by number of parameters: on a log axis MLT, 500 times n56, decides nearly alone."""
    return [float(score) for score in stats.rankdata(parameters)]


def cochran_armitage(
    successes: Sequence[int],
    totals: Sequence[int],
    scores: Sequence[float],
    alternative: Alternative,
    rng: numpy.random.Generator,
    permutations: int = PERMUTATIONS,
) -> TrendTest | None:
    """The Cochran-Armitage test of a linear trend in proportions (Cochran 1954, Armitage 1955).

    One entry per size: ``successes`` of ``totals`` runs, and the ``scores`` of the sizes (:func:`size_scores`,
    :func:`rank_scores`), in any order. The null variance is that of a permutation (n - 1, as in statsmodels). With the
    totals fixed, permuted counts of successes are multivariate hypergeometric. A size without runs adds nothing; where
    all runs succeed, or all fail, p is 1. None where fewer than two scores have runs.
    """
    counts, sizes = proportions(successes, totals)
    if len(scores) != len(sizes):
        raise ValueError(f"{len(scores)} scores but {len(sizes)} totals")
    values = finite("scores", scores)[sizes > 0]
    counts, sizes = counts[sizes > 0], sizes[sizes > 0]
    if len(numpy.unique(values)) < 2:
        return None
    if counts.sum() in (0, sizes.sum()):
        return TrendTest(0.0, 1.0, 1.0)
    # Without shift_zeros=False, statsmodels would add half a run to every entry of a table that has a zero.
    table = Table(numpy.column_stack([counts, sizes - counts]), shift_zeros=False)
    found = table.test_ordinal_association(row_scores=values, col_scores=numpy.array([1, 0]))
    mean, deviation = float(found.null_mean), float(found.null_sd)

    def draw(rows: int) -> Floats:
        drawn = rng.multivariate_hypergeometric(sizes, int(counts.sum()), size=rows)
        return (drawn @ values - mean) / deviation

    z = float(found.zscore)
    p_value = _permutation_p_value(z, draw, len(sizes), permutations, alternative)
    return TrendTest(z, p_value, _normal_p_value(z, alternative))


def jonckheere_terpstra(
    groups: Sequence[Sequence[float]],
    alternative: Alternative,
    rng: numpy.random.Generator,
    permutations: int = PERMUTATIONS,
) -> TrendTest | None:
    """The Jonckheere-Terpstra test of ordered groups, for ordinal or continuous outcomes (Jonckheere 1954).

    ``groups`` holds the values of each size, smallest size first. A tie counts one half; the variance allows for ties
    (Hollander, Wolfe & Chicken 2014, equation 6.19). An empty group adds nothing; where all values agree, p is 1. None
    where fewer than two groups have values.
    """
    samples = [finite("groups", group) for group in groups if len(group)]
    if len(samples) < 2:
        return None
    labels = numpy.repeat(numpy.arange(len(samples)), [len(sample) for sample in samples])
    return _ordered(labels, numpy.concatenate(samples), alternative, rng, permutations)


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
    """Kendall's tau-b between two outcomes of the same runs (Kendall 1945).

    "increasing" means that they go together. None where one of them has fewer than two distinct values.
    """
    if len(first) != len(second):
        raise ValueError(f"{len(first)} values against {len(second)}")
    x, y = finite("first", first), finite("second", second)
    if min(len(numpy.unique(x)), len(numpy.unique(y))) < 2:
        return None
    # Ties stay as they are under permutation, so that tau-b is as extreme as the number of concordant pairs.
    labels = numpy.unique(x, return_inverse=True)[1]
    tested = _ordered(labels, y, alternative, rng, permutations)
    return Association(float(stats.kendalltau(x, y).statistic), tested.p_value)


class IsotonicCheck(NamedTuple):
    """How far proportions are from monotone: twice the log-likelihood ratio of the saturated to the isotonic fit.

    ``fitted`` has the isotonic proportion of each size, NaN for a size without runs. A small ``p_value`` says that the
    response is not monotone; a large one does not say that it is.
    """

    statistic: float
    p_value: float
    fitted: tuple[float, ...]


def isotonic_check(
    successes: Sequence[int],
    totals: Sequence[int],
    direction: Literal["increasing", "decreasing"],
    rng: numpy.random.Generator,
    resamples: int = RESAMPLES,
) -> IsotonicCheck | None:
    """Test the monotone fit of proportions against the saturated one (Robertson, Wright & Dykstra 1988, chapter 2).

    ``successes`` of ``totals`` runs, smallest size first. The p-value is by parametric bootstrap under equal
    proportions, the least favourable of the monotone ones: resampling the isotonic fit itself rejects flat responses
    too often (9 % of the time instead of 5 %, for 20 runs of 4 sizes). None where fewer than two sizes have runs.
    """
    counts, sizes = proportions(successes, totals)
    if direction not in ("increasing", "decreasing"):
        raise ValueError(f"direction is {direction!r}; it must be 'increasing' or 'decreasing'")
    there = sizes > 0
    counts, sizes = counts[there], sizes[there]
    if len(sizes) < 2:
        return None
    increasing = direction == "increasing"
    fit, statistic = _isotonic_fit(counts, sizes, increasing)
    simulated = rng.binomial(sizes, counts.sum() / sizes.sum(), size=(resamples, len(sizes)))
    drawn, times = numpy.unique(simulated, axis=0, return_counts=True)
    found = numpy.array([_isotonic_fit(row, sizes, increasing)[1] for row in drawn])
    extreme = int(times[found >= statistic - 1e-9].sum())
    fitted = numpy.full(len(there), numpy.nan)
    fitted[there] = fit
    return IsotonicCheck(statistic, (extreme + 1) / (resamples + 1), tuple(fitted.tolist()))


def proportions(successes: Sequence[int], totals: Sequence[int]) -> tuple[Integers, Integers]:
    """Both as arrays. Raises ValueError unless they pair up and 0 <= successes <= totals."""
    if len(successes) != len(totals):
        raise ValueError(f"{len(successes)} successes but {len(totals)} totals")
    for count, total in zip(successes, totals, strict=True):
        if not 0 <= count <= total:
            raise ValueError(f"count {count} of {total} is not a proportion")
    return numpy.asarray(successes, dtype=int), numpy.asarray(totals, dtype=int)


def _isotonic_fit(counts: Integers, sizes: Integers, increasing: bool) -> tuple[Floats, float]:
    """The isotonic proportions, and twice the log-likelihood ratio of the saturated fit to them."""
    fit = numpy.clip(optimize.isotonic_regression(counts / sizes, weights=sizes, increasing=increasing).x, 0.0, 1.0)
    terms = special.rel_entr(counts, sizes * fit) + special.rel_entr(sizes - counts, sizes * (1 - fit))
    return fit, 2 * float(terms.sum())


def _ordered(
    labels: Integers, values: Floats, alternative: Alternative, rng: numpy.random.Generator, permutations: int
) -> TrendTest:
    """The test of concordance between group labels 0, 1, ... and values."""
    order = numpy.argsort(values, kind="stable")
    labels, values = labels[order], values[order]
    sizes = numpy.bincount(labels)
    variance = _concordance_variance(sizes, numpy.unique(values, return_counts=True)[1])
    if variance <= 0:
        return TrendTest(0.0, 1.0, 1.0)
    first, after = (numpy.searchsorted(values, values, side=side) for side in ("left", "right"))
    pairs = (len(labels) ** 2 - int((sizes**2).sum())) / 2

    def standardise(rows: Integers) -> Floats:
        return (_concordance(rows, first, after) - pairs / 2) / math.sqrt(variance)

    def draw(rows: int) -> Floats:
        return standardise(rng.permuted(numpy.tile(labels.astype(numpy.int32), (rows, 1)), axis=1))

    z = float(standardise(labels[None, :])[0])
    p_value = _permutation_p_value(z, draw, len(labels), permutations, alternative)
    return TrendTest(z, p_value, _normal_p_value(z, alternative))


def _concordance(labels: Integers, first: Integers, after: Integers) -> Floats:
    """Jonckheere's statistic of each row of labels (rows, values), whose values ascend along the row.

    It counts pairs with label and value both larger, and pairs with a larger label and the same value by half.
    ``first`` and ``after`` say, for each place, where the run of equal values around it begins and ends.
    """
    total = numpy.zeros(len(labels))
    for level in range(1, int(labels.max()) + 1):
        lower = numpy.cumsum(labels < level, axis=1, dtype=numpy.int32)
        lower = numpy.concatenate([numpy.zeros_like(lower[:, :1]), lower], axis=1)
        total += ((lower[:, first] + lower[:, after]) * (labels == level)).sum(axis=1) / 2
    return total


def _concordance_variance(sizes: Integers, ties: Integers) -> float:
    """The permutation variance of Jonckheere's statistic, given the sizes of the groups and of the sets of ties."""
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
    """The share of rearrangements at least as extreme as the observed statistic, the observed one counted in."""
    if permutations < 1:
        raise ValueError(f"permutations is {permutations}; it must be at least 1")
    # Equal arrangements differ in the last bits of their sums, and must count as equally extreme.
    bound = float(_signed(numpy.array([observed]), alternative)[0]) - 1e-9
    rows = max(1, BLOCK // columns)
    extreme = 0
    for start in range(0, permutations, rows):
        drawn = draw(min(rows, permutations - start))
        extreme += int((_signed(drawn, alternative) >= bound).sum())
    return (extreme + 1) / (permutations + 1)


def _normal_p_value(z: float, alternative: Alternative) -> float:
    tail = float(stats.norm.sf(_signed(numpy.array([z]), alternative)[0]))
    return 2 * tail if alternative == "two-sided" else tail


def _signed(statistics: Floats, alternative: Alternative) -> Floats:
    """The statistics, larger where they speak more for the alternative."""
    if alternative == "two-sided":
        return numpy.abs(statistics)
    if alternative == "increasing":
        return statistics
    if alternative == "decreasing":
        return -statistics
    raise ValueError(f"alternative is {alternative!r}; it must be 'two-sided', 'increasing' or 'decreasing'")
