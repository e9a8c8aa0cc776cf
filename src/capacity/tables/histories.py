"""The histories of a study as one table, with one row per run and evaluation.

The single answers are left out: :mod:`capacity.tables.expression_histories` has those to expressions.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from capacity.dictionary.cells import NAMES
from capacity.dictionary.column import describe_schema, names
from capacity.dictionary.histories import HISTORY, QUESTIONS_RIGHT
from capacity.errors import InputError
from capacity.experiment import file_bounds
from capacity.experiment.cell import Cell, parse_cell
from capacity.experiment.table_plan import Job
from capacity.storage import evaluations, files, parquet
from capacity.tables import frames, runs
from capacity.tables.cells import name_columns

_LEFT_OUT = [QUESTIONS_RIGHT.name]


def history_table(history: pa.Table, cell: Cell, seeds: Iterable[int]) -> pa.Table:
    """The rows of some seeds in the history of a job, with the columns that name the cell before the others."""
    table = history.replace_schema_metadata(None).drop_columns(_LEFT_OUT)
    kept = pa.array(sorted(seeds), table.schema.field("seed").type)
    if len(pc.unique(table["seed"])) > len(kept):
        table = table.filter(pc.is_in(table["seed"], kept))
    for position, (name, value) in enumerate(name_columns(cell).items()):
        table = table.add_column(position, name, pa.repeat(pa.scalar(value, pa.large_string()), len(table)))
    return table


def history_schema(jobs: Sequence[Job]) -> pa.Schema:
    """The columns that the histories of some jobs have together, with their descriptions.

    Raises InputError naming the file of a history that is damaged, or has a column of another type than those before.
    """
    columns = dict.fromkeys(names(NAMES), pa.large_string())
    for job in jobs:
        path = job.file("history")
        for field in parquet.read_schema(path, file_bounds.job_history(parse_cell(job.cell), len(job.trained))):
            if field.name in _LEFT_OUT:
                continue
            if (kind := columns.setdefault(field.name, field.type)) != field.type:
                where = f"{path}: the column {field.name!r}"
                raise InputError(f"{where} is {field.type}, and {kind} in other histories; {files.REMEDY}")
    return describe_schema(pa.schema(columns.items()), HISTORY)


def history_tables(jobs: Sequence[Job], schema: pa.Schema, origins: list[dict[str, Any]]) -> Iterator[pa.Table]:
    """The histories of some jobs, of :data:`capacity.tables.runs.JOBS_AT_ONCE` jobs in each table.

    A column that a task does not have is empty in its rows. For each job that has been read, where its runs come from
    is added to ``origins``. Raises InputError naming the file of a history that is damaged or of other runs.
    """

    def rows(job: Job) -> pa.Table:
        cell = parse_cell(job.cell)
        path = job.file("history")
        bounds = file_bounds.job_history(cell, len(job.trained))
        history = evaluations.read_history(path, cell.name, job.trained, bounds)
        training = parquet.provenance_of(history)
        runs.check_run(job, path, training, pc.unique(history["seed"]).to_pylist())
        origins.append(runs.origin(training))
        return history_table(history, cell, job.seeds)

    for chunk in frames.chunks(map(rows, jobs), runs.JOBS_AT_ONCE):
        yield pa.concat_tables([schema.empty_table(), *chunk], promote_options="default").combine_chunks()
