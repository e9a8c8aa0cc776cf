"""The page of verdicts: each claim with its rule, its evidence and its runs."""

from __future__ import annotations

from collections.abc import Sequence

from capacity.claims.evidence import Evidence
from capacity.claims.outcomes import Outcome
from capacity.claims.verdicts import Verdict
from capacity.tables import markdown


def to_markdown(verdicts: Sequence[Verdict]) -> str:
    """Return the verdicts as a page: all of them at a glance, then each with its rule and evidence."""
    lines = [
        "# Verdicts on the paper's claims",
        "",
        "Computed from the runs by the rules below; nothing here is typed by hand. † The runs depart from the paper's "
        "protocol, so the verdict is about another experiment than the paper's; each claim says how they depart. To "
        "run the paper's own protocol: `snakemake results/tables/claims.md --config budget=paper`.",
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
    conclusion = verdict.conclusion
    lines = [
        f"## {verdict.claim.name}: {verdict.text}",
        "",
        verdict.claim.statement,
        "",
        f"**Rule.** {conclusion.rule}",
        "",
        *markdown.table(
            ("cells", "measured", "k of n", "estimate", "p", "p, Holm", "decision", "note"),
            (_evidence_row(line) for line in conclusion.evidence),
        ),
        "",
        f"**Protocol.** {verdict.protocol or 'No runs.'}",
        "",
        f"**Runs.** {_runs(verdict)}, from {_files(verdict.sources) or 'no table'}"
        f"{f'; by another recipe, from {_files(verdict.beside)}' if verdict.beside else ''}.",
    ]
    if verdict.command:
        lines += ["", f"**Not run.** To run it: `{verdict.command}`"]
    elif conclusion.outcome == Outcome.NOT_RUN:
        lines += ["", "**Not run.** The studies that were run have no cells that this claim is about."]
    if conclusion.cost:
        lines += ["", f"**Cost.** {conclusion.cost}"]
    return lines


def _evidence_row(line: Evidence) -> tuple[str, ...]:
    counted = f"{line.count} of {line.n}" if line.count is not None else f"n = {line.n}" if line.n else "-"
    interval = "" if line.low is None or line.high is None else f" [{line.low:.3f}, {line.high:.3f}]"
    return (
        line.label,
        line.description,
        counted + (f" ({line.diverged} diverged)" if line.diverged else ""),
        "-" if line.estimate is None else f"{line.estimate:.3f}{interval}",
        "-" if line.p_value is None else f"{line.p_value:.2g}",
        "-" if line.adjusted_p_value is None else f"{line.adjusted_p_value:.2g}",
        line.outcome or "",
        line.note,
    )


def _files(sources: Sequence[str]) -> str:
    return ", ".join(f"`{source}`" for source in sources)


def _runs(verdict: Verdict) -> str:
    return markdown.count_runs(verdict.runs, verdict.diverged)
