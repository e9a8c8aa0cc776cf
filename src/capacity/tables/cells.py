"""Columns that name and describe a cell."""

from __future__ import annotations

from typing import Any

from capacity.experiment.cell import Cell, describe_departures


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
        "held_out": " ".join(f"{left}{right}" for left, right in cell.held_out),
        **{name: value for name, value in cell.settings().items() if name not in ("task", "size", "held_out")},
    }
