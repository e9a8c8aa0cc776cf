"""TODO claims.page."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict

import pandas as pd

from capacity.claims.evidence import NOT_RUN, Evidence
from capacity.claims.judge import Verdict
from capacity.tables import markdown


def verdicts_frame(verdicts: Iterable[Verdict]) -> pd.DataFrame:
    """One row per claim."""
    return pd.DataFrame(
        {
            "claim": verdict.claim.name,
            "statement": verdict.claim.statement,
            "verdict": verdict.text,
            "outcome": verdict.finding.outcome,
            "reason": verdict.finding.reason,
            "departs": bool(verdict.departing),
            "protocol": verdict.protocol,
            "n": verdict.runs,
            "diverged": verdict.diverged,
            "rule": verdict.finding.rule,
            "sources": " ".join(verdict.sources),
            "command": verdict.command,
        }
        for verdict in verdicts
    )


def evidence_frame(verdicts: Iterable[Verdict]) -> pd.DataFrame:
    """One row per line of evidence, with the claim it belongs to."""
    rows = [{"claim": verdict.claim.name} | asdict(line) for verdict in verdicts for line in verdict.finding.evidence]
    numbers = ["estimate", "low", "high", "p_value", "adjusted_p_value"]
    counts = ["n", "diverged", "count", "further_runs"]
    return pd.DataFrame(rows).astype(dict.fromkeys(numbers, "float64") | dict.fromkeys(counts, "Int64"))


def to_markdown(verdicts: Sequence[Verdict]) -> str:
    """The verdicts as a page: all of them at a glance, then each with its rule and evidence."""
    lines = [
        "# Verdicts on the paper's claims",
        "",
        "Computed from the runs by the rules below; nothing here is typed by hand. † The runs depart from the paper's "
        "protocol, so that the verdict is about another experiment than the paper's; how it departs stands with each "
        "claim. The paper's own protocol: `snakemake results/tables/claims.md --config budget=paper`.",
        "",
        *markdown.table(
            ("claim", "", "verdict", "runs"),
            ((each.claim.name, each.claim.statement, f"**{each.text}**", _runs(each)) for each in verdicts),
        ),
    ]
    for verdict in verdicts:
        lines += ["", *_section(verdict)]
    return "\n".join(lines) + "\n"


def _section(verdict: Verdict) -> list[str]:
    finding = verdict.finding
    lines = [
        f"## {verdict.claim.name}: {verdict.text}",
        "",
        verdict.claim.statement,
        "",
        f"**Rule.** {finding.rule}",
        "",
        *markdown.table(
            ("cells", "measured", "k of n", "estimate", "p", "p, Holm", "decision", "note"),
            (_evidence(line) for line in finding.evidence),
        ),
        "",
        f"**Protocol.** {verdict.protocol or 'No runs.'}",
        "",
        f"**Runs.** {_runs(verdict)}, from {', '.join(f'`{source}`' for source in verdict.sources) or 'no table'}.",
    ]
    if verdict.command:
        lines += ["", f"**Not run.** To run it: `{verdict.command}`"]
    elif finding.outcome == NOT_RUN:
        lines += ["", "**Not run.** The studies that were run do not hold what this claim is about."]
    return lines


def _evidence(line: Evidence) -> tuple[str, ...]:
    counted = f"{line.count} of {line.n}" if line.count is not None else f"n = {line.n}" if line.n else "-"
    interval = "" if line.low is None or line.high is None else f" [{line.low:.3f}, {line.high:.3f}]"
    return (
        line.label,
        line.words,
        counted + (f" ({line.diverged} diverged)" if line.diverged else ""),
        "-" if line.estimate is None else f"{line.estimate:.3f}{interval}",
        "-" if line.p_value is None else f"{line.p_value:.2g}",
        "-" if line.adjusted_p_value is None else f"{line.adjusted_p_value:.2g}",
        line.outcome,
        line.note,
    )


def _runs(verdict: Verdict) -> str:
    return markdown.count_runs(verdict.runs, verdict.diverged)
