"""A straight line through the means of groups of runs, with a bootstrap interval of its slope over runs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy

from capacity.statistics.arrays import Floats, finite
from capacity.statistics.intervals import RESAMPLES, Interval, percentiles


class Plateau(NamedTuple):
    """The largest mean of some groups of one size.

    Attributes:
        place: the number of the group that has it, the first of several.
        value: the mean.
        interval: its 95 % bootstrap interval.
    """

    place: int
    value: float
    interval: Interval


class Slope(NamedTuple):
    """The slope of the least-squares line of plateaus against sizes, with its 95 % bootstrap interval.

    Attributes:
        value: in units of the measure per unit of size.
        interval: from the resamples.
        intercept: of the line at size 0.
        plateaus: of each size, in order.
    """

    value: float
    interval: Interval
    intercept: float
    plateaus: tuple[Plateau, ...]


def slope_of_plateaus(
    sizes: Sequence[float],
    groups: Sequence[Sequence[Sequence[float]]],
    rng: numpy.random.Generator,
    resamples: int = RESAMPLES,
) -> Slope | None:
    """Fit a line to the largest mean of each size.

    Args:
        sizes: of which each has one or more groups.
        groups: for each size the values of the runs of each of its groups.
        rng: draws the resamples.
        resamples: of the runs within each group; the largest mean is chosen anew in each of them.

    Returns None if fewer than two sizes have values. Raises ValueError if a value is not finite or two sizes agree.
    """
    if len(set(sizes)) != len(sizes):
        raise ValueError(f"sizes {list(sizes)} are not all different; put the groups of each together")
    at, plateaus, resampled = [], [], []
    for size, of_size in zip(sizes, groups, strict=True):
        samples = [(place, finite("groups", values)) for place, values in enumerate(of_size) if len(values)]
        if not samples:
            continue
        means = [float(values.mean()) for _, values in samples]
        largest = int(numpy.argmax(means))
        drawn = [values[rng.integers(0, len(values), size=(resamples, len(values)))].mean(1) for _, values in samples]
        most: Floats = numpy.max(drawn, axis=0)
        at.append(float(size))
        plateaus.append(Plateau(samples[largest][0], means[largest], percentiles(most)))
        resampled.append(most)
    if len(at) < 2:
        return None
    centred = numpy.array(at) - math.fsum(at) / len(at)
    weights = centred / (centred**2).sum()
    values = numpy.array([plateau.value for plateau in plateaus])
    value = float(weights @ values)
    intercept = float(values.mean() - value * numpy.mean(at))
    return Slope(value, percentiles(weights @ numpy.array(resampled)), intercept, tuple(plateaus))
