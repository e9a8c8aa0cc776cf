"""The section on transient generalization: runs that answer all held-out expressions for a while only."""

from __future__ import annotations

from collections.abc import Sequence

from capacity.experiment.plan import EXPRESSION_TASKS
from capacity.findings.arms import TabulatedArm, studies_of
from capacity.findings.prose import Values, number_range, table
from capacity.tables import markdown


def transient_generalization(arms: Sequence[TabulatedArm], notes: markdown.Notes) -> Values:
    """Count the runs that answer all held-out expressions at some evaluation, and those that still do at the end."""
    mine = [arm for arm in arms if arm.task in EXPRESSION_TASKS]
    rows = []
    totals: dict[tuple[str, str], dict[str, int]] = {}
    for arm in mine:
        ever = arm.dynamics["generalizes_ever"].fillna(False).astype(bool)
        final = arm.dynamics["generalizes_final"].fillna(False).astype(bool)
        lost = arm.dynamics["t_lose"].notna()
        flags = {"ever": ever, "final": final, "transient": ever & ~final, "lost": lost}
        counts = {"n": arm.n} | {name: int(flag.sum()) for name, flag in flags.items()}
        total = totals.setdefault((arm.task, arm.variant), dict.fromkeys(counts, 0))
        for name, count in counts.items():
            total[name] += count
        kept = arm.dynamics["kept_share"].dropna()
        rows.append(
            (
                arm.task,
                arm.variant,
                arm.marked_size,
                arm.run_count,
                markdown.count_with_interval(counts["ever"], arm.n),
                markdown.count_with_interval(counts["final"], arm.n),
                str(counts["transient"]),
                number_range(arm.dynamics["t_gen"]),
                f"{counts['lost']} of {counts['ever']}" if counts["ever"] else "-",
                number_range(arm.dynamics["t_lose"]),
                "-" if kept.empty else f"{kept.mean():.0%}",
                f"{arm.summary['evaluation_interval']:,}",
                notes.mark(arm.departs),
            )
        )
    heading = (
        *("task", "arm", "size", "runs", "all right, ever", "all right, final", "ever and not final"),
        *("first right at update", "lost again", "first lost at update", "later evaluations right, mean"),
        *("looked at every", "departs"),
    )
    return {"table": table(heading, rows), "totals": totals, "studies": studies_of(mine)}
