"""The section on which claims replicated: the verdicts, and the evidence that decided."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from capacity.claims.evidence import Kind
from capacity.claims.outcomes import Outcome
from capacity.findings.prose import Values, table
from capacity.statistics.comparisons import ALPHA
from capacity.tables import markdown


def claim_outcomes(claims: pd.DataFrame, evidence: pd.DataFrame) -> Values:
    """Give the verdict on each claim, ordered by outcome, and the evidence that decided."""
    ordered = sorted(claims.to_dict("records"), key=lambda claim: list(Outcome).index(Outcome(claim["outcome"])))
    rows = [
        (
            claim["claim"],
            claim["statement"],
            f"**{claim['outcome']}{'†' if claim['departs'] else ''}**",
            claim["parts"] or "-",
            markdown.count_runs(claim["n"], claim["diverged"]),
            "; ".join(filter(None, (claim["reason"], claim["command"] and f"`{claim['command']}`", claim["cost"])))
            or "-",
        )
        for claim in ordered
    ]
    tally = {outcome: [claim["claim"] for claim in ordered if claim["outcome"] == outcome] for outcome in Outcome}
    decided = []
    for claim in claims.to_dict("records"):
        mine = evidence[(evidence["claim"] == claim["claim"]) & ~evidence["outcome"].isin(("", Outcome.NOT_RUN))]
        if len(mine):
            lines = [_decision(line) for line in mine.to_dict("records")]
            decided.append({"name": claim["claim"], "outcome": claim["outcome"], "lines": lines})
    return {
        "table": table(("claim", "", "verdict", "by part", "runs", "what more it would take"), rows),
        "claims": len(claims),
        "tally": {outcome: names for outcome, names in tally.items() if names},
        "departing": [claim["claim"] for claim in claims.to_dict("records") if claim["departs"]],
        "decided": decided,
    }


def _decision(line: Mapping[Any, Any]) -> str:
    """Put one line of evidence that decided into words."""
    measured = f"n = {line['n']}"
    if pd.notna(line["count"]):
        measured = markdown.count_with_interval(line["count"], line["n"], "runs")
    elif line["kind"] == Kind.DIFFERENCE:  # its interval is that of a test of equivalence
        difference = markdown.with_interval(line["estimate"], line["low"], line["high"])
        measured += f", difference {difference} (at {1 - 2 * ALPHA:.0%})"
    if line["diverged"]:
        measured += f", {line['diverged']} diverged"
    for name, label in (("p_value", "p"), ("adjusted_p_value", "after Holm")):
        if pd.notna(line[name]):
            measured += f", {label} = {line[name]:.2g}"
    note = f" ({line['note']})" if line["note"] else ""
    return f"{line['label']}, {line['description']}: {measured}{note}: {line['outcome']}"
