"""Intervals and survival: pure functions on top of scipy and statsmodels.

Tests across sizes are in :mod:`capacity.trends`; two groups, power and families of tests in
:mod:`capacity.comparisons`. Nothing here drops a value in silence: a diverged run enters as the failure it is, or is
left out and counted by the caller.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import NamedTuple

import numpy
from numpy.typing import NDArray
from scipy import stats
from statsmodels.duration.survfunc import SurvfuncRight
from statsmodels.stats.proportion import proportion_confint

Floats = NDArray[numpy.float64]
Integers = NDArray[numpy.int64]

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


class Survival(NamedTuple):
    """A Kaplan-Meier curve: a step function that holds each value from its time until the next.

    ``times`` begins at 0 and has every time at which a run ended, by its event or censored; ``share`` is the share of
    runs without the event after that time, with pointwise 95 % limits ``low`` and ``high``; ``at_risk`` counts the runs
    under observation just before it. ``median`` is the first time at which half of the runs have had the event, None
    where that is not reached.
    """

    times: tuple[float, ...]
    share: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    at_risk: tuple[int, ...]
    events: int
    censored: int
    median: float | None


def kaplan_meier(times: Sequence[float], observed: Sequence[bool]) -> Survival:
    """The share of runs without the event over time, of runs that may be right-censored (Kaplan & Meier 1958).

    ``times`` is the time of a run's event where ``observed``, else its last time under observation, e.g. its last
    iteration. The limits are those of the beta product confidence procedure (Fay, Brittain & Proschan 2013, by the
    method of moments): Clopper-Pearson wherever nothing was censored earlier, so that 0 events in 20 runs do not get a
    band of no width, as they would from Greenwood's error. Raises ValueError for no runs, for lists of two lengths, and
    for times that are negative or not finite.
    """
    if len(times) != len(observed):
        raise ValueError(f"{len(times)} times but {len(observed)} values of observed")
    ends = finite("times", times)
    if not len(ends) or ends.min() < 0:
        raise ValueError(f"times must be at least one, none negative; got {list(times)}")
    happened = numpy.asarray(observed, dtype=bool)
    points = numpy.unique(numpy.append(ends, 0.0))
    at_risk = numpy.array([(ends >= point).sum() for point in points])
    events = numpy.array([(happened & (ends == point)).sum() for point in points])
    curve = SurvfuncRight(ends, happened.astype(int))
    # statsmodels keeps the times of events alone: the curve stays where it is when a run is censored.
    share = numpy.append(1.0, curve.surv_prob)[numpy.searchsorted(curve.surv_times, points, side="right")]
    low, high = _beta_product_limits(at_risk, events)
    halved = points[share <= 0.5 + 1e-12]
    return Survival(
        times=tuple(points.tolist()),
        share=tuple(share.tolist()),
        low=tuple(low.tolist()),
        high=tuple(high.tolist()),
        at_risk=tuple(at_risk.tolist()),
        events=int(happened.sum()),
        censored=int((~happened).sum()),
        median=float(halved[0]) if len(halved) else None,
    )


def finite(name: str, values: Sequence[float]) -> Floats:
    """The values as an array. Raises ValueError, with the name and how many, where some are not finite."""
    array = numpy.asarray(values, dtype=float)
    bad = int((~numpy.isfinite(array)).sum())
    if bad:
        advice = "count such runs as failures or leave them out"
        raise ValueError(f"{name} holds {bad} values of {array.size} that are not finite: {advice}")
    return array


def _beta_product_limits(at_risk: Integers, events: Integers) -> tuple[Floats, Floats]:
    """Lower and upper 95 % limits after each time: quantiles of products of beta variables, matched by two moments."""
    survivors = at_risk - events
    # With no event at a time its factor is Beta(at_risk + 1, 0), which is 1.
    factors = (survivors + 1) / (at_risk + 1)
    first = numpy.cumprod(factors, dtype=numpy.float64)
    second = numpy.cumprod(factors * (survivors + 2) / (at_risk + 2), dtype=numpy.float64)
    tail = (1 - CONFIDENCE) / 2
    high = _matched_quantile(first, second, 1 - tail)
    low = _matched_quantile(first * survivors / (survivors + 1), second * survivors / (survivors + 2), tail)
    return low, high


def _matched_quantile(first: Floats, second: Floats, probability: float) -> Floats:
    """The quantile of the beta distribution with these first two moments; the value itself where it has no spread."""
    variance = second - first**2
    spread = variance > 1e-15
    size = numpy.divide(first - second, variance, out=numpy.ones_like(first), where=spread)
    shapes = numpy.where(spread, [first * size, (1 - first) * size], 1.0)
    quantile = stats.beta.ppf(probability, *shapes)
    return numpy.where(spread, quantile, first)


def _percentiles(resampled: Floats) -> Interval:
    tail = (1 - CONFIDENCE) / 2
    low, high = numpy.quantile(resampled, [tail, 1 - tail])
    return Interval(float(low), float(high))


def _proportion(count: int, total: int, method: str) -> Interval:
    if not 0 <= count <= total or total == 0:
        raise ValueError(f"count {count} of {total} is not a proportion")
    low, high = proportion_confint(count, total, alpha=1 - CONFIDENCE, method=method)
    return Interval(float(low), float(high))
