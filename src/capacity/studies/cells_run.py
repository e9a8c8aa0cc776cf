"""What a study has run, in words: the axes that vary, what all cells share said once, the seeds, and departures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from capacity.experiment import axes
from capacity.experiment.cell import LINE_AXES, PARSERS, Cell, base_cell, parse_cell
from capacity.experiment.seeds import format_seeds
from capacity.tasks.registry import TASKS

MOST_LISTED = 12
"""Values, or groups of cells, that are listed one by one."""


@dataclass(frozen=True)
class CellsRun:
    """What was run.

    Attributes:
        cells, runs, diverged: how many there are.
        varying: for each axis that varies its name, its values in words, and those of the paper.
        shared: what all cells share, in words, such as ``stream fixed``; with the paper's value where it is another.
        seeds: the seeds of cells, in words: one line if all have the same.
        departs: how many of the cells the paper did not publish.
    """

    cells: int
    runs: int
    diverged: int
    varying: tuple[tuple[str, str, str], ...]
    shared: tuple[str, ...]
    seeds: tuple[str, ...]
    departs: int


def describe(runs: pd.DataFrame) -> CellsRun:
    """Say what the runs of a study are, from their table."""
    cells = [parse_cell(str(name)) for name in dict.fromkeys(runs["cell"])]
    vary = axes.all_varying(cells)
    several = {axis for axis in axes.LABELS if len({axes.value(cell, axis) for cell in cells}) > 1}
    asked = {axis for cell in cells for axis in TASKS[cell.task].axes}
    unsaid = axes.left_unsaid(cells)
    settings = [axis for axis in PARSERS if axis not in unsaid and (axis not in LINE_AXES or axis in asked)]
    shape = ["size"] if "size" not in several else [axis for axis in axes.SHAPE if axis not in several]
    varying = [_varying(axis, cells) for axis in vary]
    # What varies although it is not an axis of the study follows from one, as a block does from the largest operand, or
    # is set for each task and size, as the paper does or a budget.
    for axis in (axis for axis in settings if axis in several and axis not in vary):
        name, values, usual = _varying(axis, cells)
        varying.append((f"{name} ({_decided_by(axis, cells)})", values, usual))
    return CellsRun(
        len(cells),
        len(runs),
        int(runs["diverged"].sum()),
        tuple(varying),
        tuple(_shared(axis, cells) for axis in ("task", *shape, *settings) if axis not in several),
        tuple(_seeds(runs)),
        sum(bool(cell.departures_from_published()) for cell in cells),
    )


def _decided_by(axis: str, cells: Sequence[Cell]) -> str:
    """Say what decides a setting that is no axis of a study: other settings, where one task and size has several."""
    of_kind: dict[Any, set[Any]] = {}
    for cell in cells:
        of_kind.setdefault((cell.task, cell.size), set()).add(axes.value(cell, axis))
    return "follows from other settings" if max(map(len, of_kind.values())) > 1 else "by task and size"


def _varying(axis: str, cells: Sequence[Cell]) -> tuple[str, str, str]:
    """Return the name of an axis, its values in words, and those of the paper where they are others."""
    words = list(axes.texts(cells, axis).values())
    if len(words) > MOST_LISTED:
        words = [f"{len(words)} values", f"{words[0]} to {words[-1]}"]
    return axes.name(axis), ", ".join(words), ", ".join(axes.short(axis, value) for value in _usual(axis, cells))


def _shared(axis: str, cells: Sequence[Cell]) -> str:
    """Say the value that all cells share, with the paper's if it is another."""
    value, usual = axes.value(cells[0], axis), _usual(axis, cells)
    words = axes.in_words(axis, value)
    if usual in ([], [value]):
        return words
    return f"{words} (paper: {' or '.join(axes.short(axis, each) for each in usual)})"


def _usual(axis: str, cells: Sequence[Cell]) -> list[Any]:
    """Return the values that the paper's protocol gives an axis for these tasks and sizes; none for task and size."""
    if axis in ("task", "size", *axes.SHAPE):
        return []
    return axes.ordered((base_cell(cell.task, cell.size) for cell in cells), axis)


def _seeds(runs: pd.DataFrame) -> list[str]:
    """Say which seeds the cells have, those with the same ones together."""
    alike: dict[tuple[int, ...], list[str]] = {}
    for name, of_cell in runs.groupby("cell", sort=False):
        cell, seeds = parse_cell(str(name)), tuple(sorted(of_cell["seed"].tolist()))
        alike.setdefault(seeds, []).append(f"{cell.task} {cell.size.name}")
    lines = []
    for seeds, names in alike.items():
        which = format_seeds(seeds).replace("_", ", ")
        number = f"{len(seeds)} {'seed' if len(seeds) == 1 else 'seeds'} ({which})"
        distinct = list(dict.fromkeys(names))
        whose = ", ".join(distinct[:MOST_LISTED]) + (" and others" if len(distinct) > MOST_LISTED else "")
        lines.append(f"every cell has {number}" if len(alike) == 1 else f"{number}: {whose}")
    return lines
