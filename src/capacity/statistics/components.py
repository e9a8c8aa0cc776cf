"""How much of the variance two crossed factors decide, each drawn at random, such as two seeds of a run."""

from __future__ import annotations

from typing import NamedTuple

import numpy

from capacity.statistics.arrays import Floats, finite
from capacity.statistics.intervals import RESAMPLES, Interval, percentiles


class Component(NamedTuple):
    """What one factor decides.

    Attributes:
        share: of the variance, from 0 to 1.
        interval: its 95 % bootstrap interval.
        p_value: of the test that the factor decides nothing, by permutation; None for what neither factor decides.
    """

    share: float
    interval: Interval
    p_value: float | None


class Components(NamedTuple):
    """The shares of the variance that the first factor, the second one, and neither of them alone decide."""

    first: Component
    second: Component
    rest: Component


def variance_components(table: Floats, rng: numpy.random.Generator, resamples: int = RESAMPLES) -> Components | None:
    """Split the variance of a crossed design with one value for each pair of levels, (levels of one, of the other).

    The components are those of the analysis of variance of two crossed random factors (Searle, Casella & McCulloch
    1992, chapter 4): of the mean squares of rows, columns and the rest, MS_rest is the variance of what the two decide
    together and of all else, and (MS_rows - MS_rest) / columns that of the rows. One below 0 counts as 0. The interval
    of a factor is from resamples of its levels, and too short where the share is near 0; that of the rest is from the
    lower to the higher ends of both kinds of resamples. In the test, values are permuted among the levels of a factor
    within each level of the other one, and the statistic is the variance of its means.

    Returns None if a factor has fewer than two levels or all values agree. Raises ValueError if a value is not finite.
    """
    values = finite("table", table)
    if min(values.shape) < 2 or not numpy.ptp(values):
        return None
    shares = _shares(values[None])[0]
    resampled = []
    p_values = []
    for of_rows in (values, values.T):
        levels = len(of_rows)
        drawn = _shares(of_rows[rng.integers(0, levels, size=(resamples, levels))])
        drawn = drawn[~numpy.isnan(drawn[:, 0])]  # in some resamples of few levels all values agree
        resampled.append(drawn if of_rows is values else drawn[:, [1, 0, 2]])
        permuted = rng.permuted(numpy.broadcast_to(of_rows, (resamples, *of_rows.shape)), axis=1)
        extreme = permuted.mean(2).var(1) >= of_rows.mean(1).var() - 1e-12
        p_values.append((float(extreme.sum()) + 1) / (resamples + 1))
    ends = [_interval(resampled[kind][:, kind]) for kind in (0, 1)]
    of_rest = [_interval(each[:, 2]) for each in resampled]
    rest = Interval(min(each.low for each in of_rest), max(each.high for each in of_rest))
    return Components(
        Component(float(shares[0]), ends[0], p_values[0]),
        Component(float(shares[1]), ends[1], p_values[1]),
        Component(float(shares[2]), rest, None),
    )


def _shares(tables: Floats) -> Floats:
    """The shares of rows, columns and the rest of each table, (tables, rows, columns): (tables, 3); NaN without any."""
    _, rows, columns = tables.shape
    of_rows, of_columns = tables.mean(2), tables.mean(1)
    mean = of_rows.mean(1)
    square_rows = columns * ((of_rows - mean[:, None]) ** 2).sum(1) / (rows - 1)
    square_columns = rows * ((of_columns - mean[:, None]) ** 2).sum(1) / (columns - 1)
    left = tables - of_rows[:, :, None] - of_columns[:, None] + mean[:, None, None]
    rest = (left**2).sum((1, 2)) / ((rows - 1) * (columns - 1))
    of_factors = [(square_rows - rest) / columns, (square_columns - rest) / rows]
    parts = numpy.stack([*(numpy.maximum(0, each) for each in of_factors), rest], axis=1)
    total = parts.sum(1, keepdims=True)
    shares: Floats = numpy.divide(parts, total, out=numpy.full_like(parts, numpy.nan), where=total > 1e-15)
    return shares


def _interval(shares: Floats) -> Interval:
    """The interval of a share from its values in resamples; anything from 0 to 1 where none has a value."""
    return percentiles(shares) if len(shares) else Interval(0.0, 1.0)
