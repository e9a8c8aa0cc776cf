"""TODO findings.memorization."""

from __future__ import annotations

from collections.abc import Sequence

import numpy
import pandas as pd

from capacity.claims.evidence import Property
from capacity.claims.trend import MEMORIZATION
from capacity.findings.arms import Arm, Values
from capacity.findings.words import _counted, _range, _share, _studies, _table
from capacity.paper import protocol
from capacity.statistics.comparisons import ALPHA
from capacity.tables import markdown
from capacity.tasks.facts import fact_lines


def order_memorization(
    found: Sequence[Arm], evidence: pd.DataFrame, replication: pd.DataFrame, notes: markdown.Notes
) -> Values:
    """What the arithmetic runs know of the order of the lines, in bits, and how that goes with size."""
    mine = [arm for arm in found if arm.task == "arithmetic"]
    published = replication[replication["task"] == "arithmetic"].to_dict("records")
    paper = {(row["size"], row["variant"]): row["paper_final_loss"] for row in published}
    rows = []
    for arm in mine:
        known = arm.runs["order_bits"].dropna()
        rows.append(
            (
                arm.name,
                arm.label,
                arm.shown_runs,
                arm.mean("order_bits", 1),
                markdown.number(arm.summary["order_bits_at_most"], 1),
                _counted(int((known > 0).sum()), len(known)),
                arm.mean("final_stream_loss"),
                markdown.number(paper.get((arm.size, arm.name), numpy.nan)),
                markdown.number(arm.summary["loss_floor_order_unknown"], 4),
                markdown.number(arm.summary["loss_floor_order_known"], 4),
                notes.mark(arm.departs),
            )
        )
    heading = (
        *("arm", "size", "runs", "order bits", "of at most", "runs above 0", "loss", "loss, paper"),
        *("floor, order unknown", "floor, order known", "departs"),
    )
    words = MEMORIZATION["arithmetic"][1]
    tested = evidence[evidence["words"].str.contains(words, regex=False) & evidence["p_value"].notna()]
    trend = None
    if len(tested):
        line = tested.iloc[0]
        trend = {name: f"{line[name]:.2g}" for name in ("p_value", "adjusted_p_value")} | {"n": int(line["n"])}
        trend |= {"there": bool(line["adjusted_p_value"] < ALPHA), "note": line["note"]}
    return {"table": _table(heading, rows), "trend": trend, "studies": _studies(mine)}


PAPER_PROMPTS, MATCHED_PROMPTS = "final_facts_paper_prompts", "final_facts_matched_prompts"


def two_prompts(found: Sequence[Arm], notes: markdown.Notes) -> Values:
    """The facts recalled when asked as the paper asks, and when asked as they were trained."""
    mine = [arm for arm in found if arm.task in ("facts", "joint")]
    rows, totals = [], dict.fromkeys(("n", "more", "same", "fewer"), 0)
    for arm in mine:
        known = arm.runs[[PAPER_PROMPTS, MATCHED_PROMPTS]].dropna()
        gained = ((known[MATCHED_PROMPTS] - known[PAPER_PROMPTS]) * arm.summary["facts"]).round().astype(int)
        for name, counted in (("more", gained > 0), ("same", gained == 0), ("fewer", gained < 0)):
            totals[name] += int(counted.sum())
        totals["n"] += len(gained)
        rows.append(
            (
                arm.task,
                arm.name,
                arm.label,
                arm.shown_runs,
                arm.mean(PAPER_PROMPTS),
                arm.mean(MATCHED_PROMPTS),
                _range(gained, signed=True),
                _share(arm, _all_recalled(PAPER_PROMPTS)),
                _share(arm, _all_recalled(MATCHED_PROMPTS)),
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
        "table": _table(heading, rows),
        "totals": totals,
        "asked": [(line.paper_prompt, line.prompt) for line in other],
        "facts": len(every),
        "studies": _studies(mine),
    }


def _all_recalled(column: str) -> Property:
    return Property("all facts recalled", lambda runs: runs[column] >= 1)
