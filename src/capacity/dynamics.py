"""When runs fit, generalize and lose it again: times read from the histories of a study.

A run is looked at only at its evaluations, so an event is dated by the first evaluation that shows it; it happened
after the one before. Times are in updates:

``t_fit``       the first evaluation with at least 99 % of the seen expressions right.
``t_fit_facts`` the first with all facts recalled, on the matched prompts.
``t_gen``       the first with all held-out expressions right.
``t_lose``      the first after ``t_gen`` at which not all of them are right, whether or not they all are again later.

An event that did not come is None: the run is right-censored at its last evaluation. So is a diverged run, which
counts and is counted: it was watched to the end and did nothing. ``t_lose`` is sought after a ``t_gen`` only.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy
import numpy.typing
import pandas as pd

from capacity import errors, files, pages, statistics, tables

Flags = numpy.typing.NDArray[numpy.bool_]

EVENTS = {"t_fit": "fits_arithmetic", "t_fit_facts": "fits_facts", "t_gen": "generalizes"}
"""Times of a run, and the outcome of :data:`capacity.tables.OUTCOMES` whose first evaluation they are."""

_TYPES = {
    **dict.fromkeys(("evaluations", "last_iteration", *EVENTS, "t_lose"), "Int64"),
    **dict.fromkeys(("diverged", "generalizes_ever", "generalizes_final"), "boolean"),
    "kept_share": "float64",
}
IDENTITY = ("cell", "task", "size", "variant", "seed")
DYNAMICS = {
    **tables.NAMES,
    **dict.fromkeys(("seed", "evaluations", "last_iteration", *EVENTS, "t_lose"), "an integer"),
    **dict.fromkeys(("diverged", "generalizes_ever", "generalizes_final"), "true or false"),
}


def by_run(history: pd.DataFrame) -> pd.DataFrame:
    """One row per run, in the order of the history.

    Beside the times of the module: ``evaluations`` and ``last_iteration``; ``diverged``, whether the last loss is not
    finite; ``generalizes_ever``, whether there is a ``t_gen``; ``generalizes_final``, whether all held-out expressions
    are right at the last evaluation of a run that did not diverge; and ``kept_share``, the share of the evaluations
    after ``t_gen`` at which all are right, None where there are none. What a task does not ask for is None.
    """
    rows = [
        {name: run[name].iloc[0] for name in IDENTITY} | _times(run)
        for _, run in history.groupby(["cell", "seed"], sort=False)
    ]
    return pd.DataFrame(rows, columns=[*IDENTITY, *_TYPES]).astype(_TYPES)


def by_cell(runs: pd.DataFrame, summary: pd.DataFrame) -> pd.DataFrame:
    """One row per cell of a summary, in its order; a cell without runs has ``n`` 0 and nothing else.

    For each time: ``_count`` runs had the event, ``_censored`` did not, and ``_median`` is the Kaplan-Meier median in
    updates, None where fewer than half had it. All three are None where the task has no such event. Those of ``t_lose``
    are over the runs that have a ``t_gen``, and count updates from there on. ``generalizes_ever`` and
    ``generalizes_final`` have their ``_count``, and ``kept_share_mean`` is the mean over the runs that have one.
    """
    rows = []
    for cell in summary.to_dict("records"):
        group = runs[runs["cell"] == cell["cell"]]
        row = {name: cell[name] for name in ("cell", "task", "size", "variant", "parameters", "published", "departs")}
        row |= {"n": len(group), "diverged": int(group["diverged"].sum())}
        for event, outcome in EVENTS.items():
            asked = group if pd.notna(cell[f"{outcome}_count"]) else group[:0]
            row |= _waited(event, asked[event], asked["last_iteration"])
        generalized = group[group["t_gen"].notna()]
        since = generalized["t_gen"]
        row |= _waited("t_lose", generalized["t_lose"] - since, generalized["last_iteration"] - since)
        for outcome in ("generalizes_ever", "generalizes_final"):
            known = group[outcome].dropna()
            row[f"{outcome}_count"] = int(known.sum()) if len(known) else None
        shares = group["kept_share"].dropna()
        row["kept_share_mean"] = float(shares.mean()) if len(shares) else None
        rows.append(row)
    frame = pd.DataFrame(rows)
    whole = [name for name in frame.columns if name.endswith(("_count", "_censored"))]
    real = [name for name in frame.columns if name.endswith(("_median", "_mean"))]
    return frame.astype(dict.fromkeys(whole, "Int64") | dict.fromkeys(real, "float64"))


def survival(times: pd.Series, last: pd.Series) -> statistics.Survival:
    """The share of runs that do not have an event yet, over the updates.

    ``times`` are those of the event, missing where it did not come; ``last`` those until which each run was watched.
    Raises ValueError if there are no runs.
    """
    ends = times.fillna(last).astype("float64")
    return statistics.kaplan_meier(ends.tolist(), times.notna().tolist())


def to_markdown(title: str, cells: pd.DataFrame) -> str:
    """The table of cells as a page."""
    notes = pages.Notes(cells["departs"])
    heading = (
        "task",
        "size",
        "parameters",
        "n",
        "seen fitted",
        "updates until then",
        "facts fitted",
        "updates until then",
        "all held out right, ever",
        "updates until then",
        "lost again",
        "updates kept",
        "evaluations kept",
        "all held out right, final",
        "departs",
    )
    rows = (
        (
            row["task"],
            row["size"],
            f"{row['parameters']:,}",
            pages.count_runs(row["n"], row["diverged"]),
            _count(row, "t_fit", row["n"]),
            _median(row, "t_fit"),
            _count(row, "t_fit_facts", row["n"]),
            _median(row, "t_fit_facts"),
            _count(row, "generalizes_ever", row["n"]),
            _median(row, "t_gen"),
            _count(row, "t_lose", row["t_gen_count"]),
            _median(row, "t_lose"),
            "-" if pd.isna(row["kept_share_mean"]) else f"{row['kept_share_mean']:.0%}",
            _count(row, "generalizes_final", row["n"]),
            notes.mark(row["departs"]),
        )
        for row in cells.to_dict("records")
    )
    lines = [
        f"# {title}: when runs fit, generalize and lose it",
        "",
        *pages.table(heading, rows),
        "",
        "Counts are runs, with Wilson's 95 % interval; diverged runs are counted as runs in which nothing happened. "
        "Updates are Kaplan-Meier medians: a run in which the event did not come is censored at its last evaluation, "
        "and the median is not reached where fewer than half of the runs have it. Events are dated by the first "
        "evaluation that shows them. Fitted: at least 99 % of the seen expressions right, or all facts on the matched "
        "prompts. Lost again: not all held-out expressions are right at some evaluation after the first at which they "
        "were; updates kept are those in between, and evaluations kept the share of all later evaluations at which all "
        "are right, whether or not they were lost in between. Ever is exploratory: among many looks at four "
        "expressions some are lucky.",
        "",
        *notes.lines(),
    ]
    return "\n".join(lines) + "\n"


def _times(run: pd.DataFrame) -> dict[str, Any]:
    """The measures of one run from its history."""
    run = run.sort_values("iteration")
    iterations = run["iteration"].to_numpy()
    row: dict[str, Any] = dict.fromkeys(_TYPES)
    row |= {"evaluations": len(run), "last_iteration": iterations[-1]}
    row["diverged"] = not numpy.isfinite(run["stream_loss"].iloc[-1])
    for event, outcome in EVENTS.items():
        reached = _reached(run, outcome)
        row[event] = None if reached is None else _first(iterations, reached)
    right = _reached(run, "generalizes")
    if right is not None:
        row["generalizes_ever"] = bool(right.any())
        row["generalizes_final"] = bool(right[-1]) and not row["diverged"]
    if right is not None and right.any():
        after = int(right.argmax()) + 1
        row["t_lose"] = _first(iterations[after:], ~right[after:])
        row["kept_share"] = float(right[after:].mean()) if len(right) > after else None
    return row


def _reached(run: pd.DataFrame, outcome: str) -> Flags | None:
    """At which evaluations of a run an outcome holds; None if its task does not ask for it."""
    score, bound = tables.OUTCOMES[outcome]
    if score not in run or run[score].isna().all():
        return None
    flags: Flags = (run[score] >= bound).to_numpy(dtype=bool)
    return flags


def _first(iterations: numpy.typing.NDArray[Any], flags: Flags) -> int | None:
    return int(iterations[flags.argmax()]) if flags.any() else None


def _waited(event: str, times: pd.Series, last: pd.Series) -> dict[str, Any]:
    """How many runs had an event and how long it took; None without runs that could have it."""
    if times.empty:
        return {f"{event}_count": None, f"{event}_censored": None, f"{event}_median": None}
    curve = survival(times, last)
    return {f"{event}_count": curve.events, f"{event}_censored": curve.censored, f"{event}_median": curve.median}


def _count(row: Mapping[Any, Any], event: str, total: Any) -> str:
    count = row[f"{event}_count"]
    if pd.isna(count):
        return "-"
    low, high = statistics.wilson(int(count), int(total))
    return f"{count} of {total} [{low:.2f}, {high:.2f}]"


def _median(row: Mapping[Any, Any], event: str) -> str:
    if pd.isna(row[f"{event}_count"]):
        return "-"
    median = row[f"{event}_median"]
    censored = row[f"{event}_censored"]
    words = "not reached" if pd.isna(median) else f"{median:,.0f}"
    return words + (f" ({censored} censored)" if censored else "")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--history", required=True, help="table of histories")
    parser.add_argument("--summary", required=True, help="table with one row per cell")
    parser.add_argument("--title", required=True, help="title of the study")
    parser.add_argument("--output", required=True, type=Path, help="folder of the tables")
    arguments = parser.parse_args()
    source = files.provenance_of(files.read_parquet(arguments.history))
    runs = by_run(tables.read_frame(arguments.history, tables.HISTORY))
    cells = by_cell(runs, tables.read_frame(arguments.summary, tables.SUMMARY))
    record = files.provenance("dynamics", source["settings"], runs=source["runs"])
    tables.write_table(arguments.output, "dynamics", runs, record)
    pages.write(arguments.output / "dynamics.md", to_markdown(arguments.title, cells))


if __name__ == "__main__":
    errors.run(main)
