"""Stage 4: for every expression, how many seeds of a cell answer it right at the end: a table of a study.

One row per cell, operation and pair of operands. Cells without arithmetic have no rows.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from capacity.experiment import plan
from capacity.experiment.cell import Cell
from capacity.experiment.table_plan import Job
from capacity.storage import evaluations, parquet
from capacity.tables import frames, runs

EXPRESSION = re.compile(r"<(\d+)[+-](\d+)=")
EXPRESSIONS = {
    **runs.NAMES,
    **dict.fromkeys(("operation", "split"), "text"),
    **dict.fromkeys(("left", "right", "n", "count", "diverged"), "an integer"),
    "share": "a number",
}
_TYPES = {"text": pa.large_string(), "an integer": pa.int64(), "a number": pa.float64()}
COLUMNS = (*runs.NAMES, "operation", "left", "right", "split", "n", "count", "diverged", "share")
SCHEMA = pa.schema([(name, _TYPES[EXPRESSIONS[name]]) for name in COLUMNS])


def operands_of(prompt: str) -> tuple[int, int]:
    """The operands in a prompt. Raises ValueError if it is not of the form ``<a+b=`` or ``<a-b=``."""
    match = EXPRESSION.fullmatch(prompt)
    if match is None:
        raise ValueError(f"prompt {prompt!r} is not an expression such as '<1+2='")
    return int(match[1]), int(match[2])


def expressions_table(cell: Cell, answers: pa.Table) -> pa.Table:
    """For each expression asked of the runs of a cell: ``n`` runs, of which ``diverged`` are counted in; ``count`` of
    the ``n`` that are right, and ``share``, their share. ``answers`` is as in :data:`capacity.storage.evaluations.ANSWERS`."""
    asked = answers.filter(pc.equal(answers["question_task"], "arithmetic"))
    asked = asked.append_column("place", pa.array(range(len(asked)), pa.int64()))
    groups = pa.TableGroupBy(asked, ["operation", "prompt", "split"], use_threads=False)
    counted = groups.aggregate([("right", "count"), ("right", "sum"), ("diverged", "sum"), ("place", "min")])
    counted = counted.sort_by("place_min")  # in order of appearance, which groups do not promise
    places = [operands_of(prompt) for prompt in counted["prompt"].to_pylist()]
    n, count = (counted[name].to_numpy() for name in ("right_count", "right_sum"))
    columns = {name: [value] * len(counted) for name, value in runs.named(cell).items()} | {
        "operation": counted["operation"],
        "left": [left for left, _ in places],
        "right": [right for _, right in places],
        "split": counted["split"],
        "n": n,
        "count": count,
        "diverged": counted["diverged_sum"],
        "share": count / n,
    }
    return pa.table({name: columns[name] for name in SCHEMA.names}, schema=SCHEMA)


def pieces(jobs: Sequence[Job], sources: list[dict[str, Any]]) -> Iterator[pa.Table]:
    """The rows of some jobs, those of one cell after one another, many cells at a time; adds to ``sources`` where the
    runs of each job come from."""

    def rows(name: str, jobs_of_cell: Iterable[Job]) -> pa.Table:
        cell = plan.cell_of(name)
        parts = []
        for job in jobs_of_cell:
            answers = evaluations.read_answers(job.file("answers"), cell.name, job.seeds)
            sources.append(runs.source(parquet.provenance_of(answers)["training"]))
            answers = answers.replace_schema_metadata(None)
            parts.append(answers.filter(pc.is_in(answers["seed"], pa.array(job.seeds, pa.int64()))))
        return expressions_table(cell, pa.concat_tables(parts))

    cells = itertools.groupby(jobs, lambda job: job.cell)
    for some in frames.in_pieces((rows(name, jobs_of_cell) for name, jobs_of_cell in cells), runs.JOBS_AT_ONCE):
        yield pa.concat_tables(some).combine_chunks()
