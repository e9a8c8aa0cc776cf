"""From runs to verdicts: what counts as evidence, and how it decides.

A claim about a cell is put as a yes-or-no property of a run. It is *replicated* when more than half of all runs have
the property, as far as the exact 95 % interval of their share can tell: its lower end is above one half. It is *not
replicated* when the upper end is below one half, and *inconclusive* in between. A diverged run supports no claim.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import pandas as pd

from capacity.claims.groups import Group
from capacity.statistics import intervals

REPLICATED, NOT_REPLICATED, INCONCLUSIVE, NOT_RUN = "replicated", "not replicated", "inconclusive", "not run"
HALF = 0.5

MOST_FURTHER_RUNS = 200
"""Beyond this many further runs no number is given; one more stands for "more than" it."""


@dataclass(frozen=True)
class Property:
    """A yes-or-no property of a run: in words, and as a function from runs (N rows) to N answers."""

    words: str
    holds: Callable[[pd.DataFrame], pd.Series]


@dataclass(frozen=True)
class Evidence:
    """One line of evidence.

    Attributes:
        label: of the runs it is about, such as ``arithmetic n14``.
        words: what was measured.
        outcome: what this line alone decides, one of the four words above; empty where it only stands beside.
        n, diverged: runs, and how many of them diverged.
        count: runs with the property.
        estimate, low, high: a share or mean with its 95 % interval.
        p_value, adjusted_p_value: of a test, and after Holm's correction where the test is of a family.
        further_runs: how many more runs of each cell it takes to decide, should they go on like those there are;
            :data:`MOST_FURTHER_RUNS` + 1 stands for more.
        note: what else there is to say.
    """

    label: str
    words: str
    outcome: str = ""
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


@dataclass(frozen=True)
class Finding:
    """What the evidence says of one claim.

    Attributes:
        outcome: one of the four words above.
        reason: what an inconclusive verdict is short of; empty for the others.
        rule: how the verdict follows from the evidence, in words.
        evidence: all of it, deciding or not.
        groups: the runs behind it.
    """

    outcome: str
    reason: str
    rule: str
    evidence: tuple[Evidence, ...] = field(default=())
    groups: tuple[Group, ...] = field(default=())


def decide(count: int, total: int) -> str:
    """Whether more than half of all runs have a property, from ``count`` of ``total`` that do."""
    if total == 0:
        return NOT_RUN
    low, high = intervals.clopper_pearson(count, total)
    if low > HALF:
        return REPLICATED
    return NOT_REPLICATED if high < HALF else INCONCLUSIVE


def further_runs(count: int, total: int) -> int:
    """The fewest further runs after which :func:`decide` decides, if the share of runs with the property goes on.

    0 where it decides already; :data:`MOST_FURTHER_RUNS` + 1 where more than that would be needed. Raises ValueError
    unless 0 <= count <= total and total > 0.
    """
    for more in range(MOST_FURTHER_RUNS + 1):
        if decide(round(count / total * (total + more)) if more else count, total + more) != INCONCLUSIVE:
            return more
    return MOST_FURTHER_RUNS + 1


def supports(runs: pd.DataFrame, wanted: Property) -> pd.Series:
    """For each run whether it has a property; never for one that diverged or whose answer is not known."""
    return wanted.holds(runs).fillna(False).astype(bool) & ~runs["diverged"].astype(bool)


def majority(group: Group, wanted: Property) -> Evidence:
    """The runs of a cell that have a property, counted and decided upon."""
    if not len(group.runs):
        return Evidence(group.label, wanted.words, NOT_RUN)
    count, total = int(supports(group.runs, wanted).sum()), len(group.runs)
    outcome = decide(count, total)
    low, high = intervals.clopper_pearson(count, total)
    return Evidence(
        label=group.label,
        words=wanted.words,
        outcome=outcome,
        n=total,
        diverged=group.diverged,
        count=count,
        estimate=count / total,
        low=low,
        high=high,
        further_runs=further_runs(count, total) if outcome == INCONCLUSIVE else None,
    )


def combine(evidence: Iterable[Evidence]) -> tuple[str, str]:
    """The outcome of a claim that needs every deciding line, and why it is inconclusive where it is.

    One line that is not replicated refutes the claim, whatever else was not run.
    """
    deciding = [line for line in evidence if line.outcome]
    outcomes = {line.outcome for line in deciding}
    if NOT_REPLICATED in outcomes:
        return NOT_REPLICATED, ""
    if outcomes <= {NOT_RUN}:
        return NOT_RUN, ""
    if outcomes == {REPLICATED}:
        return REPLICATED, ""
    return INCONCLUSIVE, "; ".join(filter(None, (needed(deciding), missing(deciding))))


def needed(evidence: Sequence[Evidence]) -> str:
    """``needs 4 more runs of joint n28; 12 more runs each of joint n56, joint mlt``; empty where no line asks for any.

    ``more than 200 more runs`` where the number is above :data:`MOST_FURTHER_RUNS`.
    """
    largest: dict[str, int] = {}
    for line in evidence:
        if line.outcome == INCONCLUSIVE and line.further_runs is not None:
            largest[line.label] = max(line.further_runs, largest.get(line.label, 0))
    labels: dict[int, list[str]] = {}
    for label, number in largest.items():
        labels.setdefault(number, []).append(label)
    parts = [f"{_more_runs(number)}{' each' * (len(of) > 1)} of {', '.join(of)}" for number, of in labels.items()]
    return f"needs {'; '.join(parts)}" if parts else ""


def _more_runs(further: int) -> str:
    if further > MOST_FURTHER_RUNS:
        return f"more than {MOST_FURTHER_RUNS} more runs"
    return f"{further} more run" + "s" * (further != 1)


def missing(evidence: Sequence[Evidence]) -> str:
    """``not run: arithmetic mlt``; empty where every cell was run."""
    labels = list(dict.fromkeys(line.label for line in evidence if line.outcome == NOT_RUN))
    return f"not run: {', '.join(labels)}" if labels else ""
