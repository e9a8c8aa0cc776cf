"""How many seeds of each cell answer each expression right at the end: a table of a study.

One row per cell, operation and pair of operands. Cells without arithmetic have no rows.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from capacity.dictionary import column as columns_of
from capacity.dictionary.studies import EXPRESSIONS
from capacity.errors import InputError
from capacity.experiment import file_bounds
from capacity.experiment.cell import Cell, parse_cell
from capacity.experiment.table_plan import Job
from capacity.storage import evaluations, files, parquet
from capacity.tables import frames, runs
from capacity.tables.cells import name_columns

EXPRESSION = re.compile(r"<(\d+)[+-](\d+)=")
_TYPES = {columns_of.TEXT: pa.large_string(), columns_of.INTEGER: pa.int64(), columns_of.NUMBER: pa.float64()}
SCHEMA = columns_of.arrow_schema(EXPRESSIONS, _TYPES)


def operands_of(prompt: str) -> tuple[int, int]:
    """The operands in a prompt. Raises ValueError if it is not of the form ``<a+b=`` or ``<a-b=``."""
    match = EXPRESSION.fullmatch(prompt)
    if match is None:
        raise ValueError(f"prompt {prompt!r} is not an expression such as '<1+2='")
    return int(match[1]), int(match[2])


def expressions_table(cell: Cell, answers: pa.Table) -> pa.Table:
    """Count, for each expression asked of the runs of a cell, how many runs answer it right.

    Args:
        cell: the cell.
        answers: of its runs, with the columns of :data:`capacity.storage.evaluations.ANSWERS`.

    Returns:
        A table of :data:`SCHEMA`, in the order in which the expressions were first asked. ``count`` and ``share`` are
        of all ``n`` runs, the ``diverged`` ones included.
    """
    asked = answers.filter(pc.equal(answers["question_task"], "arithmetic"))
    asked = asked.append_column("place", pa.array(range(len(asked)), pa.int64()))
    groups = pa.TableGroupBy(asked, ["operation", "prompt", "split"], use_threads=False)
    counted = groups.aggregate([("right", "count"), ("right", "sum"), ("diverged", "sum"), ("place", "min")])
    counted = counted.sort_by("place_min")  # groups come in no promised order
    operands = [operands_of(prompt) for prompt in counted["prompt"].to_pylist()]
    n, count = (counted[name].to_numpy() for name in ("right_count", "right_sum"))
    columns = {name: [value] * len(counted) for name, value in name_columns(cell).items()} | {
        "operation": counted["operation"],
        "left": [left for left, _ in operands],
        "right": [right for _, right in operands],
        "split": counted["split"],
        "n": n,
        "count": count,
        "diverged": counted["diverged_sum"],
        "share": count / n,
    }
    return pa.table({name: columns[name] for name in SCHEMA.names}, schema=SCHEMA)


def expressions_tables(jobs: Sequence[Job], origins: list[dict[str, Any]]) -> Iterator[pa.Table]:
    """The expressions of the cells of some jobs, many cells in each table; jobs of one cell follow one another.

    For each job that has been read, where its runs come from is added to ``origins``. Raises InputError naming the
    file of answers that are damaged or of other runs.
    """

    def rows(name: str, jobs_of_cell: Iterable[Job]) -> pa.Table:
        cell = parse_cell(name)
        parts = []
        for job in jobs_of_cell:
            path = job.file("answers")
            bounds = file_bounds.answers(cell, len(job.trained))
            answers = evaluations.read_answers(path, cell.name, job.trained, bounds)
            training = parquet.provenance_of(answers)["training"]
            runs.check_run(job, path, training, pc.unique(answers["seed"]).to_pylist())
            origins.append(runs.origin(training))
            _check_prompts(path, answers)
            answers = answers.replace_schema_metadata(None)
            parts.append(answers.filter(pc.is_in(answers["seed"], pa.array(job.seeds, pa.int64()))))
        return expressions_table(cell, pa.concat_tables(parts))

    cells = itertools.groupby(jobs, lambda job: job.cell)
    tables = (rows(name, jobs_of_cell) for name, jobs_of_cell in cells)
    for chunk in frames.chunks(tables, runs.JOBS_AT_ONCE):
        yield pa.concat_tables(chunk).combine_chunks()


def _check_prompts(path: str, answers: pa.Table) -> None:
    """Raise InputError naming the file if it asks arithmetic of something else than an expression."""
    asked = answers.filter(pc.equal(answers["question_task"], "arithmetic"))
    for prompt in pc.unique(asked["prompt"]).to_pylist():
        try:
            operands_of(prompt)
        except ValueError as error:
            raise InputError(f"{path}: {error}; {files.REMEDY}") from error
