"""What evidence decides about a claim, and how many runs it takes.

A claim about a cell is a yes-or-no property of its runs. The exact 95 % interval of the share of runs with the property
decides, by the rule of a share in docs/preregistration.md. If the interval lies within :data:`SELDOM` to
:data:`MOSTLY`, some runs have the property and some do not, and the cell *depends on the seed*. Otherwise the claim is
*replicated* if more than half of all runs have the property, as far as the interval can tell, *not replicated* if fewer
than half have it, and *inconclusive* if the runs are too few to tell.
"""

from __future__ import annotations

from enum import StrEnum

from capacity.statistics.shares import HALF, MOSTLY, SELDOM, Majority, majority

MOST_FURTHER_RUNS = 200
"""The largest number of further runs that is given; one more stands for "more than" this."""

SHARE_RULE = (
    "The exact 95 % interval (Clopper-Pearson) of their share decides, by the first of these that applies. A size "
    f"*depends on the seed* if the interval lies within {SELDOM:g} to {MOSTLY:g}, is *replicated* if the lower end is "
    f"above {HALF:g}, *not replicated* if the upper end is below {HALF:g}, and *inconclusive* otherwise."
)
"""What :func:`decide` does, in the words of the page of verdicts."""


class Outcome(StrEnum):
    """The outcome of a claim, or of one line of evidence; its text is what tables show."""

    REPLICATED = "replicated"
    NOT_REPLICATED = "not replicated"
    DEPENDS_ON_SEED = "depends on the seed"
    INCONCLUSIVE = "inconclusive"
    NOT_RUN = "not run"


_OF_MAJORITY = {
    Majority.YES: Outcome.REPLICATED,
    Majority.NO: Outcome.NOT_REPLICATED,
    Majority.DEPENDS: Outcome.DEPENDS_ON_SEED,
    Majority.UNDECIDED: Outcome.INCONCLUSIVE,
}

WORST_FIRST = (
    Outcome.NOT_REPLICATED,
    Outcome.INCONCLUSIVE,
    Outcome.DEPENDS_ON_SEED,
    Outcome.REPLICATED,
    Outcome.NOT_RUN,
)
"""The order in which one part of a claim decides the whole: the first outcome that a part has."""


def decide(count: int, total: int) -> Outcome:
    """Decide what the share of runs with a property says, from ``count`` of ``total`` runs that have it.

    Raises ValueError unless 0 <= count <= total.
    """
    return _OF_MAJORITY[majority(count, total)] if total else Outcome.NOT_RUN


def worst(outcomes: set[Outcome]) -> Outcome:
    """Return the outcome of a claim from those of its parts: the first of :data:`WORST_FIRST` that one of them has.

    Parts that were not run leave the others to decide. Without any part the claim is not run.
    """
    return next((outcome for outcome in WORST_FIRST if outcome in outcomes), Outcome.NOT_RUN)
