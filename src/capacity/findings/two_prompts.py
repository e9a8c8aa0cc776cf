"""The section on the two prompts: facts asked as the paper asks, and as they were trained."""

from __future__ import annotations

from collections.abc import Sequence

from capacity.claims.properties import ALL_RECALLED, ALL_RECALLED_MATCHED
from capacity.findings.arms import TabulatedArm, studies_of
from capacity.findings.prose import Values, number_range, table
from capacity.paper import protocol
from capacity.tables import markdown
from capacity.tasks.facts import fact_lines

PAPER_PROMPTS, MATCHED_PROMPTS = "final_facts_paper_prompts", "final_facts_matched_prompts"


def two_prompts(arms: Sequence[TabulatedArm], notes: markdown.Notes) -> Values:
    """Compare the facts recalled with the paper's prompts and with the prompts of training, run by run."""
    mine = [arm for arm in arms if arm.task in ("facts", "joint")]
    rows, totals = [], dict.fromkeys(("n", "more", "same", "fewer"), 0)
    for arm in mine:
        recalled = arm.runs[[PAPER_PROMPTS, MATCHED_PROMPTS]].dropna()
        gained = ((recalled[MATCHED_PROMPTS] - recalled[PAPER_PROMPTS]) * arm.summary["facts"]).round().astype(int)
        for name, counted in (("more", gained > 0), ("same", gained == 0), ("fewer", gained < 0)):
            totals[name] += int(counted.sum())
        totals["n"] += len(gained)
        rows.append(
            (
                arm.task,
                arm.variant,
                arm.marked_size,
                arm.run_count,
                arm.mean(PAPER_PROMPTS),
                arm.mean(MATCHED_PROMPTS),
                number_range(gained, signed=True),
                arm.share(ALL_RECALLED),
                arm.share(ALL_RECALLED_MATCHED),
                notes.mark(arm.departs),
            )
        )
    heading = (
        *("task", "arm", "size", "runs", "recalled, paper's prompts", "recalled, matched prompts"),
        *("facts gained", "all recalled, paper's prompts", "all recalled, matched prompts", "departs"),
    )
    every = fact_lines(protocol.FACTS)
    other = [line for line in every if line.prompt != line.paper_prompt]
    return {
        "table": table(heading, rows),
        "totals": totals,
        "asked": [(line.paper_prompt, line.prompt) for line in other],
        "facts": len(every),
        "studies": studies_of(mine),
    }
