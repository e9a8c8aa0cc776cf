"""Lines of evidence on a claim."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from capacity.claims.arms import Arm
from capacity.claims.outcomes import Outcome, decide
from capacity.claims.properties import Property
from capacity.statistics import intervals
from capacity.statistics.shares import further_runs


class Kind(StrEnum):
    """What a line of evidence is."""

    SHARE = "share of runs"
    """How many runs of a cell have a property."""

    SHARE_OF_FITTED = "share of fitted runs"
    """How many of the runs that fit what they see have a property."""

    SHARE_BY_ANOTHER_RECIPE = "share of runs by another recipe"
    """How many runs of a cell have a property that was trained by another recipe than the paper's."""

    MEAN = "mean"
    """The mean of a measure over the runs of a cell."""

    DIFFERENCE = "difference of shares"
    """The share of runs with a property in one cell minus that in another, with the 90 % interval of its test."""

    TREND = "trend with size"
    """A test of whether a measure rises or falls with size."""

    SENSITIVITY = "sensitivity of a trend"
    """The same test with a size left out or other scores."""

    BOTH_TRENDS = "both trends"
    """Two trends taken together."""

    CONDITION = "condition"
    """What a claim needs besides its trends."""


@dataclass(frozen=True)
class Evidence:
    """One line of evidence.

    Attributes:
        label: which runs it is about, such as ``arithmetic n14``.
        kind: what the line is.
        measure: what is measured: the key of a property, a column of the table of runs, or the name of a condition.
        description: what is measured, in words.
        outcome: what this line alone decides; None if it is there for comparison only.
        n, diverged: the number of runs, and of those that diverged.
        count: the number of runs with the property.
        estimate, low, high: a share, mean or difference with its interval.
        p_value, adjusted_p_value: of a test, and after Holm's correction if the test belongs to a family.
        further_runs: how many more runs of each cell it takes to decide, if they go on like those there are;
            :data:`capacity.claims.outcomes.MOST_FURTHER_RUNS` + 1 stands for more.
        note: what else there is to say.
    """

    label: str
    kind: Kind
    measure: str
    description: str
    outcome: Outcome | None = None
    n: int = 0
    diverged: int = 0
    count: int | None = None
    estimate: float | None = None
    low: float | None = None
    high: float | None = None
    p_value: float | None = None
    adjusted_p_value: float | None = None
    further_runs: int | None = None
    note: str = ""

    def without_decision(self) -> Evidence:
        """Return the same evidence as a line for comparison, which decides nothing."""
        return replace(self, outcome=None, further_runs=None)


def share_evidence(arm: Arm, wanted: Property) -> Evidence:
    """Count the runs of a cell that have a property, and decide what their share says."""
    if not arm.n:
        return Evidence(arm.label, Kind.SHARE, wanted.key, wanted.description, Outcome.NOT_RUN)
    count = arm.count(wanted)
    outcome = decide(count, arm.n)
    low, high = intervals.clopper_pearson(count, arm.n)
    return Evidence(
        label=arm.label,
        kind=Kind.SHARE,
        measure=wanted.key,
        description=wanted.description,
        outcome=outcome,
        n=arm.n,
        diverged=arm.diverged,
        count=count,
        estimate=count / arm.n,
        low=low,
        high=high,
        further_runs=further_runs(count, arm.n) if outcome == Outcome.INCONCLUSIVE else None,
    )
