"""Intervals and survival: pure functions on top of scipy and statsmodels.

Tests across sizes are in :mod:`capacity.statistics.trends`; two groups, power and families of tests in
:mod:`capacity.statistics.comparisons`. Nothing here drops a value in silence: a diverged run enters as the failure it is, or is
left out and counted by the caller.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import NamedTuple

import numpy
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from capacity.statistics.arrays import Floats, finite

CONFIDENCE = 0.95
RESAMPLES = 10_000


class Interval(NamedTuple):
    """A two-sided 95 % interval."""

    low: float
    high: float


@functools.lru_cache(maxsize=10_000)
def wilson(count: int, total: int) -> Interval:
    """Wilson's score interval (Wilson 1927). Raises ValueError unless 0 <= count <= total and total > 0."""
    return _proportion(count, total, "wilson")


@functools.lru_cache(maxsize=10_000)
def clopper_pearson(count: int, total: int) -> Interval:
    """The exact interval (Clopper & Pearson 1934). Raises ValueError as :func:`wilson` does."""
    return _proportion(count, total, "beta")


def bootstrap_mean(values: Sequence[float], rng: numpy.random.Generator) -> Interval | None:
    """Percentile bootstrap interval of a mean over seeds, 10,000 resamples; None for fewer than two values.

    Raises ValueError where a value is not finite.
    """
    if len(values) < 2:
        return None
    sample = (finite("values", values),)
    found = stats.bootstrap(
        sample, numpy.mean, n_resamples=RESAMPLES, confidence_level=CONFIDENCE, method="percentile", rng=rng
    ).confidence_interval
    return Interval(float(found.low), float(found.high))


def bootstrap_means(samples: Floats, seed: int) -> list[Interval | None]:
    """:func:`bootstrap_mean` of each row of a matrix, each with a generator of that seed, but for rounding.

    The rows have equally many values, so they share the draws. The result has the same bits on every machine. Raises
    ValueError where a value is not finite.
    """
    rows, size = samples.shape
    if size < 2:
        return [None] * rows
    values = finite("samples", samples)  # type: ignore[arg-type]
    first = values[:, 0]  # taken off, so that values that all agree are exactly their mean
    above = values.T - first
    # As whole numbers below 2**53 / size their sums are exact, in whatever order a matrix product adds them up.
    digits = 53 - numpy.frexp(size * abs(above).max(axis=0))[1]
    sums = numpy.rint(numpy.ldexp(above, digits)).T @ _draws(size, seed, RESAMPLES)
    tail = (1 - CONFIDENCE) / 2
    low, high = (first + numpy.ldexp(_quantiles(sums, probability), -digits) / size for probability in (tail, 1 - tail))
    return [Interval(*ends) for ends in zip(low.tolist(), high.tolist(), strict=True)]


@functools.lru_cache(maxsize=8)
def _draws(size: int, seed: int, resamples: int) -> Floats:
    """How often each value stands in each resample, (size, resamples): as scipy draws them."""
    drawn = numpy.random.default_rng(seed).integers(0, size, size=(resamples, size))
    places = drawn.T + size * numpy.arange(resamples)
    counts = numpy.bincount(places.ravel(), minlength=size * resamples).reshape(resamples, size)
    return numpy.ascontiguousarray(counts.T, dtype=numpy.float64)


def _quantiles(values: Floats, probability: float) -> Floats:
    """A quantile of each row, interpolated linearly between neighbours as scipy does; it changes the order in rows."""
    place = probability * values.shape[1] + (1 - probability)
    below = int(place // 1) - 1
    values.partition(below + 1, axis=1)
    found: Floats = (1 - place % 1) * values[:, : below + 1].max(axis=1) + place % 1 * values[:, below + 1]
    return found


def stratified_bootstrap_mean(strata: Sequence[Sequence[float]], rng: numpy.random.Generator) -> Interval | None:
    """Percentile bootstrap interval of the mean of the strata's means, 10,000 resamples (Agarwal et al. 2021).

    ``strata`` holds the values of each cell; runs are drawn anew within their cell, so that every resample has as
    many runs of each cell as the data, and each cell weighs the same however many runs it has. None without strata, or
    where a stratum has fewer than two values: its share of the spread is unknown. Raises ValueError where a value is
    not finite.
    """
    if not strata or min(len(values) for values in strata) < 2:
        return None
    means = numpy.zeros(RESAMPLES)
    for values in strata:
        sample = finite("strata", values)
        means += rng.choice(sample, size=(RESAMPLES, len(sample))).mean(axis=1) / len(strata)
    return _percentiles(means)


def two_way_bootstrap_mean(matrix: Sequence[Sequence[float]], rng: numpy.random.Generator) -> Interval | None:
    """Percentile interval of the mean of a matrix whose rows and columns are both samples, 10,000 resamples.

    ``matrix`` is (rows, columns), e.g. seeds x held-out pairs, with NaN where a run is missing. Rows and columns are
    drawn anew independently of each other (the pigeonhole bootstrap: McCullagh 2000, Owen 2007), because runs that
    share a pair, or a seed, are not independent. The mean is over the runs there are.

    The interval is too wide, by up to a factor of the square root of three, where neither seed nor pair matters, and
    too narrow for a handful of seeds that do: for 5 seeds x 45 pairs, with as much spread from seeds as from pairs and
    from the rest, it covers 88 % instead of 95. None where fewer than two rows or two columns have a run. Raises
    ValueError unless the matrix is rectangular, and finite apart from NaN.
    """
    if len({len(row) for row in matrix}) > 1:
        raise ValueError(f"rows of {sorted({len(row) for row in matrix})} columns are no matrix")
    values = numpy.asarray(matrix, dtype=float).reshape(len(matrix), len(matrix[0]) if len(matrix) else 0)
    if numpy.isinf(values).any():
        raise ValueError("matrix holds infinite values; a missing run is NaN")
    known = ~numpy.isnan(values)
    values, known = (array[known.any(axis=1)][:, known.any(axis=0)] for array in (values, known))
    rows, columns = values.shape
    if rows < 2 or columns < 2:
        return None
    row_counts = rng.multinomial(rows, numpy.full(rows, 1 / rows), size=RESAMPLES)
    column_counts = rng.multinomial(columns, numpy.full(columns, 1 / columns), size=RESAMPLES)
    sums = ((row_counts @ numpy.where(known, values, 0.0)) * column_counts).sum(axis=1)
    runs = ((row_counts @ known.astype(int)) * column_counts).sum(axis=1)
    return _percentiles(sums[runs > 0] / runs[runs > 0])


def _percentiles(resampled: Floats) -> Interval:
    tail = (1 - CONFIDENCE) / 2
    low, high = numpy.quantile(resampled, [tail, 1 - tail])
    return Interval(float(low), float(high))


def _proportion(count: int, total: int, method: str) -> Interval:
    if not 0 <= count <= total or total == 0:
        raise ValueError(f"count {count} of {total} is not a proportion")
    low, high = proportion_confint(count, total, alpha=1 - CONFIDENCE, method=method)
    return Interval(float(low), float(high))
