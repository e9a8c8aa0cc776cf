"""Intervals of shares and of means.

No function here drops a value without saying so: a diverged run enters as the failure it is, or the caller leaves it
out and counts it.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import NamedTuple

import numpy
import scipy

from capacity.statistics.arrays import Floats, check_proportion, finite

CONFIDENCE = 0.95

RESAMPLES = 10_000
"""Bootstrap resamples of an interval."""

RESAMPLING_SEED = 0
"""Seed of the resamples and permutations behind every table, so that the same runs give the same numbers."""


class Interval(NamedTuple):
    """A two-sided 95 % interval."""

    low: float
    high: float


def percentiles(resampled: Floats) -> Interval:
    """Return the percentile bootstrap interval of a statistic from its values in resamples, of which there are some."""
    tail = (1 - CONFIDENCE) / 2
    low, high = numpy.quantile(resampled, [tail, 1 - tail])
    return Interval(float(low), float(high))


@functools.lru_cache(maxsize=10_000)
def clopper_pearson(count: int, total: int) -> Interval:
    """Return the exact interval of a share (Clopper & Pearson 1934).

    Raises ValueError unless 0 <= count <= total and total > 0.
    """
    check_proportion(count, total)
    tail = (1 - CONFIDENCE) / 2
    quantile = scipy.special.betaincinv
    low = float(quantile(count, total - count + 1, tail)) if count else 0.0
    high = float(quantile(count + 1, total - count, 1 - tail)) if count < total else 1.0
    return Interval(low, high)


def bootstrap_mean(values: Sequence[float], rng: numpy.random.Generator) -> Interval | None:
    """Return the percentile bootstrap interval of a mean over seeds, or None for fewer than two values.

    Raises ValueError if a value is not finite.
    """
    if len(values) < 2:
        return None
    sample = (finite("values", values),)
    bootstrapped = scipy.stats.bootstrap(
        sample, numpy.mean, n_resamples=RESAMPLES, confidence_level=CONFIDENCE, method="percentile", rng=rng
    )
    low, high = bootstrapped.confidence_interval
    return Interval(float(low), float(high))


def bootstrap_means(samples: Floats, seed: int) -> list[Interval | None]:
    """Return the interval of :func:`bootstrap_mean` for each row of a matrix, apart from rounding.

    ``samples`` is (rows, values). Each row is resampled with a generator of the given seed, so that all rows share the
    draws and one matrix product does the work. The result has the same bits on every machine. Raises ValueError if a
    value is not finite.
    """
    rows, size = samples.shape
    if size < 2:
        return [None] * rows
    values = finite("samples", samples)
    first = values[:, 0]  # subtracted, so that values that all agree give exactly their mean
    above = values.T - first
    # As whole numbers below 2**53 / size their sums are exact, in whatever order a matrix product adds them up.
    digits = 53 - numpy.frexp(size * abs(above).max(axis=0))[1]
    sums = numpy.rint(numpy.ldexp(above, digits)).T @ _draws(size, seed, RESAMPLES)
    tail = (1 - CONFIDENCE) / 2
    low, high = (first + numpy.ldexp(_quantiles(sums, probability), -digits) / size for probability in (tail, 1 - tail))
    return [Interval(*ends) for ends in zip(low.tolist(), high.tolist(), strict=True)]


@functools.lru_cache(maxsize=8)
def _draws(size: int, seed: int, resamples: int) -> Floats:
    """Count how often each resample holds each value, (size, resamples), with the draws that scipy makes."""
    drawn = numpy.random.default_rng(seed).integers(0, size, size=(resamples, size))
    places = drawn.T + size * numpy.arange(resamples)
    counts = numpy.bincount(places.ravel(), minlength=size * resamples).reshape(resamples, size)
    return numpy.ascontiguousarray(counts.T, dtype=numpy.float64)


def _quantiles(values: Floats, probability: float) -> Floats:
    """Return a quantile of each row, interpolated linearly between neighbours as scipy does.

    The values are reordered within their rows.
    """
    place = probability * values.shape[1] + (1 - probability)
    below = int(place // 1) - 1
    values.partition(below + 1, axis=1)
    quantiles: Floats = (1 - place % 1) * values[:, : below + 1].max(axis=1) + place % 1 * values[:, below + 1]
    return quantiles
