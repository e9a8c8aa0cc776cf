"""The bounds of the tables of studies: what their cells and seeds make of rows and columns."""

from __future__ import annotations

from collections.abc import Iterable

from capacity.dictionary import histories, studies
from capacity.dictionary.column import Columns
from capacity.experiment import file_bounds
from capacity.experiment.cell import Cell
from capacity.storage.parquet_bounds import Bounds, expected

MOST_VERDICTS = 1_000
"""Rows of a table of claims, of their evidence, or of published cells: there are some 150."""
TEXT_PER_SEED = 8
"""Bytes of a seed as a summary lists it; longer ones are made up for by the bytes of the file."""

OF_STUDIES: dict[str, Columns] = {
    "runs": studies.RUNS,
    "summary": studies.SUMMARY,
    "history": histories.HISTORY,
    "dynamics": studies.DYNAMICS,
    "expressions": studies.EXPRESSIONS,
    "expression_histories": studies.EXPRESSION_HISTORIES,
}
"""The columns of the tables of a study, by the name of the table."""


def verdicts(columns: Columns) -> Bounds:
    """Return the bounds of a table about the claims of the paper."""
    return expected(MOST_VERDICTS, len(columns), jobs=0)


def study_table(kind: str, cells: Iterable[tuple[Cell, int]], trained: int) -> Bounds:
    """Return the bounds of a table of a study.

    Args:
        kind: one of :data:`OF_STUDIES`.
        cells: the cells of the table, each with the number of its seeds.
        trained: the number of jobs that the table is made from.
    """
    every = list(cells)
    seeds = sum(number for _, number in every)
    rows = {
        "runs": lambda: seeds,
        "summary": lambda: len(every),
        "history": lambda: sum(number * file_bounds.evaluations(cell) for cell, number in every),
        "dynamics": lambda: seeds,
        "expressions": lambda: sum(file_bounds.lines(cell) for cell, _ in every),
        "expression_histories": lambda: sum(number * file_bounds.lines(cell) for cell, number in every),
    }[kind]()
    text = 0
    if kind == "summary":
        text = seeds * TEXT_PER_SEED
    elif kind == "expression_histories":  # a digit for each evaluation
        text = sum(number * file_bounds.lines(cell) * file_bounds.evaluations(cell) for cell, number in every)
    return expected(rows, len(OF_STUDIES[kind]), jobs=max(trained, 1), text=text)
