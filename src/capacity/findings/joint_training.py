"""The section on joint training: both tasks together beside each alone."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from capacity.claims.properties import NONE_RIGHT, SEEN_FITTED, Property
from capacity.findings.arms import TabulatedArm, studies_of
from capacity.findings.prose import Values, table
from capacity.tables import markdown

PAPER_PROMPTS = "final_facts_paper_prompts"


def joint_against_alone(arms: Sequence[TabulatedArm], notes: markdown.Notes) -> Values:
    """Compare each size that was trained jointly on both tasks with the same size on one task alone."""
    base = {(arm.task, arm.size): arm for arm in arms if arm.variant == "base"}
    together = [arm for (task, _), arm in base.items() if task == "joint"]
    measures = (("final_held_out", "arithmetic"), ("final_seen", "arithmetic"), (PAPER_PROMPTS, "facts"))
    rows = []
    unlike = []
    for arm in together:
        if any(alone.departs != arm.departs for (_, size), alone in base.items() if size == arm.size):
            unlike.append(arm.marked_size)
        entries = [arm.marked_size, arm.run_count]
        for measure, task in measures:
            alone = base.get((task, arm.size))
            entries += ["not run" if alone is None else f"{alone.mean(measure)} (n = {alone.n})", arm.mean(measure)]
        rows.append((*entries, notes.mark(arm.departs)))
    heading = (
        *("size", "joint runs", "held out, alone", "held out, jointly", "seen, alone", "seen, jointly"),
        *("facts, alone", "facts, jointly", "departs"),
    )
    fitted, silent = (_holding(together, wanted) for wanted in (SEEN_FITTED, NONE_RIGHT))
    return {
        "table": table(heading, rows),
        "n": sum(arm.n for arm in together),
        "unlike": unlike,
        "silent": int(silent.sum()),
        "fitted": int(fitted.sum()),
        "silent_and_fitted": int((silent & fitted).sum()),
        "studies": studies_of(list(base.values())) if together else [],
    }


def _holding(arms: Sequence[TabulatedArm], wanted: Property) -> pd.Series:
    """Tell which runs of several arms have a property, as one column."""
    parts = [wanted.of(arm.runs) for arm in arms]
    return pd.concat(parts, ignore_index=True) if parts else pd.Series([], dtype=bool)
