"""Intervals and other statistics: pure functions on top of scipy and statsmodels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

CONFIDENCE = 0.95
RESAMPLES = 10_000


class Interval(NamedTuple):
    """A two-sided 95 % interval."""

    low: float
    high: float


def wilson(count: int, total: int) -> Interval:
    """Wilson's score interval (Wilson 1927). Raises ValueError unless 0 <= count <= total and total > 0."""
    return _proportion(count, total, "wilson")


def clopper_pearson(count: int, total: int) -> Interval:
    """The exact interval (Clopper & Pearson 1934). Raises ValueError as :func:`wilson` does."""
    return _proportion(count, total, "beta")


def bootstrap_mean(values: Sequence[float], rng: numpy.random.Generator) -> Interval | None:
    """Percentile bootstrap interval of a mean over seeds, 10,000 resamples; None for fewer than two values."""
    if len(values) < 2:
        return None
    sample = (numpy.asarray(values, dtype=float),)
    found = stats.bootstrap(
        sample, numpy.mean, n_resamples=RESAMPLES, confidence_level=CONFIDENCE, method="percentile", rng=rng
    ).confidence_interval
    return Interval(float(found.low), float(found.high))


def _proportion(count: int, total: int, method: str) -> Interval:
    if not 0 <= count <= total or total == 0:
        raise ValueError(f"count {count} of {total} is not a proportion")
    low, high = proportion_confint(count, total, alpha=1 - CONFIDENCE, method=method)
    return Interval(float(low), float(high))
