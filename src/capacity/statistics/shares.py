"""The rule of a share of runs: whether most runs have a property, as far as the exact interval can tell.

The rule was written down before the runs, in docs/preregistration.md.
"""

from __future__ import annotations

import itertools
from enum import StrEnum

import scipy

from capacity.statistics import intervals

SELDOM = 0.1
"""A share of runs above this is more than an exception."""

HALF = 0.5

MOSTLY = 0.9
"""A share of runs below this leaves more than exceptions."""


MAJORITY_ALPHA = 0.025
"""The level of a one-sided test that agrees with the exact 95 % interval, which leaves as much out above as below."""


class Majority(StrEnum):
    """Whether most of all runs have a property."""

    YES = "yes"
    NO = "no"
    DEPENDS = "depends on the seed"
    UNDECIDED = "cannot be told"


def majority(count: int, total: int) -> Majority:
    """Decide whether most runs have a property, from ``count`` of ``total`` that do; without runs it cannot be told.

    The first that applies to the exact 95 % interval: it *depends on the seed* if the interval lies within
    :data:`SELDOM` to :data:`MOSTLY`, it is *yes* if the interval lies above one half, and *no* if
    it lies below. Raises ValueError unless 0 <= count <= total.
    """
    if total == 0 and count == 0:
        return Majority.UNDECIDED
    low, high = intervals.clopper_pearson(count, total)
    if low >= SELDOM and high <= MOSTLY:
        return Majority.DEPENDS
    if low > HALF:
        return Majority.YES
    return Majority.NO if high < HALF else Majority.UNDECIDED


def majority_p_value(count: int, total: int) -> float:
    """Return the p-value of the exact one-sided test that at most half of all runs have a property.

    It is below :data:`MAJORITY_ALPHA` if the exact 95 % interval lies above one half. Raises ValueError unless
    0 <= count <= total and total > 0.
    """
    return float(scipy.stats.binomtest(count, total, HALF, alternative="greater").pvalue)


def further_runs(count: int, total: int) -> int:
    """Return the fewest further runs after which :func:`majority` decides, if the share of runs stays as it is.

    0 if it decides already. There always is such a number, because every share is decided by enough runs. Raises
    ValueError unless 0 <= count <= total and total > 0.
    """
    return next(more for more in itertools.count() if is_decided(expected(count, total, more), total + more))


def expected(count: int, total: int, more: int) -> int:
    """Return how many of ``total + more`` runs have a property if the share of runs stays as it is.

    The share is that of ``count`` of ``total`` runs.
    """
    return round(count / total * (total + more))


def is_decided(count: int, total: int) -> bool:
    """Tell whether :func:`majority` decides from ``count`` of ``total`` runs, one way or another."""
    return majority(count, total) != Majority.UNDECIDED


def fewest_runs() -> int:
    """Return the smallest number of runs that can decide anything, whatever they do."""
    return next(total for total in itertools.count(1) if any(is_decided(count, total) for count in range(total + 1)))


def fewest_changes(count: int, total: int) -> int:
    """Return how many runs would have had to come out otherwise for :func:`majority` to say something else.

    Raises ValueError unless 0 <= count <= total and total > 0.
    """
    decided = majority(count, total)
    others = [abs(other - count) for other in range(total + 1) if majority(other, total) != decided]
    return min(others, default=total + 1)
