"""Stage 4: the tidy tables of a study, from its evaluations.

``runs`` has one row per run (a cell and a seed), ``summary`` one row per cell with every endpoint's n, mean and 95 %
interval.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from capacity.errors import InputError
from capacity.evaluation import bits, operands
from capacity.experiment.cell import Cell, describe_departures
from capacity.experiment.plan import cell_of
from capacity.experiment.table_plan import Job
from capacity.storage import evaluations, files, json_files
from capacity.tasks.registry import PARTS, SCORES

ORIGIN = ("git_commit", "source_digest", "device", "threads", "precision", "compile", "graph")
ENDPOINTS = ("final", "time_average", "paper_best")
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
    *(
        f"{name}_bits_{split}"
        for name, task in PARTS.items()
        if task.bits == "answers"
        for split in ("seen", "held_out")
    ),
)
"""Memorized bits of a run at its final iterate (:mod:`capacity.evaluation.bits`): of the order of lines, of facts under each
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
JOBS_AT_ONCE = 50  # whose tables are held at a time
ROWS_AT_ONCE = 5_000  # that are held as mappings, which take far more memory than a frame


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
    cell = cell_of(evaluation["cell"])
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
    answers = [name for name, task in PARTS.items() if task.bits == "answers"]
    for name, split in itertools.product(answers, ("seen", "held_out")):
        explained = (found[name] or {}).get(split)
        row[f"{name}_bits_{split}"] = explained and explained["explained"]
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


def read_evaluations(jobs: Iterable[Job]) -> Iterator[tuple[dict[str, Any], set[int]]]:
    """For each job of a plan its evaluation, checked against the schema, and the seeds that are wanted.

    Raises InputError naming the file of an evaluation that is damaged or of other runs.
    """
    for job in jobs:
        path = job.file("evaluation")
        evaluation = json_files.read_sealed_json(path)
        evaluations.check(evaluation, path)
        wanted = set(job.seeds)
        found = {run["seed"] for run in evaluation["runs"]}
        if evaluation["cell"] != job.cell or not wanted <= found:
            raise InputError(f"{path} holds runs of {evaluation['cell']}, and not those of its folder; {files.REMEDY}")
        yield evaluation, wanted


def source(training: Mapping[str, Any]) -> dict[str, Any]:
    """Where the runs of a job come from, for the record of a table, from the record of their training."""
    return {name: training[name] for name in ("cell", "seeds", *ORIGIN)}
