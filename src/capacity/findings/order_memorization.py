"""The section on order memorization: what runs know of the order of their lines."""

from __future__ import annotations

from collections.abc import Sequence

import numpy
import pandas as pd

from capacity.claims.evidence import Kind
from capacity.claims.size_trends import ORDER_BITS
from capacity.findings.arms import TabulatedArm, studies_of
from capacity.findings.prose import Values, table
from capacity.statistics.comparisons import ALPHA
from capacity.tables import markdown


def order_memorization(
    arms: Sequence[TabulatedArm], evidence: pd.DataFrame, replication: pd.DataFrame, notes: markdown.Notes
) -> Values:
    """Tell how many bits the arithmetic runs know of the order of the lines, and how that goes with size."""
    mine = [arm for arm in arms if arm.task == "arithmetic"]
    published = replication[replication["task"] == "arithmetic"].to_dict("records")
    paper = {(row["size"], row["variant"]): row["paper_final_loss"] for row in published}
    rows = []
    for arm in mine:
        order_bits = arm.runs[ORDER_BITS].dropna()
        rows.append(
            (
                arm.variant,
                arm.marked_size,
                arm.run_count,
                arm.mean(ORDER_BITS, 1),
                markdown.number(arm.summary["order_bits_at_most"], 1),
                markdown.count_with_interval(int((order_bits > 0).sum()), len(order_bits)),
                arm.mean("final_stream_loss"),
                markdown.number(paper.get((arm.size, arm.variant), numpy.nan)),
                markdown.number(arm.summary["loss_floor_order_unknown"], 4),
                markdown.number(arm.summary["loss_floor_order_known"], 4),
                notes.mark(arm.departs),
            )
        )
    heading = (
        *("arm", "size", "runs", "order bits", "of at most", "runs above 0", "loss", "loss, paper"),
        *("floor, order unknown", "floor, order known", "departs"),
    )
    return {"table": table(heading, rows), "trend": _trend(evidence), "studies": studies_of(mine)}


def _trend(evidence: pd.DataFrame) -> Values | None:
    """Return what the test of order bits against size says; None if it was not made."""
    is_trend = (evidence["kind"] == Kind.TREND) & (evidence["measure"] == ORDER_BITS)
    tested = evidence[is_trend & evidence["p_value"].notna()]
    if tested.empty:
        return None
    line = tested.iloc[0]
    p_values = {name: f"{line[name]:.2g}" for name in ("p_value", "adjusted_p_value")}
    return p_values | {
        "n": int(line["n"]),
        "there": bool(line["adjusted_p_value"] < ALPHA),
        "note": line["note"],
    }
