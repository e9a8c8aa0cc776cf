"""The paper's numbers beside ours, one row per published cell.

Ours appear twice: by the paper's rule, which picks a checkpoint by an accuracy that includes the held-out expressions,
and at the final iterate. Each is given for the paper's seed alone and for all seeds, with a 95 % interval.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy
import pandas as pd

from capacity.claims.arms import Arm, PublishedArms
from capacity.paper import protocol, published
from capacity.statistics import intervals
from capacity.tables import markdown

PAPER_RULE = {
    "addition": "paper_best_addition_910",
    "subtraction": "paper_best_subtraction_910",
    "facts": "paper_best_facts_paper_prompts",
    "combined": "paper_best_combined_910",
}
"""The published scores, and the columns of a run with the same score by the paper's rule and its denominators."""

FINAL = ("seen", "held_out", "facts_paper_prompts", "facts_matched_prompts", "stream_loss")
"""Scores of the final iterate."""


def replication_table(arms: PublishedArms, rng: numpy.random.Generator) -> pd.DataFrame:
    """Return a table with one row per published cell.

    ``paper_*`` are the published scores and loss. ``<endpoint>_<score>_seed_1337`` is our run of the paper's seed.
    ``_mean`` is over all seeds, with a bootstrap interval from ``_low`` to ``_high``, which a single seed does not
    have. ``n`` counts every run, diverged ones included, and is 0 if the cell was not run. ``generalizes_count`` of
    ``n`` runs end with all held-out expressions right, with the exact interval of their share. What is not known is
    empty.
    """
    rows = [_row(arm, rng) for arm in arms.values()]
    frame = pd.DataFrame(rows)
    texts = ["task", "size", "variant", "cell", "departs", "seeds"]
    counts = ["n", "diverged", "generalizes_count"]
    numbers = [name for name in frame.columns if name not in (*texts, *counts)]
    return frame.astype(dict.fromkeys(numbers, "float64") | dict.fromkeys(counts, "Int64"))


def _row(arm: Arm, rng: numpy.random.Generator) -> dict[str, Any]:
    result = published.result(arm.task, arm.size, arm.variant)
    row: dict[str, Any] = {"task": arm.task, "size": arm.size, "variant": arm.variant}
    row |= {f"paper_{score}": getattr(result, score) for score in PAPER_RULE}
    losses = published.FINAL_LOSS if arm.variant == "base" else {}
    row["paper_final_loss"] = losses.get((arm.task, arm.size))
    runs = arm.runs
    row["cell"] = runs["cell"].iloc[0] if len(runs) else ""
    row["departs"] = arm.departs
    row |= {"n": arm.n, "diverged": arm.diverged}
    row["seeds"] = " ".join(str(seed) for seed in runs["seed"]) if len(runs) else ""
    for column in (*PAPER_RULE.values(), *(f"final_{score}" for score in FINAL)):
        row |= _measured(runs, column, rng)
    outcomes = runs["generalizes"].dropna().tolist() if len(runs) else []
    row["generalizes_count"] = sum(outcomes) if outcomes else None
    interval = intervals.clopper_pearson(sum(outcomes), len(outcomes)) if outcomes else None
    row["generalizes_low"], row["generalizes_high"] = interval or (None, None)
    return row


def _measured(runs: pd.DataFrame, column: str, rng: numpy.random.Generator) -> dict[str, float | None]:
    """Return a column for the paper's seed, and its mean over all seeds that have a value."""
    measured = runs[["seed", column]].dropna() if len(runs) else pd.DataFrame({"seed": [], column: []})
    own = measured.loc[measured["seed"] == protocol.PAPER_SEED, column]
    low, high = intervals.bootstrap_mean(measured[column].tolist(), rng) or (None, None)
    return {
        f"{column}_seed_1337": float(own.iloc[0]) if len(own) else None,
        f"{column}_mean": float(measured[column].mean()) if len(measured) else None,
        f"{column}_low": low,
        f"{column}_high": high,
    }


def to_markdown(table: pd.DataFrame) -> str:
    """Return the table as a page: by the paper's rule, then at the final iterate."""
    notes = markdown.Notes(table["departs"])
    rows = [{str(name): value for name, value in row.items()} for row in table.to_dict("records")]
    lines = [
        "# The paper's numbers and ours",
        "",
        "All are shares of the questions right. *seed 1337* is our run of the paper's only seed. *All seeds* is the "
        "mean with a 95 % bootstrap interval: one seed has none, and it has no width if all seeds agree. n includes "
        "diverged runs.",
        "",
        "## By the paper's rule",
        "",
        "At the evaluation with the best accuracy. That accuracy includes the held-out expressions, so the rule looks "
        "at the test set. 0.978 is 890 of 910: all seen expressions right and no held-out one. Each entry: "
        "paper / seed 1337 / all seeds.",
        "",
        *markdown.table(
            ("task", "size", "variant", "n", *PAPER_RULE, "departs"),
            (
                _line(row, notes, [_triple(row, f"paper_{score}", column) for score, column in PAPER_RULE.items()])
                for row in rows
            ),
        ),
        "",
        "## At the final iterate",
        "",
        "Nothing is chosen here. *All held out right* counts runs, with the exact 95 % interval of their share. "
        "*Loss* is in nats per character. Each entry: seed 1337 / all seeds; the loss: paper / seed 1337 / all seeds.",
        "",
        *markdown.table(
            (
                *("task", "size", "variant", "n", "seen", "held out", "all held out right"),
                *("facts, paper's prompts", "facts, matched prompts", "loss", "departs"),
            ),
            (_line(row, notes, _final(row)) for row in rows),
        ),
        "",
        *notes.lines(),
    ]
    return "\n".join(lines).rstrip("\n") + "\n"


def _line(row: Mapping[str, Any], notes: markdown.Notes, entries: Sequence[str]) -> list[str]:
    runs = markdown.count_runs(row["n"], row["diverged"]) if row["n"] else "not run"
    return [row["task"], row["size"], row["variant"], runs, *entries, notes.mark(row["departs"])]


def _final(row: Mapping[str, Any]) -> list[str]:
    all_right = markdown.count_with_interval(row["generalizes_count"], row["n"])
    entries = [_pair(row, f"final_{score}") for score in FINAL[:-1]]
    return [*entries[:2], all_right, *entries[2:], _triple(row, "paper_final_loss", "final_stream_loss")]


def _triple(row: Mapping[str, Any], paper: str, column: str) -> str:
    ours = _pair(row, column)
    if pd.isna(row[paper]) and ours == "-":
        return "-"
    return f"{markdown.number(row[paper])} / {ours if ours != '-' else '- / -'}"


def _pair(row: Mapping[str, Any], column: str) -> str:
    mean, low, high = (row[f"{column}_{part}"] for part in ("mean", "low", "high"))
    if pd.isna(mean):
        return "-"
    return f"{markdown.number(row[f'{column}_seed_1337'])} / {markdown.with_interval(mean, low, high)}"
