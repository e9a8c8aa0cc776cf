"""Stage 6: the paper's numbers beside ours, one row per published cell.

Ours stand there twice: by the paper's rule, which picks a checkpoint by an accuracy that includes the held-out
expressions, and at the final iterate; each for the paper's seed alone and for all seeds with a 95 % interval.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy
import pandas as pd

from capacity import errors, files, pages, protocol, published, statistics, tables
from capacity.jobs import cell_of

STUDIES = ("base", "weight-decay")
RNG_SEED = 0

PAPER_RULE = {
    "addition": "paper_best_addition_910",
    "subtraction": "paper_best_subtraction_910",
    "facts": "paper_best_facts_paper_prompts",
    "combined": "paper_best_combined_910",
}
"""The published scores, and the columns of a run that repeat them: the paper's rule and its denominators."""

FINAL = ("seen", "held_out", "facts_paper_prompts", "facts_matched_prompts", "stream_loss")
"""Scores of the final iterate."""


@dataclass(frozen=True, eq=False)
class Group:
    """The runs that stand for one published cell.

    Attributes:
        task, size, variant: of the published cell.
        runs: one row per run; no rows where the cell was not run.
        departs: how the cell departs from the published one, in words; empty where it does not.
    """

    task: str
    size: str
    variant: str
    runs: pd.DataFrame
    departs: str = ""

    @property
    def label(self) -> str:
        """``arithmetic n14``, with the variant unless it is the base."""
        return f"{self.task} {self.size}" + (f" {self.variant}" if self.variant != "base" else "")

    @property
    def diverged(self) -> int:
        """How many runs diverged."""
        return int(self.runs["diverged"].sum()) if len(self.runs) else 0


Groups = dict[tuple[str, str, str], Group]


def read_runs(paths: Iterable[Path]) -> dict[str, pd.DataFrame]:
    """The runs of each study, by name; a table of runs lies in a folder that is called like its study."""
    return {path.parent.name: tables.read_frame(path, tables.RUNS) for path in paths}


def groups(studies: Mapping[str, pd.DataFrame]) -> Groups:
    """The runs that stand for each of the 24 published cells, by task, size and variant, in the paper's order.

    They come from the studies :data:`STUDIES`. A cell stands for the published one of its task, size, weight decay and
    dropout, whatever else it changes; of several the one that changes least, the first by name among equals.
    """
    found: Groups = {}
    for result in published.RESULTS:
        place = (result.task, result.size, result.variant)
        found[place] = Group(*place, pd.DataFrame())
    closest: dict[tuple[str, str, str], tuple[int, str]] = {}
    for study in STUDIES:
        if study not in studies or studies[study].empty:
            continue
        for name, runs in studies[study].drop_duplicates(["cell", "seed"]).groupby("cell"):
            cell = cell_of(str(name))
            variant = published.variant_of(cell)
            if variant is None:
                continue
            place = (cell.task, cell.size.name, variant)
            distance = (len(cell.departures_from_published()), cell.name)
            if distance < closest.get(place, (len(cell.settings()), "")):
                closest[place] = distance
                found[place] = Group(*place, runs.reset_index(drop=True), str(runs["departs"].iloc[0]))
    return found


def replicate(found: Groups, rng: numpy.random.Generator) -> pd.DataFrame:
    """One row per published cell.

    ``paper_*`` are the published scores and loss. ``<endpoint>_<score>_seed_1337`` is our run of the paper's seed;
    ``_mean`` is over all seeds, with a bootstrap interval ``_low`` to ``_high`` that one seed does not have. ``n``
    counts every run, diverged ones included, and is 0 where the cell was not run. ``generalizes_count`` of ``n`` runs
    end with all held-out expressions right, with Clopper and Pearson's interval. What is not known is empty.
    """
    rows = [_row(group, rng) for group in found.values()]
    frame = pd.DataFrame(rows)
    texts = ["task", "size", "variant", "cell", "departs", "seeds"]
    counts = ["n", "diverged", "generalizes_count"]
    numbers = [name for name in frame.columns if name not in (*texts, *counts)]
    return frame.astype(dict.fromkeys(numbers, "float64") | dict.fromkeys(counts, "Int64"))


def _row(group: Group, rng: numpy.random.Generator) -> dict[str, Any]:
    result = published.result(group.task, group.size, group.variant)
    row: dict[str, Any] = {"task": group.task, "size": group.size, "variant": group.variant}
    row |= {f"paper_{score}": getattr(result, score) for score in PAPER_RULE}
    known = published.FINAL_LOSS if group.variant == "base" else {}
    row["paper_final_loss"] = known.get((group.task, group.size))
    runs = group.runs
    row["cell"] = runs["cell"].iloc[0] if len(runs) else ""
    row["departs"] = group.departs
    row |= {"n": len(runs), "diverged": group.diverged}
    row["seeds"] = " ".join(str(seed) for seed in runs["seed"]) if len(runs) else ""
    for column in (*PAPER_RULE.values(), *(f"final_{score}" for score in FINAL)):
        row |= _measured(runs, column, rng)
    outcomes = runs["generalizes"].dropna().tolist() if len(runs) else []
    row["generalizes_count"] = sum(outcomes) if outcomes else None
    interval = statistics.clopper_pearson(sum(outcomes), len(outcomes)) if outcomes else None
    row["generalizes_low"], row["generalizes_high"] = interval or (None, None)
    return row


def _measured(runs: pd.DataFrame, column: str, rng: numpy.random.Generator) -> dict[str, float | None]:
    """A column for the paper's seed, and its mean over all seeds that have a value."""
    known = runs[["seed", column]].dropna() if len(runs) else pd.DataFrame({"seed": [], column: []})
    own = known.loc[known["seed"] == protocol.PAPER_SEED, column]
    low, high = statistics.bootstrap_mean(known[column].tolist(), rng) or (None, None)
    return {
        f"{column}_seed_1337": float(own.iloc[0]) if len(own) else None,
        f"{column}_mean": float(known[column].mean()) if len(known) else None,
        f"{column}_low": low,
        f"{column}_high": high,
    }


def to_markdown(table: pd.DataFrame) -> str:
    """The table as a page: by the paper's rule, then at the final iterate."""
    notes = pages.Notes(table["departs"])
    rows = [{str(name): value for name, value in row.items()} for row in table.to_dict("records")]
    lines = [
        "# The paper's numbers and ours",
        "",
        "All are shares of the questions right. *seed 1337* is our run of the paper's only seed. *All seeds* is the "
        "mean with a 95 % bootstrap interval: none for one seed, and of no width where all seeds agree. n counts "
        "diverged runs.",
        "",
        "## By the paper's rule",
        "",
        "At the evaluation with the best accuracy. That accuracy includes the held-out expressions, so the rule looks "
        "at the test set. 0.978 is 890 of 910: all seen expressions right and no held-out one. Each entry: "
        "paper / seed 1337 / all seeds.",
        "",
        *pages.table(
            ("task", "size", "variant", "n", *PAPER_RULE, "departs"),
            (
                _line(row, notes, [_triple(row, f"paper_{score}", column) for score, column in PAPER_RULE.items()])
                for row in rows
            ),
        ),
        "",
        "## At the final iterate",
        "",
        "Nothing is chosen here. *All held out right* counts runs, with Clopper and Pearson's exact 95 % interval. "
        "*Loss* is in nats per character. Each entry: seed 1337 / all seeds; the loss: paper / seed 1337 / all seeds.",
        "",
        *pages.table(
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


def _line(row: Mapping[str, Any], notes: pages.Notes, entries: Sequence[str]) -> list[str]:
    runs = pages.count_runs(row["n"], row["diverged"]) if row["n"] else "not run"
    return [row["task"], row["size"], row["variant"], runs, *entries, notes.mark(row["departs"])]


def _final(row: Mapping[str, Any]) -> list[str]:
    counted = row["generalizes_count"]
    counted_text = "-"
    if pd.notna(counted):
        counted_text = f"{counted} of {row['n']} [{row['generalizes_low']:.3f}, {row['generalizes_high']:.3f}]"
    entries = [_pair(row, f"final_{score}") for score in FINAL[:-1]]
    return [*entries[:2], counted_text, *entries[2:], _triple(row, "paper_final_loss", "final_stream_loss")]


def _triple(row: Mapping[str, Any], paper: str, column: str) -> str:
    ours = _pair(row, column)
    if pd.isna(row[paper]) and ours == "-":
        return "-"
    return f"{pages.number(row[paper])} / {ours if ours != '-' else '- / -'}"


def _pair(row: Mapping[str, Any], column: str) -> str:
    mean, low, high = (row[f"{column}_{part}"] for part in ("mean", "low", "high"))
    if pd.isna(mean):
        return "-"
    return f"{pages.number(row[f'{column}_seed_1337'])} / {pages.with_interval(mean, low, high)}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", nargs="*", default=[], type=Path, help="runs.parquet of the studies that were run")
    parser.add_argument("--output", required=True, type=Path, help="folder of the tables")
    arguments = parser.parse_args()

    table = replicate(groups(read_runs(arguments.runs)), numpy.random.default_rng(RNG_SEED))
    record = files.provenance("replication", {"runs": [path.as_posix() for path in arguments.runs]})
    tables.write_table(arguments.output, "replication", table, record)
    pages.write(arguments.output / "replication.md", to_markdown(table))


if __name__ == "__main__":
    errors.run(main)
