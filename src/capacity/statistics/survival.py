"""TODO statistics.survival."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy
from scipy import stats
from statsmodels.duration.survfunc import SurvfuncRight

from capacity.statistics.arrays import Floats, Integers, finite
from capacity.statistics.intervals import CONFIDENCE


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
