"""Tables of runs made by hand in which the paper is right to the letter, and small changes to them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import pandas as pd

from capacity.claims.beyond_digits import BEYOND_DIGITS
from capacity.claims.published_cells import published_cell
from capacity.claims.size_trends import ORDER_BITS
from capacity.experiment.cell import Cell, describe_departures, make_cell, parse_cell
from capacity.paper.protocol import SIZES, TASKS
from tests.support.handmade_results import evaluation, frames, run

SMALL = ("n14", "n28", "n56")


@cache
def as_claimed(variant: str) -> pd.DataFrame:
    """Twenty runs of every published cell as the paper claims them: what each answers of expressions and facts.

    The frame is shared: take a copy to change it. Columns that not every table of runs has are left to the tests that
    are about them.
    """
    evaluations = []
    for task in TASKS:
        for size in SIZES:
            right = {
                "held_out": 4 if (task, size) == ("arithmetic", "n14") else 0,
                "facts": 4 if size == "n14" else 50,
            }
            cell = published_cell(task, size, variant)
            evaluations.append(evaluation(cell, [run(cell, seed, **right) for seed in range(20)]))
    return frames(evaluations)[0].drop(columns=[ORDER_BITS, BEYOND_DIGITS], errors="ignore")


def at(runs: pd.DataFrame, task: str, size: str) -> pd.Series:
    """Which rows are of a task and size."""
    return (runs["task"] == task) & (runs["size"] == size)


def changed(runs: pd.DataFrame, task: str, size: str, seeds: int, **values: Any) -> pd.DataFrame:
    """The runs with other values in the first so many seeds of a task and size."""
    copy = runs.copy()
    for column, value in values.items():
        copy.loc[at(copy, task, size) & (copy["seed"] < seeds), column] = value
    return copy


def answering(runs: pd.DataFrame, task: str, size: str, counts: Sequence[int]) -> pd.DataFrame:
    """The runs with so many of the four held-out expressions right, seed by seed."""
    copy = runs.copy()
    for seed, count in enumerate(counts):
        one = at(copy, task, size) & (copy["seed"] == seed)
        copy.loc[one, ["final_held_out", "paper_best_held_out"]] = count / 4
        copy.loc[one, "generalizes"] = count == 4
    return copy


def first_seeds(runs: pd.DataFrame, seeds: int, *sizes: str) -> pd.DataFrame:
    """The first seeds of all sizes, or of the sizes named and every seed of the others."""
    kept = (runs["seed"] < seeds) | (~runs["size"].isin(sizes) if sizes else False)
    return runs[kept].reset_index(drop=True)


def retrained(runs: pd.DataFrame, axes: Callable[[Cell], dict[str, Any]]) -> pd.DataFrame:
    """The same answers from cells with other settings: ``axes`` gives what changes in each."""
    copy = runs.copy()
    for name in runs["cell"].unique():
        before = parse_cell(name)
        kept = {"weight_decay": before.weight_decay, "dropout": before.dropout}
        after = make_cell(before.task, before.size, **(kept | axes(before)))
        mine = runs["cell"] == name
        copy.loc[mine, "cell"] = after.name
        copy.loc[mine, "departs"] = describe_departures(after)
        copy.loc[mine, "published"] = not after.departures_from_published()
    return copy


def laptop(cell: Cell) -> dict[str, Any]:
    """What a short budget changes: iterations alone, and for MLT the recipe as well."""
    if cell.size == SIZES["mlt"]:
        return {"iterations": 800, "batch": 32, "learning_rate": 1e-3}
    return {"iterations": 3600}
