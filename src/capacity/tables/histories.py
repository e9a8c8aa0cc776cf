"""Stage 4: the histories of a study as one table, with one row per run and evaluation."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from capacity.errors import InputError
from capacity.experiment import plan
from capacity.experiment.cell import Cell
from capacity.experiment.table_plan import Job
from capacity.storage import evaluations, files, parquet
from capacity.tables import frames, runs

HISTORY = {**runs.NAMES, **dict.fromkeys(("seed", "iteration"), "an integer"), "stream_loss": "a number"}
"""What the stages that read this table count on: columns and their kinds."""


def history_table(history: pa.Table, cell: Cell, wanted: Iterable[int]) -> pa.Table:
    """The history of the wanted seeds of a job, with the columns that name the cell before the others."""
    table = history.replace_schema_metadata(None)
    seeds = pa.array(sorted(wanted), table.schema.field("seed").type)
    if len(pc.unique(table["seed"])) > len(seeds):
        table = table.filter(pc.is_in(table["seed"], seeds))
    for position, (name, value) in enumerate(runs.named(cell).items()):
        table = table.add_column(position, name, pa.repeat(pa.scalar(value, pa.large_string()), len(table)))
    return table


def pieces(jobs: Sequence[Job], schema: pa.Schema, sources: list[dict[str, Any]]) -> Iterator[pa.Table]:
    """The histories of some jobs below one another, many at a time; what a task does not have is missing in its rows.
    Adds to ``sources`` where the runs of each job come from.

    Raises InputError naming the file of a history that is damaged or of other runs.
    """

    def rows(job: Job) -> pa.Table:
        cell = plan.cell_of(job.cell)
        history = evaluations.read_history(job.file("history"), cell.name, job.seeds)
        sources.append(runs.source(parquet.provenance_of(history)))
        return history_table(history, cell, job.seeds)

    for some in frames.in_pieces(map(rows, jobs), runs.JOBS_AT_ONCE):
        yield pa.concat_tables([schema.empty_table(), *some], promote_options="default").combine_chunks()


def schema_of(jobs: Sequence[Job]) -> pa.Schema:
    """Every column of the histories of some jobs. Raises InputError naming the file of a history that is damaged, or
    has a column of another type than those before it."""
    columns = dict.fromkeys(runs.NAMES, pa.large_string())
    for job in jobs:
        path = job.file("history")
        for field in parquet.read_schema(path):
            if (kind := columns.setdefault(field.name, field.type)) != field.type:
                where = f"{path}: the column {field.name!r}"
                raise InputError(f"{where} is {field.type}, and {kind} in other histories; {files.REMEDY}")
    return pa.schema(columns.items())
