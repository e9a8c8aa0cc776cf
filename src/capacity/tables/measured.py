"""The measures that the figures of a study choose, from the tables of the study: of each run, and of each cell."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from capacity.dictionary.study_measures import MEASURES, TIME, Measure
from capacity.experiment.cell import parse_cell
from capacity.statistics.arrays import Floats
from capacity.statistics.intervals import RESAMPLING_SEED, bootstrap_means, clopper_pearson
from capacity.tables.dynamics import survival

Tables = Mapping[str, pd.DataFrame]


def run_values(name: str, tables: Tables) -> pd.DataFrame:
    """Return a measure of every run that has it: the columns ``cell``, ``seed``, ``value`` and ``censored``.

    An outcome is 1 or 0. The time of an event that did not come is the last one at which the run was looked at, and is
    censored.

    Args:
        name: of :data:`capacity.dictionary.study_measures.MEASURES`.
        tables: the tables ``runs``, ``dynamics`` and ``history`` of a study, as far as the measure needs them.
    """
    measure = MEASURES[name]
    rows = tables[measure.table]
    if measure.table == "history":
        rows = rows.loc[rows.groupby(["cell", "seed"], sort=False)["iteration"].idxmax()]
    rows = rows_with(measure, rows)
    values = values_of(measure, rows)
    censored = pd.Series(False, index=rows.index)
    if measure.form == TIME:
        censored = values.isna()
        values = values.fillna(rows["last_iteration"].astype("float64"))
    frame = pd.DataFrame({"cell": rows["cell"], "seed": rows["seed"], "value": values, "censored": censored})
    return frame[frame["value"].abs() < float("inf")].reset_index(drop=True)  # false of a missing value too


def cell_values(name: str, tables: Tables) -> pd.DataFrame:
    """Return a measure of every cell that has it, by the name of the cell: ``value``, ``low`` and ``high``.

    The value of a share or number is the mean over runs with its bootstrap interval, from the summary where it is
    there. That of an outcome is the share of runs with its exact interval. That of a time is the Kaplan-Meier median,
    with the times at which the limits of the curve reach one half (Brookmeyer & Crowley 1982); what is not reached is
    missing.
    """
    measure = MEASURES[name]
    if measure.table == "runs" and not measure.is_outcome:
        summary = tables["summary"].set_index("cell")
        columns = {f"{measure.column}_{part}": to for part, to in (("mean", "value"), ("low", "low"), ("high", "high"))}
        frame = summary[list(columns)].rename(columns=columns).astype("float64")
        return frame[frame["value"].notna()]
    of = {str(cell): _of_runs(measure, runs) for cell, runs in run_values(name, tables).groupby("cell", sort=False)}
    return pd.DataFrame.from_dict(of, orient="index", columns=["value", "low", "high"]).astype("float64")


def course(name: str, history: pd.DataFrame) -> pd.DataFrame:
    """Return a measure at every evaluation: the columns ``cell``, ``seed``, ``iteration`` and ``value``."""
    measure = MEASURES[name]
    if measure.history not in history:
        return pd.DataFrame(columns=["cell", "seed", "iteration", "value"])
    frame = rows_with(measure, history)[["cell", "seed", "iteration", measure.history]]
    frame = frame.rename(columns={measure.history: "value"})
    return frame[frame["value"].abs() < float("inf")].reset_index(drop=True)


def rows_with(measure: Measure, rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of a table that are of cells that have a measure."""
    cells = {name: parse_cell(str(name)) for name in rows["cell"].unique()}
    have = {name: measure.is_of(cell.task, cell.stream, cell.largest_operand) for name, cell in cells.items()}
    return rows[rows["cell"].map(have).astype(bool)]


def values_of(measure: Measure, rows: pd.DataFrame) -> pd.Series:
    """Return a measure of each row of its table; an outcome as 1 or 0, and 0 for a diverged run."""
    values = rows[measure.column].astype("float64")
    if not measure.is_outcome:
        return values
    holds = values.between(measure.at_least, measure.at_most) & ~rows["diverged"].astype(bool)
    return holds.astype("float64")


def _of_runs(measure: Measure, runs: pd.DataFrame) -> tuple[float | None, float | None, float | None]:
    """Return the value of a cell and the ends of its interval, from those of its runs."""
    if measure.is_outcome:
        count, total = int(runs["value"].sum()), len(runs)
        return count / total, *clopper_pearson(count, total)
    if measure.form != TIME:
        values: Floats = runs["value"].to_numpy("float64")
        low, high = bootstrap_means(values[None], RESAMPLING_SEED)[0] or (None, None)
        return float(values.mean()), low, high
    curve = survival(runs["value"].mask(runs["censored"]), runs["value"])

    def reached(limit: tuple[float, ...]) -> float | None:
        return next((time for time, share in zip(curve.times, limit, strict=True) if share <= 1 / 2 + 1e-12), None)

    return curve.median, reached(curve.low), reached(curve.high)
