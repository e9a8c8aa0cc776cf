"""Times until an event, where some runs end before it happens: the Kaplan-Meier curve and its limits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy
import scipy

from capacity.statistics.arrays import Floats, Integers, finite
from capacity.statistics.intervals import CONFIDENCE


class Survival(NamedTuple):
    """A Kaplan-Meier curve: a step function that keeps each value from its time until the next.

    Attributes:
        times: 0, then every time at which a run ended, either with its event or censored.
        share: the share of runs without the event after each time.
        low, high: pointwise 95 % limits of the share.
        at_risk: the number of runs under observation just before each time.
        events, censored: the number of runs that had the event, and of those that ended without it.
        median: the first time at which half of the runs have had the event; None if that is not reached.
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
    """Estimate the share of runs without an event over time, where runs may be right-censored (Kaplan & Meier 1958).

    The limits are those of the beta product confidence procedure (Fay, Brittain & Proschan 2013, by the method of
    moments). They are those of Clopper and Pearson until the first run is censored, so that 0 events in 20 runs do not
    get a band of no width, as they would from Greenwood's error.

    Args:
        times: one per run: the time of its event, or the last time under observation, e.g. its last iteration.
        observed: whether the run had the event.

    Raises ValueError without runs, if the two lists have different lengths, and for times that are negative or not
    finite.
    """
    if len(times) != len(observed):
        raise ValueError(f"{len(times)} times but {len(observed)} values of observed")
    ends = finite("times", times)
    if not len(ends) or ends.min() < 0:
        raise ValueError(f"times must be at least one, and none negative; got {list(times)}")
    happened = numpy.asarray(observed, dtype=bool)
    points = numpy.unique(numpy.append(ends, 0.0))
    at_risk = numpy.array([(ends >= point).sum() for point in points])
    events = numpy.array([(happened & (ends == point)).sum() for point in points])
    share = numpy.cumprod(1 - events / at_risk)
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


def _beta_product_limits(at_risk: Integers, events: Integers) -> tuple[Floats, Floats]:
    """Return lower and upper 95 % limits after each time, from products of beta variables matched by two moments."""
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
    """Return the quantile of the beta distribution with these moments, or the first moment if there is no spread."""
    variance = second - first**2
    spread = variance > 1e-15
    size = numpy.divide(first - second, variance, out=numpy.ones_like(first), where=spread)
    shapes = numpy.where(spread, [first * size, (1 - first) * size], 1.0)
    quantile = scipy.special.betaincinv(shapes[0], shapes[1], probability)
    return numpy.where(spread, quantile, first)
