"""TODO tables.summary."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy
import pandas as pd

from capacity.statistics import arrays
from capacity.statistics.intervals import bootstrap_means, wilson
from capacity.tables import markdown
from capacity.tables.runs import MEASURES, NAMES, OUTCOMES

SUMMARY = {
    **NAMES,
    **dict.fromkeys(("parameters", "n", "diverged", *(f"{outcome}_count" for outcome in OUTCOMES)), "an integer"),
    "published": "true or false",
    "departs": "text",
    **{f"{measure}_{part}": "a number" for measure in (*MEASURES, *OUTCOMES) for part in ("low", "high")},
    **{f"{measure}_mean": "a number" for measure in MEASURES},
}
"""What the stages that read these tables count on: columns and their kinds, for :func:`read_frame`."""

BOOTSTRAP_SEED = 0


def summarise(runs: pd.DataFrame) -> pd.DataFrame:
    """One row per cell.

    For each of :data:`MEASURES`: ``_mean`` over seeds with a bootstrap interval ``_low`` to
    ``_high`` (empty for one seed); for each outcome: ``_count`` of ``n``, its ``_share``, and Wilson's interval. ``n``
    counts every run, diverged ones included; ``diverged`` says how many those are.
    """
    identity = [name for name in runs.columns if name not in {*MEASURES, *OUTCOMES, "seed", "diverged"}]
    identity = [name for name in identity if not name.endswith("_iteration")]
    places = runs.groupby("cell", sort=False).indices
    first = runs[identity].iloc[[each[0] for each in places.values()]].to_dict("records")
    measured, seeds, diverged = (runs[name].to_numpy() for name in (list(MEASURES), "seed", "diverged"))
    outcomes = {outcome: runs[outcome].to_numpy("float64", na_value=numpy.nan) for outcome in OUTCOMES}
    rows = []
    for identified, mine in zip(first, places.values(), strict=True):
        row: dict[Any, Any] = identified | {
            "n": len(mine),
            "diverged": int(diverged[mine].sum()),
            "seeds": _list(seeds[mine]),
        }
        row |= _averages(measured[mine].T)
        for outcome, found in outcomes.items():
            row |= _counted(outcome, found[mine])
        rows.append(row)
    frame = pd.DataFrame(rows)
    numbers = [name for name in frame.columns if name.endswith(("_mean", "_low", "_high", "_share"))]
    counts = [f"{outcome}_count" for outcome in OUTCOMES]
    return frame.astype(dict.fromkeys(numbers, "float64") | dict.fromkeys(counts, "Int64"))


def _averages(values: arrays.Floats) -> dict[str, float | None]:
    """Mean and bootstrap interval of each measure over the runs of one cell, given as (measures, runs) with NaN where
    there is none; measures that are known of the same runs share draws."""
    known = ~numpy.isnan(values)
    row: dict[str, float | None] = {}
    for measure, mine, there in zip(MEASURES, values, known, strict=True):
        found = mine[there].tolist()
        row[f"{measure}_mean"] = sum(found) / len(found) if found else None
        row[f"{measure}_low"], row[f"{measure}_high"] = None, None
    for there in numpy.unique(known, axis=0):
        alike = (known == there).all(axis=1)
        intervals = bootstrap_means(values[alike][:, there], BOOTSTRAP_SEED)
        for number, interval in zip(numpy.flatnonzero(alike), intervals, strict=True):
            row[f"{MEASURES[number]}_low"], row[f"{MEASURES[number]}_high"] = interval or (None, None)
    return row


def _counted(outcome: str, values: arrays.Floats) -> dict[str, float | None]:
    """How many runs of one cell have an outcome, 1.0 for each that does and NaN where the task does not ask for it."""
    known = values[~numpy.isnan(values)]
    if not len(known):
        return dict.fromkeys(f"{outcome}_{part}" for part in ("count", "share", "low", "high"))
    count = int(known.sum())
    low, high = wilson(count, len(known))
    found = {"count": count, "share": count / len(known), "low": low, "high": high}
    return {f"{outcome}_{part}": value for part, value in found.items()}


def to_markdown(title: str, summary: pd.DataFrame) -> str:
    """The summary as a page: what each cell saw, what it did not see, and what departs from the paper."""
    notes, cells = markdown.Notes(summary["departs"]), _records(summary)
    heading = (
        *("task", "size", "parameters", "n", "seen", "held out, final", "all held out right"),
        *("held out, time average", "held out, paper's rule", "facts, paper's prompts", "facts, matched prompts"),
        *("loss", "departs"),
    )
    rows = (
        (
            row["task"],
            row["size"],
            f"{row['parameters']:,}",
            markdown.count_runs(row["n"], row["diverged"]),
            _interval(row, "final_seen"),
            _interval(row, "final_held_out"),
            _outcome(row, "generalizes"),
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
        f"# {title}",
        "",
        *markdown.table(heading, rows),
        "",
        "Shares of the questions answered right, as the mean over seeds with a 95 % bootstrap interval (none for one "
        "seed, and of no width where all seeds agree, however few they are). "
        '"All held out right" counts runs, with Wilson\'s 95 % interval. Loss: nats per character over every row of '
        "the training stream. The paper's rule picks the checkpoint with the best accuracy, held-out expressions "
        "included: a choice made on the test set, shown for comparison.",
        "",
        *_bits_section(cells, notes),
        *notes.lines(),
    ]
    return "\n".join(lines) + "\n"


def _bits_section(cells: Sequence[Mapping[str, Any]], notes: markdown.Notes) -> list[str]:
    """Floors and memorized bits of each cell, as the second table of the page."""
    heading = (
        *("task", "size", "loss", "floor, order unknown", "floor, order known", "order bits", "of at most"),
        *("fact bits", "per parameter", "key-specific bits", "arithmetic bits, seen", "arithmetic bits, held out"),
        "departs",
    )
    rows = (
        (
            row["task"],
            row["size"],
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
        "Floors, in nats per character: the lowest loss of a rule that knows every trained line and not their order, "
        "and the lowest of anything that reads the windows. Order bits: how far the loss lies below the first, over "
        "the whole stream; below zero where a network does not know the lines. Fact bits: saved against a code for "
        "the answers by the frequencies of their characters, on matched prompts. Key-specific bits: which answer goes "
        "with which key. Arithmetic bits: saved against the distribution of the answers to the same operation. Means "
        "over the runs that did not diverge, at the final iterate. The other baselines are in the CSV file.",
        "",
    ]


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(name): value for name, value in row.items()} for row in frame.to_dict("records")]


def _list(seeds: Iterable[int]) -> str:
    return " ".join(str(seed) for seed in seeds)


def _interval(row: Mapping[str, Any], measure: str, digits: int = 3) -> str:
    mean, low, high = (row[f"{measure}_{part}"] for part in ("mean", "low", "high"))
    return markdown.with_interval(mean, low, high, digits)


def _outcome(row: Mapping[str, Any], outcome: str) -> str:
    if pd.isna(row[f"{outcome}_count"]):
        return "-"
    low, high = row[f"{outcome}_low"], row[f"{outcome}_high"]
    return f"{row[f'{outcome}_count']} of {row['n']} [{low:.2f}, {high:.2f}]"
