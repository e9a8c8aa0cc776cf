"""The table of runs of a study: one row per cell and seed, from the evaluations of its jobs and what weights say."""

from __future__ import annotations

import itertools
import os
import shlex
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from capacity.dictionary import cells as cell_dictionary
from capacity.dictionary import measures
from capacity.dictionary.column import names
from capacity.errors import ForeignFileError, InputError
from capacity.evaluation import bits, operands
from capacity.experiment import file_bounds
from capacity.experiment.assignment import RECORD
from capacity.experiment.cell import parse_cell
from capacity.experiment.seeds import format_seeds
from capacity.experiment.table_plan import Job
from capacity.experiment.text import in_order_of_numbers
from capacity.storage import evaluations, files, json_files, parquet, records
from capacity.tables.cells import cell_columns
from capacity.tables.frames import chunks
from capacity.tasks.registry import PARTS

ORIGIN = ("git_commit", "source_digest", "device", "threads", "kernel", "precision", "compile", "graph")
OUTCOMES = {
    "fits_arithmetic": ("seen", 0.99),
    "fits_facts": ("facts_matched_prompts", 1.0),
    "generalizes": ("held_out", 1.0),
}
"""Yes-or-no outcomes of a run: whether a score of the final iterate is at least a bound. ``generalizes`` is G_full, the
primary endpoint."""

FLOORS = names(cell_dictionary.FLOORS)
BITS = names(measures.BITS)
MEASURES = names(measures.MEASURES)
"""The columns of a run that a summary averages."""

JOBS_AT_ONCE = 50  # tables of jobs that are held in memory at a time
ROWS_AT_ONCE = 5_000  # rows held as mappings, which take far more memory than a frame


def run_rows(
    evaluation: Mapping[str, Any], seeds: Container[int], mechanism: Mapping[int, Mapping[str, float | None]]
) -> list[dict[str, Any]]:
    """One row for each run of an evaluation whose seed is among ``seeds``.

    A score or outcome that the task does not ask for is None. A diverged run counts as a failure of every outcome.

    Args:
        evaluation: of a job.
        seeds: the seeds that are taken.
        mechanism: of each seed what its weights say, by :func:`read_mechanism`.
    """
    cell = parse_cell(evaluation["cell"])
    known, unknown = (evaluation["loss_floors"][name] for name in ("order_known", "order_unknown"))
    characters = evaluation["stream_characters"]
    most = None if known is None else bits.order_bits(known, unknown, characters, cell.stream)
    columns = cell_columns(cell)
    rows = []
    for run in evaluation["runs"]:
        if run["seed"] not in seeds:
            continue
        row = dict(columns)
        row["parameters"] = evaluation["parameters"]
        row["parameters_without_positions"] = evaluation["parameters_without_positions"]
        row |= dict(zip(FLOORS, (known, unknown, most), strict=True))
        row |= {name: run[name] for name in ("seed", "diverged", "diverged_at")}
        for endpoint in measures.ENDPOINTS:
            row |= _endpoint_columns(endpoint, run[endpoint])
        row |= operands.columns(run["operands"], evaluation["operand_baselines"])
        for outcome, (score, bound) in OUTCOMES.items():
            value = row[f"final_{score}"]
            row[outcome] = None if value is None else value >= bound and not run["diverged"]
        row |= bits_columns(run["bits"], evaluation["parameters"])
        row |= mechanism[run["seed"]]
        rows.append(row)
    return rows


def _endpoint_columns(endpoint: str, measured: Mapping[str, Any]) -> dict[str, Any]:
    """The iterations, loss and scores of one endpoint of a run; None for a score that the task does not have."""
    row = {f"{endpoint}_{name}": measured[name] for name in ("first_iteration", "last_iteration", "stream_loss")}
    for name in measures.SCORES:
        score = measured["scores"].get(name)
        row[f"{endpoint}_{name}"] = None if score is None else score["fraction"]
    return row


def bits_columns(memorized_bits: Mapping[str, Any], parameters: int) -> dict[str, float | None]:
    """The :data:`BITS` of one run; None where the task has none or the run diverged."""
    row: dict[str, float | None] = dict.fromkeys(BITS)
    row["order_bits"] = memorized_bits["order"]
    answers = [name for name, task in PARTS.items() if task.bits == "answers"]
    for name, split in itertools.product(answers, ("seen", "held_out")):
        explained = (memorized_bits[name] or {}).get(split)
        row[f"{name}_bits_{split}"] = explained and explained["explained"]
    for prompts, memorized in (memorized_bits["facts"] or {}).items():
        row[f"key_specific_bits_{prompts}"] = memorized["key_specific"]
        for baseline, value in memorized["memorized"].items():
            name = f"fact_bits_{baseline}_{prompts}"
            row[name] = value
            row[f"{name}_per_parameter"] = None if value is None else value / parameters
    for code, value in memorized_bits.get("lines", {"memorized": {}})["memorized"].items():
        row[f"line_bits_{code}"] = value
        row[f"line_bits_{code}_per_parameter"] = None if value is None else value / parameters
    return row


def runs_frame(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Rows of runs as a frame with a type for each column, in their order."""
    numbers = [*FLOORS, *MEASURES, *names(measures.OPERAND_BASELINES), "diverged_at"]
    frame = pd.DataFrame(list(rows)).astype(dict.fromkeys(numbers, "float64") | dict.fromkeys(OUTCOMES, "boolean"))
    return (
        frame.copy()
    )  # puts columns of one type together, of which pandas warns if there are more than a hundred apart


def sorted_runs(runs: pd.DataFrame) -> pd.DataFrame:
    """Runs by task, number of parameters, cell and seed, cells in the order of the numbers in their names."""
    cells = {name: place for place, name in enumerate(sorted(runs["cell"].unique(), key=in_order_of_numbers))}

    def places(column: pd.Series) -> pd.Series:
        return column.map(cells) if column.name == "cell" else column

    return runs.sort_values(["task", "parameters", "cell", "seed"], ignore_index=True, key=places)


def tabulate_runs(jobs: Sequence[Job]) -> tuple[pd.DataFrame, list[dict[str, Any]]]:
    """The sorted runs of some jobs, and for each job where its runs come from.

    Raises InputError naming the file of an evaluation that is damaged or of other runs.
    """
    origins = []

    def rows() -> Iterator[dict[str, Any]]:
        for job in jobs:
            evaluation, seeds = read_evaluation(job)
            origins.append(origin(evaluation["provenance"]["training"]))
            yield from run_rows(evaluation, seeds, read_mechanism(job, evaluation))

    runs = sorted_runs(pd.concat([runs_frame(chunk) for chunk in chunks(rows(), ROWS_AT_ONCE)]))
    return runs, origins


def read_evaluation(job: Job) -> tuple[dict[str, Any], set[int]]:
    """The evaluation of a job, checked against the schema, and the seeds that the table takes from it.

    Raises InputError naming the file of an evaluation that is damaged or of other runs.
    """
    path = job.file("evaluation")
    evaluation = json_files.read_sealed_json(path)
    evaluations.check(evaluation, path)
    seeds = [run["seed"] for run in evaluation["runs"]]
    if evaluation["cell"] != job.cell:
        raise ForeignFileError(
            f"{path} holds runs of {evaluation['cell']}, and not those of its folder; {files.REMEDY}"
        )
    check_run(job, path, evaluation["provenance"]["training"], seeds)
    return evaluation, set(job.seeds)


def read_mechanism(job: Job, evaluation: Mapping[str, Any]) -> dict[int, dict[str, float | None]]:
    """What the weights of a job say, by seed.

    Raises InputError naming the file if it is damaged, or of other runs than the evaluation of the job.
    """
    path = job.file("mechanism")
    table = evaluations.read_mechanism(path, job.cell, job.seeds, file_bounds.mechanism(len(job.trained)))
    if parquet.provenance_of(table)["training"] != evaluation["provenance"]["training"]:
        raise ForeignFileError(f"{path} is of other runs than {job.file('evaluation')}; {files.REMEDY}")
    return {row.pop("seed"): row for row in table.to_pylist()}


def check_run(job: Job, path: str, training: Mapping[str, Any], seeds: Iterable[int]) -> None:
    """Check that a file of a job is of all runs of the job, and of the run whose record lies beside it, if it does.

    Args:
        job: the job.
        path: the file.
        training: the record of the training that the file is of.
        seeds: of the runs in the file.

    Raises InputError naming the file if it is of another job, or of another run of this one.
    """
    for cell, held in ((training["cell"], training["seeds"]), (job.cell, seeds)):
        if cell != job.cell or sorted(held) != list(job.trained):
            runs = f"{cell}/seeds={format_seeds(held)}"
            raise ForeignFileError(f"{path} holds runs of {runs}, and not those of its folder; {files.REMEDY}")
    beside = Path(job.folder) / RECORD
    if os.path.lexists(beside) and without_checksums(_record(beside)) != training:
        raise ForeignFileError(f"{path} is of another run than {beside}, of the same cell and seeds; {files.REMEDY}")


def _record(path: Path) -> dict[str, Any]:
    """Read the record of a training. Raises InputError naming the file and the command that mends it.

    No table asks Snakemake for it, so it would not be made anew if it were only deleted.
    """
    try:
        record = json_files.read_json_of_either_kind(path)
        if not isinstance(record, dict):
            raise InputError(f"{path} is not the record of a run")
        return record
    except (InputError, OSError) as error:
        name = shlex.quote(str(path))
        said = str(error).removesuffix(f"; {files.REMEDY}")
        raise InputError(f"{said}; train it anew: rm {name} && snakemake --cores all {name}") from error


def without_checksums(record: Mapping[str, Any]) -> dict[str, Any]:
    """What the record of a training says without the checksums of its files, as these say it themselves."""
    return {key: value for key, value in record.items() if key != records.FILES}


def origin(training: Mapping[str, Any]) -> dict[str, Any]:
    """Where the runs of a job come from, for the record of a table, from the record of their training.

    With the versions and the platform, and with the checksum of their weights, which is missing from what earlier
    versions have trained.
    """
    recorded = {name: training.get(name) for name in ("versions", "platform", "weights")}
    return {name: training[name] for name in ("cell", "seeds", *ORIGIN)} | recorded
