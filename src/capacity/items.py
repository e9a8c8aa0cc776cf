"""Stage 4: for every expression, how many seeds of a cell answer it right at the end: a table of a study.

One row per cell, operation and pair of operands. Cells without arithmetic have no rows.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from capacity import errors, evaluations, files, jobs, tables
from capacity.cells import Cell, parse_seeds

EXPRESSION = re.compile(r"<(\d+)[+-](\d+)=")
ITEMS = {
    **tables.NAMES,
    **dict.fromkeys(("operation", "split"), "text"),
    **dict.fromkeys(("left", "right", "n", "count", "diverged"), "an integer"),
    "share": "a number",
}
_TYPES = {"text": pa.large_string(), "an integer": pa.int64(), "a number": pa.float64()}
COLUMNS = (*tables.NAMES, "operation", "left", "right", "split", "n", "count", "diverged", "share")
SCHEMA = pa.schema([(name, _TYPES[ITEMS[name]]) for name in COLUMNS])


def operands_of(prompt: str) -> tuple[int, int]:
    """The operands in a prompt. Raises ValueError if it is not of the form ``<a+b=`` or ``<a-b=``."""
    match = EXPRESSION.fullmatch(prompt)
    if match is None:
        raise ValueError(f"prompt {prompt!r} is not an expression such as '<1+2='")
    return int(match[1]), int(match[2])


def items_table(cell: Cell, answers: pa.Table) -> pa.Table:
    """For each expression asked of the runs of a cell: ``n`` runs, of which ``diverged`` are counted in; ``count`` of
    the ``n`` that are right, and ``share``, their share. ``answers`` is as in :data:`capacity.evaluations.ITEMS`."""
    asked = answers.filter(pc.equal(answers["task"], "arithmetic"))
    asked = asked.append_column("place", pa.array(range(len(asked)), pa.int64()))
    groups = pa.TableGroupBy(asked, ["operation", "prompt", "split"], use_threads=False)
    counted = groups.aggregate([("right", "count"), ("right", "sum"), ("diverged", "sum"), ("place", "min")])
    counted = counted.sort_by("place_min")  # in order of appearance, which groups do not promise
    places = [operands_of(prompt) for prompt in counted["prompt"].to_pylist()]
    n, count = (counted[name].to_numpy() for name in ("right_count", "right_sum"))
    columns = {name: [value] * len(counted) for name, value in tables.named(cell).items()} | {
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


def pieces(found: Sequence[Mapping[str, str]], sources: list[dict[str, Any]]) -> Iterator[pa.Table]:
    """The rows of some jobs, those of one cell after one another, many cells at a time; adds to ``sources`` where the
    runs of each job come from."""

    def rows(name: str, mine: Iterable[Mapping[str, str]]) -> pa.Table:
        cell = jobs.cell_of(name)
        parts = []
        for job in mine:
            wanted = parse_seeds(job["seeds"])
            answers = evaluations.read_items(job["items"], cell, wanted)
            sources.append(tables.source(files.provenance_of(answers)["training"]))
            answers = answers.replace_schema_metadata(None)
            parts.append(answers.filter(pc.is_in(answers["seed"], pa.array(wanted, pa.int64()))))
        return items_table(cell, pa.concat_tables(parts))

    cells = itertools.groupby(found, lambda job: job["cell"])
    for some in tables.in_pieces((rows(name, mine) for name, mine in cells), tables.JOBS_AT_ONCE):
        yield pa.concat_tables(some).combine_chunks()


def main() -> None:
    arguments = tables.parse_arguments(__doc__, output="Parquet file to write")

    plan = jobs.plan_of_made(arguments.config, arguments.cells, jobs.FILES["items"])
    sources: list[dict[str, Any]] = []
    record = files.provenance("items", {"table": arguments.table}, runs=sources)
    made = pieces(plan.jobs_of(arguments.table), sources)
    files.write_parquet_pieces(arguments.output, SCHEMA, made, record)


if __name__ == "__main__":
    errors.run(main)
