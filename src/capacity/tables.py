"""Stage 4: the tidy tables of a study, from its evaluations.

``runs`` has one row per run (a cell and a seed), ``summary`` one row per cell with every endpoint's n, mean and 95 %
interval.
"""

from __future__ import annotations

import argparse
import itertools
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy
import pandas as pd
import pyarrow as pa

from capacity import bits, errors, evaluations, files, jobs, operands, pages, statistics
from capacity.cells import Cell, describe_departures, parse_seeds
from capacity.errors import InputError

ORIGIN = ("git_commit", "source_digest", "device", "threads", "precision", "compile", "graph")
ENDPOINTS = ("final", "time_average", "paper_best")
SCORES = (
    "seen",
    "seen_addition",
    "seen_subtraction",
    "held_out",
    "held_out_addition",
    "held_out_subtraction",
    "addition_910",
    "subtraction_910",
    "addition_1000",
    "subtraction_1000",
    "combined_910",
    "facts_paper_prompts",
    "facts_matched_prompts",
)
OUTCOMES = {
    "fits_arithmetic": ("seen", 0.99),
    "fits_facts": ("facts_matched_prompts", 1.0),
    "generalizes": ("held_out", 1.0),
}
"""Yes-or-no outcomes of a run: whether a score of the final iterate is at least a bound. ``generalizes`` is G_full, the
primary endpoint."""

FLOORS = ("loss_floor_order_known", "loss_floor_order_unknown", "order_bits_at_most")
PROMPTS = ("paper_prompts", "matched_prompts")
FACT_BITS = tuple(
    f"fact_bits_{baseline}_{prompts}" for prompts in PROMPTS for baseline in ("list", "unigram", "uniform")
)
BITS = (
    "order_bits",
    *FACT_BITS,
    *(f"{name}_per_parameter" for name in FACT_BITS),
    *(f"key_specific_bits_{prompts}" for prompts in PROMPTS),
    "arithmetic_bits_seen",
    "arithmetic_bits_held_out",
)
"""Memorized bits of a run at its final iterate (:mod:`capacity.bits`): of the order of lines, of facts under each
baseline, of which fact goes with which key, and of the answers to expressions."""

MEASURES = (
    *(f"{endpoint}_{name}" for endpoint in ENDPOINTS for name in (*SCORES, "stream_loss")),
    *BITS,
    *operands.MEASURES,
)
"""The columns of a run that a summary averages."""

NAMES = dict.fromkeys(("cell", "task", "size", "variant"), "text")
RUNS = {
    **NAMES,
    **dict.fromkeys(("parameters", "seed"), "an integer"),
    **dict.fromkeys(("published", "diverged", *OUTCOMES), "true or false"),
    "departs": "text",
    **dict.fromkeys((*FLOORS, *MEASURES), "a number"),
}
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
JOBS_AT_ONCE = 50  # whose tables are held at a time
ROWS_AT_ONCE = 5_000  # that are held as mappings, which take far more memory than a frame

T = TypeVar("T")


def named(cell: Cell) -> dict[str, str]:
    """The columns that name a cell, :data:`NAMES`."""
    return {"cell": cell.name, "task": cell.task, "size": cell.size.name, "variant": cell.variant}


def cell_columns(cell: Cell) -> dict[str, Any]:
    """The columns that identify a cell; ``departs`` says in words where it leaves the paper's protocol."""
    size, departs = cell.size, describe_departures(cell)
    return {
        **named(cell),
        "published": not departs,
        "departs": departs,
        "layers": size.layers,
        "heads": size.heads,
        "width": size.width,
        "mlp_factor": size.mlp_factor,
        "held_out": " ".join(f"{left}{right}" for left, right in cell.held_out),
        **{name: value for name, value in cell.settings().items() if name not in ("task", "size", "held_out")},
    }


def run_rows(evaluation: Mapping[str, Any], wanted: Iterable[int]) -> list[dict[str, Any]]:
    """One row for each wanted run of an evaluation.

    A score or outcome that the task does not ask for is None. A diverged run counts as a failure of every outcome.
    """
    cell = jobs.cell_of(evaluation["cell"])
    known, unknown = (evaluation["loss_floors"][name] for name in ("order_known", "order_unknown"))
    characters = evaluation["stream_characters"]
    most = None if known is None else bits.order_bits(known, unknown, characters, cell.stream)
    columns = cell_columns(cell)
    rows = []
    for run in evaluation["runs"]:
        if run["seed"] not in wanted:
            continue
        row = dict(columns)
        row["parameters"] = evaluation["parameters"]
        row["parameters_without_positions"] = evaluation["parameters_without_positions"]
        row |= dict(zip(FLOORS, (known, unknown, most), strict=True))
        row |= {name: run[name] for name in ("seed", "diverged", "diverged_at")}
        for endpoint in ENDPOINTS:
            measured = run[endpoint]
            row[f"{endpoint}_first_iteration"] = measured["first_iteration"]
            row[f"{endpoint}_last_iteration"] = measured["last_iteration"]
            row[f"{endpoint}_stream_loss"] = measured["stream_loss"]
            for score in SCORES:
                found = measured["scores"].get(score)
                row[f"{endpoint}_{score}"] = None if found is None else found["fraction"]
        row |= operands.columns(run["operands"], evaluation["operand_baselines"])
        for outcome, (score, bound) in OUTCOMES.items():
            value = row[f"final_{score}"]
            row[outcome] = None if value is None else value >= bound and not run["diverged"]
        row |= bits_columns(run["bits"], evaluation["parameters"])
        rows.append(row)
    return rows


def bits_columns(found: Mapping[str, Any], parameters: int) -> dict[str, float | None]:
    """The :data:`BITS` of one run; None where the task has none or the run diverged."""
    row: dict[str, float | None] = dict.fromkeys(BITS)
    row["order_bits"] = found["order"]
    for split, explained in (found["arithmetic"] or {}).items():
        row[f"arithmetic_bits_{split}"] = explained and explained["explained"]
    for prompts, memorized in (found["facts"] or {}).items():
        row[f"key_specific_bits_{prompts}"] = memorized["key_specific"]
        for baseline, value in memorized["memorized"].items():
            name = f"fact_bits_{baseline}_{prompts}"
            row[name] = value
            row[f"{name}_per_parameter"] = None if value is None else value / parameters
    return row


def runs_frame(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Run rows as a typed frame, ordered by task, number of parameters, cell and seed."""
    return ordered(typed(rows))


def typed(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Run rows as a typed frame, in their order."""
    fractions = [*FLOORS, *MEASURES, *operands.BASELINES]
    return pd.DataFrame(list(rows)).astype(
        dict.fromkeys(fractions, "float64") | dict.fromkeys(OUTCOMES, "boolean") | {"diverged_at": "float64"}
    )


def ordered(runs: pd.DataFrame) -> pd.DataFrame:
    """Runs by task, number of parameters, cell and seed."""
    return runs.sort_values(["task", "parameters", "cell", "seed"], ignore_index=True)


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


def _averages(values: statistics.Floats) -> dict[str, float | None]:
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
        intervals = statistics.bootstrap_means(values[alike][:, there], BOOTSTRAP_SEED)
        for number, interval in zip(numpy.flatnonzero(alike), intervals, strict=True):
            row[f"{MEASURES[number]}_low"], row[f"{MEASURES[number]}_high"] = interval or (None, None)
    return row


def _counted(outcome: str, values: statistics.Floats) -> dict[str, float | None]:
    """How many runs of one cell have an outcome, 1.0 for each that does and NaN where the task does not ask for it."""
    known = values[~numpy.isnan(values)]
    if not len(known):
        return dict.fromkeys(f"{outcome}_{part}" for part in ("count", "share", "low", "high"))
    count = int(known.sum())
    low, high = statistics.wilson(count, len(known))
    found = {"count": count, "share": count / len(known), "low": low, "high": high}
    return {f"{outcome}_{part}": value for part, value in found.items()}


def to_markdown(title: str, summary: pd.DataFrame) -> str:
    """The summary as a page: what each cell saw, what it did not see, and what departs from the paper."""
    notes, cells = pages.Notes(summary["departs"]), _records(summary)
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
            pages.count_runs(row["n"], row["diverged"]),
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
        *pages.table(heading, rows),
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


def _bits_section(cells: Sequence[Mapping[str, Any]], notes: pages.Notes) -> list[str]:
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
            pages.number(row["loss_floor_order_unknown"], 4),
            pages.number(row["loss_floor_order_known"], 4),
            _interval(row, "order_bits", 1),
            pages.number(row["order_bits_at_most"], 1),
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
        *pages.table(heading, rows),
        "",
        "Floors, in nats per character: the lowest loss of a rule that knows every trained line and not their order, "
        "and the lowest of anything that reads the windows. Order bits: how far the loss lies below the first, over "
        "the whole stream; below zero where a network does not know the lines. Fact bits: saved against a code for "
        "the answers by the frequencies of their characters, on matched prompts. Key-specific bits: which answer goes "
        "with which key. Arithmetic bits: saved against the distribution of the answers to the same operation. Means "
        "over the runs that did not diverge, at the final iterate. The other baselines are in the CSV file.",
        "",
    ]


def in_pieces(values: Iterable[T], most: int) -> Iterator[list[T]]:
    """Some values as lists of at most so many."""
    waiting = iter(values)
    while some := list(itertools.islice(waiting, most)):
        yield some


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(name): value for name, value in row.items()} for row in frame.to_dict("records")]


def _list(seeds: Iterable[int]) -> str:
    return " ".join(str(seed) for seed in seeds)


def _interval(row: Mapping[str, Any], measure: str, digits: int = 3) -> str:
    mean, low, high = (row[f"{measure}_{part}"] for part in ("mean", "low", "high"))
    return pages.with_interval(mean, low, high, digits)


def _outcome(row: Mapping[str, Any], outcome: str) -> str:
    if pd.isna(row[f"{outcome}_count"]):
        return "-"
    low, high = row[f"{outcome}_low"], row[f"{outcome}_high"]
    return f"{row[f'{outcome}_count']} of {row['n']} [{low:.2f}, {high:.2f}]"


def parse_arguments(description: str | None, output: str) -> argparse.Namespace:
    """The command line of a stage that makes a table from the files of the jobs of a study, or of one of its tasks.

    ``output`` says what it writes.
    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("table", help="a study, or a study and one of its tasks, such as base/arithmetic")
    parser.add_argument("--config", required=True, type=json.loads, help="the configuration of the study, as JSON")
    parser.add_argument("--cells", default="results/cells", type=Path, help="folder of the trained cells")
    parser.add_argument("--output", required=True, type=Path, help=output)
    return parser.parse_args()


def main() -> None:
    arguments = parse_arguments(__doc__, output="folder of the tables")

    sources: list[dict[str, Any]] = []
    plan = jobs.plan_of_made(arguments.config, arguments.cells, jobs.FILES["evaluation"])

    def rows() -> Iterator[dict[str, Any]]:
        for evaluation, wanted in read_evaluations(plan, arguments.table):
            sources.append(source(evaluation["provenance"]["training"]))
            yield from run_rows(evaluation, wanted)

    runs = ordered(pd.concat([typed(some) for some in in_pieces(rows(), ROWS_AT_ONCE)]))
    record = files.provenance("tables", {"table": arguments.table}, runs=sources)
    summary = summarise(runs)
    write_frame(arguments.output / "runs.parquet", runs, record)
    write_table(arguments.output, "summary", summary, record)
    title = plan.title(arguments.table.partition("/")[0])
    pages.write(arguments.output / "summary.md", to_markdown(title, summary))


def read_evaluations(plan: jobs.Plan, table: str) -> Iterator[tuple[dict[str, Any], set[int]]]:
    """For each job of a table its evaluation, checked against the schema, and the seeds that are wanted.

    Raises InputError naming the file of an evaluation that is damaged or of other runs.
    """
    for job in plan.jobs_of(table):
        path = job["evaluation"]
        evaluation = files.read_sealed_json(path)
        evaluations.check(evaluation, path)
        wanted = set(parse_seeds(job["seeds"]))
        found = {run["seed"] for run in evaluation["runs"]}
        if evaluation["cell"] != job["cell"] or not wanted <= found:
            raise InputError(f"{path} holds runs of {evaluation['cell']}, and not those of its folder; {files.REMEDY}")
        yield evaluation, wanted


def source(training: Mapping[str, Any]) -> dict[str, Any]:
    """Where the runs of a job come from, for the record of a table, from the record of their training."""
    return {name: training[name] for name in ("cell", "seeds", *ORIGIN)}


def write_frame(path: Path, frame: pd.DataFrame, record: files.Provenance) -> None:
    """A frame as Parquet with its provenance."""
    files.write_parquet(path, pa.Table.from_pandas(frame, preserve_index=False), record)


def write_table(folder: Path, name: str, frame: pd.DataFrame, record: files.Provenance) -> None:
    """A frame as ``name.parquet`` with its provenance and as ``name.csv``."""
    write_frame(folder / f"{name}.parquet", frame, record)
    with files.atomic(folder / f"{name}.csv") as temporary:
        frame.to_csv(temporary, index=False)


def read_frame(path: str | Path, columns: Mapping[str, str] | None = None) -> pd.DataFrame:
    """The inverse of :func:`write_frame`. Raises InputError naming the file if it is damaged or a column is wrong."""
    table = files.read_parquet(path)
    files.check_columns(path, table, columns or {})
    return pd.DataFrame(table.to_pandas())


def read_frames(paths: Iterable[str | Path], columns: Mapping[str, str]) -> pd.DataFrame:
    """Frames below one another: those of some tasks of a study as one."""
    return pd.concat([read_frame(path, columns) for path in paths], ignore_index=True)


if __name__ == "__main__":
    errors.run(main)
