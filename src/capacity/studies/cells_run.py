"""What a study has run, in words: the axes that vary, what all cells share said once, the seeds, and departures."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from capacity.experiment.answers import SHAPE_AXES, varying_axes
from capacity.experiment.cell import LINE_AXES, PARSERS, Cell, make_cell, parse_cell
from capacity.experiment.seeds import format_seeds
from capacity.paper import protocol
from capacity.studies.groups import axis_name, value_words
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
    axes = varying_axes(cells)
    asked = {axis for cell in cells for axis in TASKS[cell.task].axes}
    settings = [axis for axis in PARSERS if axis not in LINE_AXES or axis in asked]
    fixed = [axis for axis in ("task", "size", *settings) if axis not in axes]
    # What varies although it is not an axis of the study is set for each task and size, as the paper does or a budget.
    by_size = [axis for axis in fixed if len({_value(cell, axis) for cell in cells}) > 1]
    varying = [_varying(axis, cells) for axis in _shapes(axes, cells)]
    for name, values, usual in (_varying(axis, cells) for axis in by_size):
        varying.append((f"{name} (by task and size)", values, usual))
    shared = [_shared(axis, cells) for axis in fixed if axis not in by_size]
    return CellsRun(
        len(cells),
        len(runs),
        int(runs["diverged"].sum()),
        tuple(varying),
        tuple(shared),
        tuple(_seeds(runs)),
        sum(bool(cell.departures_from_published()) for cell in cells),
    )


def _shapes(axes: Sequence[str], cells: Sequence[Cell]) -> list[str]:
    """Return the axes with those of the shape in place of the size, if several of them vary and sizes have no names."""
    named = set(protocol.SIZES.values())
    if "size" not in axes or all(cell.size in named for cell in cells):
        return list(axes)
    shape = [axis for axis in SHAPE_AXES if len({getattr(cell.size, axis) for cell in cells}) > 1]
    return [each for axis in axes for each in (shape if axis == "size" else [axis])]


def _varying(axis: str, cells: Sequence[Cell]) -> tuple[str, str, str]:
    """Return the name of an axis, its values in words, and those of the paper where they are others."""
    values = _in_order(axis, cells)
    words = [_words(axis, value) for value in values]
    if len(words) > MOST_LISTED:
        words = [f"{len(words)} values", f"{words[0]} to {words[-1]}"]
    usual = _usual(axis, cells)
    return axis_name(axis), ", ".join(words), ", ".join(_words(axis, value) for value in usual)


def _shared(axis: str, cells: Sequence[Cell]) -> str:
    """Say the value that all cells share, with the paper's if it is another."""
    value, usual = _value(cells[0], axis), _usual(axis, cells)
    words = f"{axis_name(axis)} {_words(axis, value)}"
    if axis in ("task", "size") or usual == [value]:
        return words
    return f"{words} (paper: {' or '.join(_words(axis, each) for each in usual)})"


def _usual(axis: str, cells: Sequence[Cell]) -> list[Any]:
    """Return the values that the paper's protocol gives an axis for these tasks and sizes; none for task and size."""
    if axis in ("task", "size", *SHAPE_AXES):
        return []
    pairs = dict.fromkeys((cell.task, cell.size) for cell in cells)
    return _sorted({_value(make_cell(task, size), axis) for task, size in pairs})


def _in_order(axis: str, cells: Sequence[Cell]) -> list[Any]:
    """Return the values of an axis, numbers in ascending order and sizes by their numbers of weights."""
    if axis == "size":
        ordered = sorted(cells, key=lambda cell: cell.size.matrix_weights)
        return list(dict.fromkeys(cell.size.name for cell in ordered))
    values = dict.fromkeys(_value(cell, axis) for cell in cells)
    return list(values) if axis == "task" else _sorted(values)


def _sorted(values: Iterable[Any]) -> list[Any]:
    return sorted(values, key=lambda value: (isinstance(value, str), value))


def _value(cell: Cell, axis: str) -> Any:
    if axis == "size":
        return cell.size.name
    return getattr(cell.size, axis) if axis in SHAPE_AXES else getattr(cell, axis)


def _words(axis: str, value: Any) -> str:
    if axis == "held_out":
        return " and ".join(f"{left}{right}" for left, right in value)
    return str(value) if axis == "corpus_seed" else value_words(value)


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
