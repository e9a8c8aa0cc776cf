"""What the evidence says about a claim as a whole, and about its parts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from capacity.claims.arms import Arm
from capacity.claims.evidence import Evidence
from capacity.claims.other_recipes import OtherRecipe
from capacity.claims.outcomes import MOST_FURTHER_RUNS, WORST_FIRST, Outcome, worst

WHOLE_RULE = (
    "The claim as a whole is *not replicated* if one size is not, *inconclusive* if one of those that were run is, "
    "*depends on the seed* if one of them does, and otherwise *replicated*. Sizes that were not run are named beside "
    "it."
)
"""What :func:`conclude` does, in the words of the page of verdicts."""


@dataclass(frozen=True)
class Part:
    """A part of a claim, which has an outcome of its own: what the claim says of one size.

    Attributes:
        name: how it is called among the parts of the claim, such as ``n28``.
        line: the evidence that decides it.
        other: what another recipe says, where the paper's was not run.
    """

    name: str
    line: Evidence
    other: OtherRecipe | None = None

    @property
    def outcome(self) -> Outcome:
        """What the evidence decides."""
        return self.line.outcome or Outcome.NOT_RUN


@dataclass(frozen=True)
class Conclusion:
    """What the evidence says about one claim.

    Attributes:
        outcome: what it decides of the whole claim.
        reason: what the verdict lacks: further runs, and what was not run; empty if it lacks nothing.
        rule: how the outcome follows from the evidence, in words.
        evidence: all of it, deciding or not.
        arms: the runs behind it.
        parts: of a claim that is decided by part; none of another one.
        cost: what it would take to run what the claim is about, where that is much; empty otherwise.
    """

    outcome: Outcome
    reason: str
    rule: str
    evidence: tuple[Evidence, ...] = field(default=())
    arms: tuple[Arm, ...] = field(default=())
    parts: tuple[Part, ...] = field(default=())
    cost: str = ""

    @property
    def parts_agree(self) -> bool:
        """Whether no two parts that were run have different outcomes."""
        return len({part.outcome for part in self.parts} - {Outcome.NOT_RUN}) <= 1


def conclude(rule: str, parts: Sequence[Part], evidence: Iterable[Evidence], arms: Iterable[Arm]) -> Conclusion:
    """Return the conclusion on a claim that is decided by part: its parts that were run decide the whole."""
    outcome = worst({part.outcome for part in parts})
    lines = [part.line for part in parts]
    absent = parts_not_run(parts) if outcome != Outcome.NOT_RUN or any(part.other for part in parts) else ""
    reason = "; ".join(filter(None, (needed_runs(lines), absent)))
    return Conclusion(outcome, reason, rule, tuple(evidence), tuple(arms), tuple(parts))


def parts_in_words(parts: Iterable[Part], mark: str = "") -> str:
    """Say what each part decides, worst first: ``depends on the seed: n28; replicated: n56; not run: mlt``.

    The first outcome is that of the whole claim; ``mark`` follows it. A part that was not run by the paper's protocol
    says what another recipe says.
    """
    names: dict[Outcome, list[str]] = {}
    others = []
    for part in parts:
        if part.other:
            others.append(f"{part.name}: {part.other.words}")
            continue
        names.setdefault(part.outcome, []).append(part.name)
    groups = [(outcome, ", ".join(names[outcome])) for outcome in WORST_FIRST if outcome in names]
    words = [f"{outcome}{'' if number else mark}: {of}" for number, (outcome, of) in enumerate(groups)]
    return "; ".join([*words, *others])


def parts_not_run(parts: Iterable[Part]) -> str:
    """Name the parts that were not run by the cells they are about, with what another recipe says of them."""
    lines, others = [], []
    for part in parts:
        if part.other:
            others.append(f"{part.line.label}: {part.other.words}")
        else:
            lines.append(part.line)
    return "; ".join(filter(None, (cells_not_run(lines), *others)))


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


def cells_not_run(evidence: Iterable[Evidence]) -> str:
    """Name what was not run: ``not run: arithmetic mlt``; empty if everything was."""
    labels = list(dict.fromkeys(line.label for line in evidence if line.outcome == Outcome.NOT_RUN))
    return f"not run: {', '.join(labels)}" if labels else ""
