"""Where two times cross along a numeric axis: the medians of two kinds of runs, with a bootstrap interval over runs."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy

from capacity.statistics.arrays import Floats
from capacity.statistics.intervals import CONFIDENCE, RESAMPLES


class Median(NamedTuple):
    """The median of times until an event, infinite where fewer than half of the runs have had it, with its interval."""

    value: float
    low: float
    high: float


class Crossing(NamedTuple):
    """Where the first of two medians stops being the larger or the smaller one.

    Attributes:
        score: the middle of the lowest and the highest crossing, which mostly are one; plus infinity if the first time
            is the larger one at all scores, and minus infinity if it is the smaller one; None if they do not differ.
        low, high: the ends of the 95 % bootstrap interval, which may be infinite in the same way.
        number: how often they cross.
        first_is_larger_below: whether the first time is the larger one at the lowest score at which they differ.
        first, second: the medians at each score.
    """

    score: float | None
    low: float
    high: float
    number: int
    first_is_larger_below: bool | None
    first: tuple[Median, ...]
    second: tuple[Median, ...]


def crossing(
    scores: Sequence[float],
    first: Sequence[Sequence[float]],
    second: Sequence[Sequence[float]],
    rng: numpy.random.Generator,
    resamples: int = RESAMPLES,
) -> Crossing | None:
    """Find where the medians of two times cross along ascending scores.

    A run that ends without its event has an infinite time. Runs of one score end after the same number of updates, so
    that the median is that of Kaplan and Meier: the time at which half of the runs have had the event. Between scores
    at which both medians are finite, the logarithm of their ratio is interpolated; where one of them is infinite, all
    that is known is the gap, and its middle is taken. Scores at which neither median is finite, or both are equal, say
    nothing. Where the medians cross several times, as they may by chance, the interval holds the lowest and the highest
    crossing of each resample. Runs are resampled within each score and kind.

    Returns None if fewer than two scores have runs of both kinds. Raises ValueError if a time is not above 0.
    """
    if not len(scores) == len(first) == len(second):
        raise ValueError(f"{len(scores)} scores, {len(first)} first and {len(second)} second groups")
    groups = [
        (float(score), numpy.asarray(one, dtype=float), numpy.asarray(other, dtype=float))
        for score, one, other in zip(scores, first, second, strict=True)
        if len(one) and len(other)
    ]
    if len(groups) < 2:
        return None
    if not all((each > 0).all() for _, *both in groups for each in both):
        raise ValueError("times must be above 0; a run without its event has an infinite one")
    at = numpy.array([score for score, *_ in groups])
    medians: tuple[list[float], list[float]] = ([], [])
    resampled: tuple[list[Floats], list[Floats]] = ([], [])
    for _, *both in groups:
        for kind, times in enumerate(both):
            medians[kind].append(float(_medians(times[None])[0]))
            drawn = times[rng.integers(0, len(times), size=(resamples, len(times)))]
            resampled[kind].append(_medians(drawn))
    lows, highs, numbers, larger = _crossings(at, *(numpy.array(each)[None] for each in medians))
    told = _crossings(at, *(numpy.stack(each, axis=1) for each in resampled))
    tells_apart = ~numpy.isnan(told[0])
    score = None if numpy.isnan(lows[0]) else _middle(float(lows[0]), float(highs[0]))
    of_kinds = [
        tuple(
            Median(value, _end(drawn, upper=False), _end(drawn, upper=True))
            for value, drawn in zip(medians[kind], resampled[kind], strict=True)
        )
        for kind in (0, 1)
    ]
    return Crossing(
        score,
        _end(told[0][tells_apart], upper=False),
        _end(told[1][tells_apart], upper=True),
        int(numbers[0]),
        None if score is None else bool(larger[0]),
        of_kinds[0],
        of_kinds[1],
    )


def _medians(times: Floats) -> Floats:
    """The time at which half of the runs of each row, (rows, runs), have had their event."""
    return numpy.sort(times, axis=1)[:, (times.shape[1] + 1) // 2 - 1]


def _crossings(at: Floats, first: Floats, second: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """The lowest and the highest crossing of each row of medians, (rows, scores), their number, and which is larger.

    Crossings are NaN in rows that never tell the times apart.
    """
    rows = len(first)
    with numpy.errstate(invalid="ignore"):
        ratios = numpy.log(first) - numpy.log(second)
    lows, highs, numbers = numpy.full(rows, numpy.nan), numpy.full(rows, numpy.nan), numpy.zeros(rows)
    larger = numpy.full(rows, False)
    for row, ratio in enumerate(ratios):
        told = numpy.flatnonzero(~numpy.isnan(ratio) & (ratio != 0))
        if not len(told):
            continue
        larger[row] = ratio[told[0]] > 0
        changes = [(i, j) for i, j in itertools.pairwise(told) if (ratio[i] > 0) != (ratio[j] > 0)]
        numbers[row] = len(changes)
        nowhere = math.inf if larger[row] else -math.inf
        ends = [_between(at[[i, j]], ratio[[i, j]]) for i, j in changes] or [(nowhere, nowhere)]
        lows[row], highs[row] = ends[0][0], ends[-1][1]
    return lows, highs, numbers, larger


def _between(at: Floats, ratio: Floats) -> tuple[float, float]:
    """The ends of what is known of a crossing between two scores: a point, or the gap if a ratio is infinite."""
    if not numpy.isfinite(ratio).all():
        return float(at[0]), float(at[1])
    point = float(at[0] + (at[1] - at[0]) * ratio[0] / (ratio[0] - ratio[1]))
    return point, point


def _middle(low: float, high: float) -> float:
    return low if low == high else (low + high) / 2


def _end(values: Floats, upper: bool) -> float:
    """An end of the 95 % interval of resampled values, some of which may be infinite; without any, an infinity."""
    if not len(values):
        return math.inf if upper else -math.inf
    tail = (1 - CONFIDENCE) / 2
    ordered = numpy.sort(values)
    place = math.ceil((1 - tail) * (len(values) - 1)) if upper else math.floor(tail * (len(values) - 1))
    return float(ordered[place])
