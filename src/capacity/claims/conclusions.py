"""What the evidence says about a claim as a whole."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from capacity.claims.arms import Arm
from capacity.claims.evidence import Evidence
from capacity.claims.outcomes import MOST_FURTHER_RUNS, Outcome


@dataclass(frozen=True)
class Conclusion:
    """What the evidence says about one claim.

    Attributes:
        outcome: what it decides.
        reason: what an inconclusive verdict lacks; empty for the others.
        rule: how the outcome follows from the evidence, in words.
        evidence: all of it, deciding or not.
        arms: the runs behind it.
    """

    outcome: Outcome
    reason: str
    rule: str
    evidence: tuple[Evidence, ...] = field(default=())
    arms: tuple[Arm, ...] = field(default=())


def conclude(rule: str, evidence: Sequence[Evidence], arms: Iterable[Arm]) -> Conclusion:
    """Return the conclusion on a claim that needs every deciding line of its evidence."""
    outcome, reason = combine(evidence)
    return Conclusion(outcome, reason, rule, tuple(evidence), tuple(arms))


def combine(evidence: Iterable[Evidence]) -> tuple[Outcome, str]:
    """Return the outcome of a claim that needs every deciding line, and what it lacks if it is inconclusive.

    One line that is not replicated refutes the claim, whatever else was not run.
    """
    deciding = [line for line in evidence if line.outcome is not None]
    outcomes = {line.outcome for line in deciding}
    if Outcome.NOT_REPLICATED in outcomes:
        return Outcome.NOT_REPLICATED, ""
    if outcomes <= {Outcome.NOT_RUN}:
        return Outcome.NOT_RUN, ""
    if outcomes == {Outcome.REPLICATED}:
        return Outcome.REPLICATED, ""
    return Outcome.INCONCLUSIVE, "; ".join(filter(None, (needed_runs(deciding), cells_not_run(deciding))))


def needed_runs(evidence: Sequence[Evidence]) -> str:
    """Say how many runs inconclusive lines lack: ``needs 4 more runs of joint n28; 12 more runs each of n14, n56``.

    Empty if no line lacks any. ``more than 200 more runs`` stands for a number above
    :data:`capacity.claims.outcomes.MOST_FURTHER_RUNS`.
    """
    largest: dict[str, int] = {}
    for line in evidence:
        if line.outcome == Outcome.INCONCLUSIVE and line.further_runs is not None:
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


def cells_not_run(evidence: Sequence[Evidence]) -> str:
    """Name what was not run: ``not run: arithmetic mlt``; empty if everything was."""
    labels = list(dict.fromkeys(line.label for line in evidence if line.outcome == Outcome.NOT_RUN))
    return f"not run: {', '.join(labels)}" if labels else ""
