"""Columns that name and describe a cell."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from capacity.experiment import axes
from capacity.experiment.cell import PARSERS, Cell, describe_departures, parse_cell


def name_columns(cell: Cell) -> dict[str, str]:
    """The columns that name a cell, :data:`capacity.dictionary.cells.NAMES`."""
    return {"cell": cell.name, "task": cell.task, "size": cell.size.name, "variant": cell.variant}


def cell_columns(cell: Cell) -> dict[str, Any]:
    """The names and settings of a cell; ``departs`` says in words how it departs from the paper's protocol."""
    size, departs = cell.size, describe_departures(cell)
    return {
        **name_columns(cell),
        "published": not departs,
        "departs": departs,
        "layers": size.layers,
        "heads": size.heads,
        "width": size.width,
        "mlp_factor": size.mlp_factor,
        **{name: axes.in_tables(name, axes.value(cell, name)) for name in PARSERS},
    }


def axis_columns(cells: Iterable[str]) -> tuple[list[str], dict[str, list[str]]]:
    """The columns of a page that tell cells apart beside task and size: their headings, and the texts of each cell.

    Args:
        cells: the names of the cells of the page.
    """
    parsed = {name: parse_cell(name) for name in cells}
    vary = axes.beside_size(parsed.values())
    rows: dict[str, list[str]] = {name: [] for name in parsed}
    for axis in vary:
        texts = axes.texts(parsed.values(), axis)
        for name, cell in parsed.items():
            rows[name].append(texts[axes.value(cell, axis)])
    return [axes.LABELS[axis] for axis in vary], rows


def in_every_cell(cells: Iterable[str]) -> str:
    """What all cells of a page share, as a sentence, apart from a task or size, which have a column."""
    words = axes.in_every_cell([parse_cell(name) for name in cells], ("task", "size"))
    return f"In every cell: {', '.join(words)}."
