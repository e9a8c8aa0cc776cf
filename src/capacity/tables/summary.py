"""The summary of a study: one row per cell, with means, counts and their intervals, as a table and as a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy
import pandas as pd

from capacity.statistics import arrays
from capacity.statistics.intervals import RESAMPLING_SEED, bootstrap_means, clopper_pearson
from capacity.tables import markdown
from capacity.tables.cells import axis_columns, in_every_cell
from capacity.tables.runs import MEASURES, OUTCOMES


def summary_frame(runs: pd.DataFrame) -> pd.DataFrame:
    """One row per cell, in the order of their first runs.

    For each of :data:`capacity.tables.runs.MEASURES`: the ``_mean`` over the runs that have a value, and the ends
    ``_low`` and ``_high`` of its bootstrap interval, empty for one run. For each outcome: its ``_count`` among the
    ``n`` runs, its ``_share``, and the ends of the exact interval of the share. ``n`` counts every run, diverged ones
    included; ``diverged`` says how many those are.
    """
    of_a_run = {*MEASURES, *OUTCOMES, "seed", "diverged"}
    of_a_cell = [name for name in runs.columns if name not in of_a_run and not name.endswith("_iteration")]
    rows_of_cells = runs.groupby("cell", sort=False).indices
    cells = runs[of_a_cell].iloc[[rows[0] for rows in rows_of_cells.values()]].to_dict("records")
    measured, seeds, diverged = (runs[name].to_numpy() for name in (list(MEASURES), "seed", "diverged"))
    outcomes = {outcome: runs[outcome].to_numpy("float64", na_value=numpy.nan) for outcome in OUTCOMES}
    summary = []
    for cell, rows in zip(cells, rows_of_cells.values(), strict=True):
        row: dict[Any, Any] = cell | {
            "n": len(rows),
            "diverged": int(diverged[rows].sum()),
            "seeds": " ".join(str(seed) for seed in seeds[rows]),
        }
        row |= _mean_columns(measured[rows].T)
        for outcome, values in outcomes.items():
            row |= _outcome_columns(outcome, values[rows])
        summary.append(row)
    frame = pd.DataFrame(summary)
    numbers = [name for name in frame.columns if name.endswith(("_mean", "_low", "_high", "_share"))]
    counts = [f"{outcome}_count" for outcome in OUTCOMES]
    return frame.astype(dict.fromkeys(numbers, "float64") | dict.fromkeys(counts, "Int64"))


def _mean_columns(values: arrays.Floats) -> dict[str, float | None]:
    """The mean and bootstrap interval of each measure over the runs of one cell.

    ``values`` is (measures, runs), NaN where a run has none. Measures that are known of the same runs share draws.
    """
    known = ~numpy.isnan(values)
    row: dict[str, float | None] = {}
    for measure, of_runs, known_of_runs in zip(MEASURES, values, known, strict=True):
        numbers = of_runs[known_of_runs].tolist()
        row[f"{measure}_mean"] = sum(numbers) / len(numbers) if numbers else None
        row[f"{measure}_low"], row[f"{measure}_high"] = None, None
    for known_of_runs in numpy.unique(known, axis=0):
        alike = (known == known_of_runs).all(axis=1)
        intervals = bootstrap_means(values[alike][:, known_of_runs], RESAMPLING_SEED)
        for number, interval in zip(numpy.flatnonzero(alike), intervals, strict=True):
            row[f"{MEASURES[number]}_low"], row[f"{MEASURES[number]}_high"] = interval or (None, None)
    return row


def _outcome_columns(outcome: str, values: arrays.Floats) -> dict[str, float | None]:
    """How many runs of one cell have an outcome, and what share that is.

    ``values`` has 1 for a run with the outcome, 0 for one without, and NaN where the task does not ask for it.
    """
    known = values[~numpy.isnan(values)]
    if not len(known):
        return dict.fromkeys(f"{outcome}_{part}" for part in ("count", "share", "low", "high"))
    count = int(known.sum())
    low, high = clopper_pearson(count, len(known))
    parts = {"count": count, "share": count / len(known), "low": low, "high": high}
    return {f"{outcome}_{part}": value for part, value in parts.items()}


def to_markdown(title: str, summary: pd.DataFrame) -> str:
    """The summary as a page: what each cell answers, what it has memorized, and how it departs from the paper."""
    notes, cells = markdown.Notes(summary["departs"]), _records(summary)
    names, apart = axis_columns(summary["cell"])
    heading = (
        *("task", "size", *names, "parameters", "n", "seen", "held out, final", "all held out right"),
        *("held out, time average", "held out, paper's rule", "facts, paper's prompts", "facts, matched prompts"),
        *("loss", "departs"),
    )
    rows = (
        (
            row["task"],
            row["size"],
            *apart[row["cell"]],
            f"{row['parameters']:,}",
            markdown.count_runs(row["n"], row["diverged"]),
            _interval(row, "final_seen"),
            _interval(row, "final_held_out"),
            markdown.count_with_interval(row["generalizes_count"], row["n"]),
            _interval(row, "time_average_held_out"),
            _interval(row, "paper_best_held_out"),
            _interval(row, "final_facts_paper_prompts"),
            _interval(row, "final_facts_matched_prompts"),
            _interval(row, "final_stream_loss"),
            notes.mark(row["departs"]),
        )
        for row in cells
    )
    lines = [
        f"# {markdown.text(title)}",
        "",
        in_every_cell(summary["cell"]),
        "",
        *markdown.table(heading, rows),
        "",
        "Shares of the questions answered right: the mean over seeds, with a 95 % bootstrap interval. One seed has no "
        "interval, and seeds that all agree have one of no width, however few they are. "
        '"All held out right" counts runs, with the exact (Clopper-Pearson) 95 % interval of their share. The loss is '
        "in nats per character, over every row of the training stream. The paper's rule picks the checkpoint with the "
        "best accuracy, held-out expressions included. That is a choice made on the test set, shown for comparison.",
        "",
        *_bits_section(cells, notes, names, apart),
        *notes.lines(),
    ]
    return "\n".join(lines) + "\n"


def _bits_section(
    cells: Sequence[Mapping[str, Any]], notes: markdown.Notes, names: Sequence[str], apart: Mapping[str, Sequence[str]]
) -> list[str]:
    """Floors and memorized bits of each cell, as the second table of the page.

    ``names`` are the headings of the columns that tell cells apart, and ``apart`` has their texts by cell.
    """
    heading = (
        *("task", "size", *names, "loss", "floor, order unknown", "floor, order known", "order bits", "of at most"),
        *("fact bits", "per parameter", "key-specific bits", "arithmetic bits, seen", "arithmetic bits, held out"),
        "departs",
    )
    rows = (
        (
            row["task"],
            row["size"],
            *apart[row["cell"]],
            _interval(row, "final_stream_loss"),
            markdown.number(row["loss_floor_order_unknown"], 4),
            markdown.number(row["loss_floor_order_known"], 4),
            _interval(row, "order_bits", 1),
            markdown.number(row["order_bits_at_most"], 1),
            _interval(row, "fact_bits_unigram_matched_prompts", 1),
            _interval(row, "fact_bits_unigram_matched_prompts_per_parameter"),
            _interval(row, "key_specific_bits_matched_prompts", 1),
            _interval(row, "arithmetic_bits_seen", 1),
            _interval(row, "arithmetic_bits_held_out", 1),
            notes.mark(row["departs"]),
        )
        for row in cells
    )
    return [
        "## Memorized bits",
        "",
        *markdown.table(heading, rows),
        "",
        "The floors are in nats per character: the lowest loss of a rule that knows every trained line but not their "
        "order, and the lowest loss of anything that reads the windows. Order bits say how far the loss lies below the "
        "first of them, summed over the whole stream; they are negative where a network does not know the lines. Fact "
        "bits are saved in comparison with a code for single characters by their frequencies in the answers, on the "
        "matched prompts. Key-specific bits say which answer belongs to which fact. Arithmetic bits are saved in "
        "comparison with the distribution of the answers to the same operation. All are means over the runs that did "
        "not diverge, at the final iterate. The CSV file has the other baselines.",
        "",
    ]


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows of a frame, each by the names of its columns."""
    return [{str(name): value for name, value in row.items()} for row in frame.to_dict("records")]


def _interval(row: Mapping[str, Any], measure: str, digits: int = 3) -> str:
    """The mean of a measure with its interval, in words."""
    mean, low, high = (row[f"{measure}_{part}"] for part in ("mean", "low", "high"))
    return markdown.with_interval(mean, low, high, digits)
