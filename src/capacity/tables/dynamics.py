"""When runs fit, generalize and lose it again: times read from the histories of a study.

A run is looked at only at its evaluations. So an event is dated by the first evaluation that shows it; it happened
between that one and the one before. Times are in updates:

``t_fit``
    The first evaluation with at least 99 % of the seen expressions right.
``t_fit_facts``
    The first evaluation with all facts recalled, on the matched prompts.
``t_gen``
    The first evaluation with all held-out expressions right.
``t_lose``
    The first evaluation after ``t_gen`` at which not all held-out expressions are right, whether or not they all are
    again later. A run without a ``t_gen`` has none.

An event that did not come is None: the run is right-censored at its last evaluation. A diverged run counts
like any other: it was watched to the end.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy
import numpy.typing
import pandas as pd

from capacity.dictionary.cells import NAMES
from capacity.dictionary.column import names
from capacity.dictionary.histories import HISTORY
from capacity.errors import InputError
from capacity.experiment.cell import parse_cell
from capacity.statistics.survival import Survival, kaplan_meier
from capacity.storage import files, parquet
from capacity.storage.parquet_bounds import UNKNOWN, Bounds
from capacity.tables import markdown
from capacity.tables.cells import axis_columns, in_every_cell
from capacity.tables.runs import OUTCOMES

Flags = numpy.typing.NDArray[numpy.bool_]
Integers = numpy.typing.NDArray[numpy.int64]

EVENTS = {"t_fit": "fits_arithmetic", "t_fit_facts": "fits_facts", "t_gen": "generalizes"}
"""Times of a run, and the outcome of :data:`capacity.tables.runs.OUTCOMES` whose first evaluation they are."""

_TYPES = {
    **dict.fromkeys(("evaluations", "last_iteration", *EVENTS, "t_lose"), "Int64"),
    **dict.fromkeys(("diverged", "generalizes_ever", "generalizes_final"), "boolean"),
    "kept_share": "float64",
}
RUN = (*names(NAMES), "seed")
"""The columns that name a run."""

_READ = {*RUN, "iteration", "stream_loss", *(score for score, _ in OUTCOMES.values())}


def read_by_cell(path: str | Path, bounds: Bounds = UNKNOWN) -> Iterator[pd.DataFrame]:
    """What :func:`run_times` reads of a table of histories, in frames that each hold every row of their cells.

    Raises InputError naming the file if it is damaged, out of bounds, lacks a column, or has the rows of a cell in
    several places.
    """
    earlier: set[str] = set()

    def checked(frame: pd.DataFrame) -> pd.DataFrame:
        cells = set(frame["cell"].unique())
        if again := earlier.intersection(cells):
            raise InputError(f"{path} has the rows of {min(again)} in several places; {files.REMEDY}")
        earlier.update(cells)
        return frame

    kept: list[pd.DataFrame] = []  # the cell at the end of a piece, which may go on in the next
    for piece in parquet.read_parquet_pieces(path, bounds):
        parquet.check_columns(path, piece, HISTORY)
        frame: pd.DataFrame = piece.select([name for name in piece.column_names if name in _READ]).to_pandas()
        frame = pd.concat([*kept, frame], ignore_index=True)
        if frame.empty:
            continue
        last = frame["cell"] == frame["cell"].iloc[-1]
        kept = [frame[last]]
        if not last.all():
            yield checked(frame[~last])
    for frame in kept:
        yield checked(frame)


def run_times(history: pd.DataFrame) -> pd.DataFrame:
    """The times of each run, one row per run in the order of the history.

    Beside the times of the module: ``evaluations`` and ``last_iteration``; ``diverged``, whether the last loss is not
    finite; ``generalizes_ever``, whether there is a ``t_gen``; ``generalizes_final``, whether all held-out expressions
    are right at the last evaluation of a run that did not diverge; and ``kept_share``, the share of the evaluations
    after ``t_gen`` at which all are right, None where there are none. What a task does not ask for is None.
    """
    if history.empty:
        return pd.DataFrame(columns=[*RUN, *_TYPES]).astype(_TYPES)
    runs = history.groupby(["cell", "seed"], sort=False).ngroup().to_numpy()
    order = numpy.lexsort((history["iteration"], runs))
    history, runs = history.iloc[order], runs[order]
    starts = numpy.flatnonzero(numpy.diff(runs, prepend=-1))
    ends = numpy.append(starts[1:], len(runs))
    iterations = history["iteration"].to_numpy()

    def first(flags: Flags, since: Integers = starts) -> Integers:
        """The first row of each run, from ``since`` on, at which a flag is set; the end of the run if there is none."""
        rows = numpy.where(flags, numpy.arange(len(runs)), len(runs))
        rows[numpy.arange(len(runs)) < since[runs]] = len(runs)
        earliest: Integers = numpy.minimum(numpy.minimum.reduceat(rows, starts), ends)
        return earliest

    def time(rows: Integers) -> pd.Series:
        """The updates done at a row of each run; missing where the row is the end of the run."""
        updates = pd.Series(numpy.append(iterations, 0)[rows], dtype="Int64")
        return updates.mask(rows == ends)

    times = history.iloc[starts][list(RUN)].reset_index(drop=True)
    times["evaluations"] = ends - starts
    times["last_iteration"] = iterations[ends - 1]
    diverged = ~numpy.isfinite(history["stream_loss"].to_numpy(dtype=float))[ends - 1]
    for event, outcome in EVENTS.items():
        times[event] = time(first(_reached(history, outcome)[0]))
    right, asked = _reached(history, "generalizes")
    generalized = first(right)
    after = numpy.minimum(generalized + 1, ends)
    times["t_lose"] = time(first(~right, after)).mask(generalized == ends)
    times["diverged"] = diverged
    is_asked = numpy.logical_or.reduceat(asked, starts)
    times["generalizes_ever"] = pd.Series(generalized < ends, dtype="boolean").mask(~is_asked)
    times["generalizes_final"] = pd.Series(right[ends - 1] & ~diverged, dtype="boolean").mask(~is_asked)
    counts = numpy.append(0, numpy.cumsum(right))
    times["kept_share"] = (counts[ends] - counts[after]) / numpy.where(after < ends, ends - after, numpy.nan)
    return times[[*RUN, *_TYPES]].astype(_TYPES)


def cell_times(runs: pd.DataFrame, summary: pd.DataFrame) -> pd.DataFrame:
    """The times of each cell, one row per cell of a summary in its order; a cell without runs has ``n`` 0 and no times.

    For each time: ``_count`` runs had the event, ``_censored`` did not, and ``_median`` is the Kaplan-Meier median in
    updates, None where fewer than half had it. All three are None where the task has no such event. Those of ``t_lose``
    are over the runs that have a ``t_gen``, and count updates from there on. ``generalizes_ever`` and
    ``generalizes_final`` have their ``_count``, and ``kept_share_mean`` is the mean over the runs that have one.
    """
    rows = []
    groups = dict(list(runs.groupby("cell", sort=False)))
    for cell in summary.to_dict("records"):
        group = groups.get(cell["cell"], runs[:0])
        row = {name: cell[name] for name in ("cell", "task", "size", "variant", "parameters", "published", "departs")}
        row |= {"n": len(group), "diverged": int(group["diverged"].sum())}
        for event, outcome in EVENTS.items():
            asked = group if pd.notna(cell[f"{outcome}_count"]) else group[:0]
            row |= _waiting_columns(event, asked[event], asked["last_iteration"])
        generalized = group[group["t_gen"].notna()]
        since = generalized["t_gen"]
        row |= _waiting_columns("t_lose", generalized["t_lose"] - since, generalized["last_iteration"] - since)
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


def survival(times: pd.Series, last: pd.Series) -> Survival:
    """Estimate the share of runs that do not have an event yet, over the updates.

    ``times`` are those of the event, missing where it did not come; ``last`` those until which each run was watched.
    Raises ValueError if there are no runs.
    """
    ends = times.fillna(last).astype("float64")
    return kaplan_meier(ends.tolist(), times.notna().tolist())


def to_markdown(title: str, cells: pd.DataFrame) -> str:
    """The times of the cells as a page."""
    notes = markdown.Notes(cells["departs"])
    names, apart = axis_columns(cells["cell"])
    heading = (
        "task",
        "size",
        *names,
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
            *apart[row["cell"]],
            f"{row['parameters']:,}",
            markdown.count_runs(row["n"], row["diverged"]),
            markdown.count_with_interval(row["t_fit_count"], row["n"]),
            _median(row, "t_fit"),
            markdown.count_with_interval(row["t_fit_facts_count"], row["n"]),
            _median(row, "t_fit_facts"),
            markdown.count_with_interval(row["generalizes_ever_count"], row["n"]),
            _median(row, "t_gen"),
            markdown.count_with_interval(row["t_lose_count"], row["t_gen_count"]),
            _median(row, "t_lose"),
            "-" if pd.isna(row["kept_share_mean"]) else f"{row['kept_share_mean']:.0%}",
            markdown.count_with_interval(row["generalizes_final_count"], row["n"]),
            notes.mark(row["departs"]),
        )
        for row in cells.to_dict("records")
    )
    lines = [
        f"# {markdown.text(title)}: when runs fit, generalize and lose it",
        "",
        in_every_cell(cells["cell"]),
        "",
        *markdown.table(heading, rows),
        "",
        "Counts are of runs, with the exact (Clopper-Pearson) 95 % interval of their share; diverged runs count "
        "too. Updates are Kaplan-Meier medians: a run in which the event did not come is censored at its last "
        "evaluation, and the median is not reached where fewer than half of the runs have the event. Events are dated "
        "by the first evaluation that shows them. *Fitted*: at least 99 % of the seen expressions are right, or all "
        "facts on the matched prompts. *Lost again*: not all held-out expressions are right at some evaluation after "
        "the first at which they were. *Updates kept* are those in between. *Evaluations kept* is the share of all "
        "later evaluations at which all are right, whether or not they were lost in between. *Ever* is exploratory: "
        f"among many looks at {_held_out_words(cells['cell'])} expressions some are lucky.",
        "",
        *notes.lines(),
    ]
    return "\n".join(lines) + "\n"


def _reached(history: pd.DataFrame, outcome: str) -> tuple[Flags, Flags]:
    """At which evaluations an outcome holds, and at which its score is known; none where the task does not ask."""
    score, bound = OUTCOMES[outcome]
    values = history[score].to_numpy(dtype=float) if score in history else numpy.full(len(history), numpy.nan)
    return values >= bound, ~numpy.isnan(values)


def _waiting_columns(event: str, times: pd.Series, last: pd.Series) -> dict[str, Any]:
    """How many runs had an event and how long it took; None without runs that could have it."""
    if times.empty:
        return {f"{event}_count": None, f"{event}_censored": None, f"{event}_median": None}
    curve = survival(times, last)
    return {f"{event}_count": curve.events, f"{event}_censored": curve.censored, f"{event}_median": curve.median}


def _held_out_words(cells: Iterable[str]) -> str:
    """How many expressions each cell holds out: ``four``, as in the paper, or ``the held-out``."""
    splits = [parse_cell(str(name)).held_out for name in cells]
    are_four = all(sum(2 if left == right else 4 for left, right in split) == 4 for split in splits)
    return "four" if are_four else "the held-out"


def _median(row: Mapping[Any, Any], event: str) -> str:
    """The median time of an event in words, with the number of runs in which it did not come."""
    if pd.isna(row[f"{event}_count"]):
        return "-"
    median = row[f"{event}_median"]
    censored = row[f"{event}_censored"]
    words = "not reached" if pd.isna(median) else f"{median:,.0f}"
    return words + (f" ({censored} censored)" if censored else "")
