"""Where a share of runs crosses one half along a numeric axis: a logistic fit, with a bootstrap interval over runs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy

from capacity.statistics.arrays import Flags, Floats, Integers, check_count, finite
from capacity.statistics.intervals import CONFIDENCE, RESAMPLES

STEPS = 60
"""Newton steps of a fit, which ends after some ten."""

NEXT_TO = 1e-9
"""A distance on the axis, whose length is 1, that is as good as none."""


class Threshold(NamedTuple):
    """The score at which half of the runs have an outcome, from a logistic fit.

    Attributes:
        score: minus infinity if the curve lies below one half, or above it, before the lowest score already, and plus
            infinity if it reaches one half behind the highest score only; None if it neither rises nor falls.
        rises: whether the share of runs with the outcome rises with the score; None if it does neither.
        low, high: the ends of the 95 % bootstrap interval, which may be infinite like the score; None if more than
            one resample in twenty goes the other way, so that nothing can be said.
        other_way: the share of resamples in which the curve goes the other way, or neither rises nor falls.
    """

    score: float | None
    rises: bool | None
    low: float | None
    high: float | None
    other_way: float


def half_threshold(
    scores: Sequence[float],
    successes: Sequence[int],
    totals: Sequence[int],
    rng: numpy.random.Generator,
    resamples: int = RESAMPLES,
) -> Threshold | None:
    """Fit a logistic curve to the share of runs with an outcome, and return where it is one half.

    Runs are resampled within each score. If the outcomes are separated, so that every run up to one score has the
    outcome and none from the next on, or the other way round, the likelihood has no maximum: the threshold is then the
    middle of the gap, and the interval holds the gap. Where all runs have the outcome, or none has, the curve neither
    rises nor falls. Returns None if fewer than two scores have runs. Raises ValueError unless 0 <= successes <= totals
    and the scores are finite and differ.
    """
    if not len(scores) == len(successes) == len(totals):
        raise ValueError(f"{len(scores)} scores, {len(successes)} successes and {len(totals)} totals")
    for count, total in zip(successes, totals, strict=True):
        check_count(count, total)
    counts, sizes = numpy.asarray(successes, dtype=int), numpy.asarray(totals, dtype=int)
    values = finite("scores", scores)
    if len(numpy.unique(values)) != len(values):
        raise ValueError(f"scores {list(scores)} are not all different; add up the runs of each")
    order = numpy.argsort(values)
    order = order[sizes[order] > 0]
    values, counts, sizes = values[order], counts[order], sizes[order]
    if len(values) < 2:
        return None
    observed = _fits(values, counts[None, :], sizes)
    sign = float(observed.signs[0])
    resampled = _fits(values, rng.binomial(sizes, counts / sizes, size=(resamples, len(sizes))), sizes)
    if not sign:
        return Threshold(None, None, None, None, float((resampled.signs == 0).mean()))
    # Where all runs of a resample have the outcome, or none has, one half is reached before the scores or behind them.
    same_way = (resampled.signs == sign) | resampled.every | resampled.none
    for ends in (resampled.low, resampled.high):
        ends[resampled.every] = -sign * math.inf
        ends[resampled.none] = sign * math.inf
    other_way = 1 - float(same_way.mean())
    score = _outside(float(observed.low[0] + observed.high[0]) / 2, values)
    if other_way > 1 - CONFIDENCE:
        return Threshold(score, sign > 0, None, None, other_way)
    tail = (1 - CONFIDENCE) / 2
    lows, highs = numpy.sort(resampled.low[same_way]), numpy.sort(resampled.high[same_way])
    low, high = lows[math.floor(tail * (len(lows) - 1))], highs[math.ceil((1 - tail) * (len(highs) - 1))]
    return Threshold(score, sign > 0, _outside(float(low), values), _outside(float(high), values), other_way)


def _outside(score: float, values: Floats) -> float:
    """Return a score, or an infinity if it lies outside of those that have runs."""
    if score < values[0]:
        return -math.inf
    return math.inf if score > values[-1] else score


class _Fits(NamedTuple):
    """The logistic fits of many rows of counts.

    Attributes:
        signs: of the slope: 1 if the curve rises, -1 if it falls, 0 if it does neither.
        low, high: the scores between which the curve is one half: one score, or the gap between separated outcomes.
        every, none: whether all runs have the outcome, or none has.
    """

    signs: Floats
    low: Floats
    high: Floats
    every: Flags
    none: Flags


def _fits(values: Floats, counts: Integers, sizes: Integers) -> _Fits:
    """Fit a logistic curve to each row of counts, (rows, scores), of runs with the outcome."""
    middle, scale = values.mean(), float(numpy.ptp(values))
    x = (values - middle) / scale
    signs, low, high = numpy.zeros(len(counts)), numpy.full(len(counts), numpy.nan), numpy.full(len(counts), numpy.nan)
    every, none = (counts == sizes).all(axis=1), (counts == 0).all(axis=1)
    rest = ~every & ~none
    for sign in (1, -1):  # outcomes that are separated by a rising curve, then by a falling one
        ends, shares = x[::sign], (counts / sizes)[:, ::sign]
        lowest_with = numpy.argmax(shares > 0, axis=1)
        highest_without = len(x) - 1 - numpy.argmax(shares[:, ::-1] < 1, axis=1)
        here = rest & (highest_without <= lowest_with)
        rest &= ~here
        signs[here] = sign
        # With runs of both kinds at one score, the curve is one half just before or just behind it.
        both = sign * numpy.where(shares[numpy.arange(len(shares)), lowest_with] > 0.5, -NEXT_TO, NEXT_TO)
        shift = numpy.where(highest_without == lowest_with, both, 0.0)[here]
        gap = numpy.sort([ends[highest_without[here]] + shift, ends[lowest_with[here]] + shift], axis=0)
        low[here], high[here] = gap
    if rest.any():
        slope, intercept = _newton(x, counts[rest], sizes)
        signs[rest] = numpy.where(numpy.abs(slope) < NEXT_TO, 0.0, numpy.sign(slope))
        low[rest] = high[rest] = -intercept / numpy.where(slope == 0, numpy.nan, slope)
    return _Fits(signs, middle + scale * low, middle + scale * high, every, none)


def _newton(x: Floats, counts: Integers, sizes: Integers) -> tuple[Floats, Floats]:
    """Return slope and intercept of the logistic fit of each row by Newton's method, for outcomes that overlap."""
    slope = numpy.zeros(len(counts))
    share = counts.sum(axis=1) / sizes.sum()
    intercept = numpy.log(share / (1 - share))
    likelihood = _likelihood(x, counts, sizes, slope, intercept)
    for _ in range(STEPS):
        fitted = 1 / (1 + numpy.exp(-(slope[:, None] * x + intercept[:, None])))
        residual, weight = counts - sizes * fitted, sizes * fitted * (1 - fitted)
        first, second = residual.sum(axis=1), (residual * x).sum(axis=1)
        a, b, c = weight.sum(axis=1), (weight * x).sum(axis=1), (weight * x * x).sum(axis=1)
        determinant = a * c - b * b
        step_intercept, step_slope = (c * first - b * second) / determinant, (a * second - b * first) / determinant
        length = numpy.ones(len(counts))
        for _ in range(20):  # a step that loses likelihood is halved
            tried = _likelihood(x, counts, sizes, slope + length * step_slope, intercept + length * step_intercept)
            worse = tried < likelihood - 1e-12
            if not worse.any():
                break
            length[worse] /= 2
        slope, intercept = slope + length * step_slope, intercept + length * step_intercept
        likelihood = _likelihood(x, counts, sizes, slope, intercept)
        if max(numpy.abs(step_slope).max(), numpy.abs(step_intercept).max()) < 1e-10:
            break
    return slope, intercept


def _likelihood(x: Floats, counts: Integers, sizes: Integers, slope: Floats, intercept: Floats) -> Floats:
    """Return the log-likelihood of each row."""
    logit = slope[:, None] * x + intercept[:, None]
    likelihood: Floats = (counts * logit - sizes * numpy.logaddexp(0, logit)).sum(axis=1)
    return likelihood
