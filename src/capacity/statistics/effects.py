"""How far two groups lie apart, whatever the unit: how often a value of the one lies above a value of the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy

from capacity.statistics.arrays import Floats, finite
from capacity.statistics.intervals import RESAMPLES, percentiles


class Superiority(NamedTuple):
    """How often a value of the first group lies above one of the second, a tie counting one half.

    Attributes:
        share: of all pairs, from 0 to 1: the area under the curve (AUC); one half if neither group is larger.
        low, high: its 95 % bootstrap interval.
        pairs: how many there are.
    """

    share: float
    low: float
    high: float
    pairs: int

    @property
    def delta(self) -> float:
        """Cliff's delta, from -1 to 1: the share of pairs above less the share below."""
        return 2 * self.share - 1


def superiority(
    strata: Sequence[tuple[Sequence[float], Sequence[float]]],
    rng: numpy.random.Generator,
    resamples: int = RESAMPLES,
) -> Superiority | None:
    """Compare two groups within strata, by the share of pairs in which the first is larger (Cliff 1993).

    Pairs are made within a stratum and counted over all, so that what differs between strata plays no part. For the
    interval, values are resampled within each group of each stratum (percentiles). Where every pair goes one way, so
    does every resample, and the interval has no width. A stratum that lacks a group adds nothing; None if all do.
    Raises ValueError if a value is not finite.
    """
    total = 0
    above = 0.0
    resampled: Floats = numpy.zeros(resamples)
    for first, second in strata:
        x, y = finite("first", first), finite("second", second)
        if not len(x) or not len(y):
            continue
        wins = (numpy.sign(x[:, None] - y) + 1) / 2
        total += wins.size
        above += float(wins.sum())
        draws = [rng.multinomial(len(each), numpy.full(len(each), 1 / len(each)), resamples) for each in (x, y)]
        resampled += ((draws[0] @ wins) * draws[1]).sum(1)
    if not total:
        return None
    return Superiority(above / total, *percentiles(resampled / total), total)
