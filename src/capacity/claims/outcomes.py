"""What evidence decides about a claim, and how many runs it takes.

A claim about a cell is a yes-or-no property of its runs. It is *replicated* if more than half of all runs have the
property, as far as the exact 95 % interval of their share can tell: its lower end is above one half. It is *not
replicated* if the upper end is below one half, and *inconclusive* in between.
"""

from __future__ import annotations

from enum import StrEnum

from capacity.statistics import intervals

HALF = 0.5

MOST_FURTHER_RUNS = 200
"""The largest number of further runs that is given; one more stands for "more than" this."""


class Outcome(StrEnum):
    """The outcome of a claim, or of one line of evidence; its text is what tables show."""

    REPLICATED = "replicated"
    NOT_REPLICATED = "not replicated"
    INCONCLUSIVE = "inconclusive"
    NOT_RUN = "not run"


def decide(count: int, total: int) -> Outcome:
    """Decide whether more than half of all runs have a property, from ``count`` of ``total`` that do."""
    if total == 0:
        return Outcome.NOT_RUN
    low, high = intervals.clopper_pearson(count, total)
    if low > HALF:
        return Outcome.REPLICATED
    return Outcome.NOT_REPLICATED if high < HALF else Outcome.INCONCLUSIVE


def further_runs(count: int, total: int) -> int:
    """Return the fewest further runs after which :func:`decide` decides, if the share of runs stays as it is.

    0 if it decides already; :data:`MOST_FURTHER_RUNS` + 1 if it takes more than that. Raises ValueError unless
    0 <= count <= total and total > 0.
    """
    for more in range(MOST_FURTHER_RUNS + 1):
        expected = round(count / total * (total + more)) if more else count
        if decide(expected, total + more) != Outcome.INCONCLUSIVE:
            return more
    return MOST_FURTHER_RUNS + 1
