"""Stage 4: for every expression, how many seeds of a cell answer it right at the end: a table of a study.

One row per cell, operation and pair of operands. Cells without arithmetic have no rows.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from capacity import errors, files, jobs, tables
from capacity.cells import parse_cell

EXPRESSION = re.compile(r"<(\d+)[+-](\d+)=")
ITEMS = {
    **tables.NAMES,
    **dict.fromkeys(("operation", "split"), "text"),
    **dict.fromkeys(("left", "right", "n", "count", "diverged"), "an integer"),
    "share": "a number",
}
IDENTITY = ("cell", "task", "size", "variant", "operation", "left", "right", "split")


def item_rows(evaluation: Mapping[str, Any], wanted: Iterable[int]) -> list[dict[str, Any]]:
    """One row for each expression asked of each wanted run of an evaluation."""
    cell = parse_cell(evaluation["cell"])
    named = {"cell": cell.name, "task": cell.task, "size": cell.size.name, "variant": cell.variant}
    rows = []
    for run in evaluation["runs"]:
        if run["seed"] not in wanted:
            continue
        for item in run["items"]:
            if item["task"] == "arithmetic":
                left, right = operands_of(item["prompt"])
                place = {"operation": item["operation"], "left": left, "right": right, "split": item["split"]}
                rows.append(named | place | {"is_right": item["right"], "diverged": run["diverged"]})
    return rows


def operands_of(prompt: str) -> tuple[int, int]:
    """The operands in a prompt. Raises ValueError if it is not of the form ``<a+b=`` or ``<a-b=``."""
    match = EXPRESSION.fullmatch(prompt)
    if match is None:
        raise ValueError(f"prompt {prompt!r} is not an expression such as '<1+2='")
    return int(match[1]), int(match[2])


def items_frame(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """For each cell and expression: ``n`` runs, of which ``diverged`` are counted in; ``count`` of the ``n`` that are
    right, and ``share``, their share."""
    frame = pd.DataFrame(list(rows), columns=[*IDENTITY, "is_right", "diverged"])
    grouped = frame.groupby(list(IDENTITY), sort=False)
    counted = grouped.agg(n=("is_right", "size"), count=("is_right", "sum"), diverged=("diverged", "sum"))
    counted = counted.astype("int64").reset_index()
    return counted.assign(share=counted["count"] / counted["n"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("table", help="a study, or a study and one of its tasks, such as base/arithmetic")
    parser.add_argument("--config", required=True, type=json.loads, help="the configuration of the study, as JSON")
    parser.add_argument("--cells", default="results/cells", type=Path, help="folder of the trained cells")
    parser.add_argument("--output", required=True, type=Path, help="Parquet file to write")
    arguments = parser.parse_args()

    rows: list[dict[str, Any]] = []
    sources = []
    plan = jobs.plan_of_made(arguments.config, arguments.cells, jobs.EVALUATION)
    for _, evaluation, wanted in tables.read_evaluations(plan, arguments.table):
        rows += item_rows(evaluation, wanted)
        sources.append(tables.source(evaluation))
    record = files.provenance("items", {"table": arguments.table}, runs=sources)
    tables.write_frame(arguments.output, items_frame(rows), record)


if __name__ == "__main__":
    errors.run(main)
