"""Verdicts on the paper's claims, and the tables of verdicts and of their evidence."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass

import pandas as pd

from capacity.claims.arms import Arm
from capacity.claims.conclusions import Conclusion, needed_runs, parts_in_words
from capacity.paper import published


@dataclass(frozen=True)
class Verdict:
    """The conclusion on a claim of the paper, and what it rests on.

    Attributes:
        claim: of the paper.
        conclusion: the outcome, with its rule and evidence.
        sources: the tables of the runs that it rests on.
        command: the command that would run the missing studies; empty if none are missing.
        beside: the tables of the runs by another recipe that are shown beside it.
    """

    claim: published.Claim
    conclusion: Conclusion
    sources: tuple[str, ...]
    command: str = ""
    beside: tuple[str, ...] = ()

    @property
    def departing(self) -> list[Arm]:
        """The arms that do not follow the paper's protocol."""
        return [arm for arm in self.conclusion.arms if arm.n and arm.departs]

    @property
    def text(self) -> str:
        """The verdict as it is printed: the outcome, a dagger if runs depart, and what it lacks.

        If the parts of the claim have different outcomes, each is named with its own.
        """
        conclusion, dagger = self.conclusion, "†" if self.departing else ""
        if conclusion.parts_agree:
            words, lacks = f"{conclusion.outcome}{dagger}", conclusion.reason
        else:
            words = parts_in_words(conclusion.parts, dagger)
            lacks = needed_runs([part.line for part in conclusion.parts])
        return words + (f" ({lacks})" if lacks else "")

    @property
    def protocol(self) -> str:
        """Which protocol the runs followed, in words; empty without runs."""
        if not self.runs:
            return ""
        labels: dict[str, list[str]] = {}
        for arm in self.departing:
            labels.setdefault(arm.departs, []).append(arm.label)
        departures = "; ".join(f"{', '.join(dict.fromkeys(names))}: {how}" for how, names in labels.items())
        return f"† departs from the paper's: {departures}" if departures else "the paper's"

    @property
    def runs(self) -> int:
        """The number of runs that the verdict rests on."""
        return sum(arm.n for arm in self.conclusion.arms)

    @property
    def diverged(self) -> int:
        """How many of the runs diverged."""
        return sum(arm.diverged for arm in self.conclusion.arms)


def verdicts_table(verdicts: Iterable[Verdict]) -> pd.DataFrame:
    """Return the verdicts as a table with one row per claim."""
    return pd.DataFrame(
        {
            "claim": verdict.claim.name,
            "statement": verdict.claim.statement,
            "verdict": verdict.text,
            "outcome": verdict.conclusion.outcome.value,
            "parts": parts_in_words(verdict.conclusion.parts),
            "reason": verdict.conclusion.reason,
            "departs": bool(verdict.departing),
            "protocol": verdict.protocol,
            "n": verdict.runs,
            "diverged": verdict.diverged,
            "rule": verdict.conclusion.rule,
            "sources": " ".join([*verdict.sources, *verdict.beside]),
            "command": verdict.command,
            "cost": verdict.conclusion.cost,
        }
        for verdict in verdicts
    )


def evidence_table(verdicts: Iterable[Verdict]) -> pd.DataFrame:
    """Return the evidence as a table with one row per line, with the claim that it belongs to.

    ``outcome`` is empty for a line that decides nothing.
    """
    rows = [
        {"claim": verdict.claim.name, **asdict(line)}
        | {"kind": line.kind.value, "outcome": line.outcome.value if line.outcome else ""}
        for verdict in verdicts
        for line in verdict.conclusion.evidence
    ]
    numbers = ["estimate", "low", "high", "p_value", "adjusted_p_value"]
    counts = ["n", "diverged", "count", "further_runs"]
    return pd.DataFrame(rows).astype(dict.fromkeys(numbers, "float64") | dict.fromkeys(counts, "Int64"))
