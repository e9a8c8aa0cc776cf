"""Studies: from the grids of the configuration to cells, each with its seeds."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from capacity.errors import ConfigurationError
from capacity.experiment.cell import Cell, make_cell, normalise_pairs
from capacity.experiment.checks import check_cell, check_name, check_shape
from capacity.experiment.seeds import MOST_SEEDS
from capacity.paper.protocol import Size
from capacity.tasks.registry import TASKS

MOST_CELLS = 10_000
"""Cells of one grid: more is a slip."""
SHAPE_AXES = ("layers", "heads", "width", "mlp_factor")

Config = Mapping[str, Any]


@dataclass(frozen=True)
class Study:
    """A named set of runs.

    Attributes:
        name: of the study.
        title: one line of text.
        cells: by canonical name.
        seeds: that the study trains of each cell, by the canonical name of the cell.
    """

    name: str
    title: str
    cells: dict[str, Cell]
    seeds: dict[str, tuple[int, ...]]

    @property
    def tasks(self) -> list[str]:
        """The tasks of the cells, in the order of the registry."""
        trained = {cell.task for cell in self.cells.values()}
        return [task for task in TASKS if task in trained]


def studies(config: Config) -> dict[str, Study]:
    """Return every study of a configuration, by name, under its budget, but for those of which it leaves out all cells.

    Raises ConfigurationError.
    """
    every = {name: _study(name, settings, config) for name, settings in config["studies"].items()}
    return {name: study for name, study in every.items() if study.cells}


def expand_seeds(entries: Iterable[int | str], key: str) -> tuple[int, ...]:
    """Return ``[1337, "0-3"]`` as (0, 1, 2, 3, 1337).

    Raises ConfigurationError for a repeated seed, for an empty range, and for too many seeds.
    """
    seeds: list[int] = []
    for entry in entries:
        first, last = (entry, entry) if isinstance(entry, int) else (int(part) for part in entry.split("-"))
        if last < first:
            raise ConfigurationError(f"{key}: range {entry!r} must go upwards")
        if len(seeds) + last - first >= MOST_SEEDS:
            raise ConfigurationError(
                f"{key}: with {entry!r} there are more than {MOST_SEEDS:,} seeds, the most that a cell may have"
            )
        seeds.extend(range(first, last + 1))
    repeated = [seed for seed, times in Counter(seeds).items() if times > 1]
    if repeated:
        raise ConfigurationError(f"{key}: seed {repeated[0]} appears twice; seeds must be unique")
    return tuple(sorted(seeds))


def _study(name: str, settings: Mapping[str, Any], config: Config) -> Study:
    cells: dict[str, Cell] = {}
    seeds: dict[str, tuple[int, ...]] = {}
    for number, grid in enumerate(settings["grids"]):
        key = f"studies.{name}.grids[{number}]"
        for axes in _expand(grid, key, config):
            if _is_left_out(axes, "seeds" in grid, config):
                continue
            cell, cell_seeds = _resolve(axes, grid, key, config)
            if cell.name in cells:
                raise ConfigurationError(f"{key}: the cell {cell.name} appears twice in this study; leave one out")
            cells[cell.name] = cell
            seeds[cell.name] = cell_seeds
    return Study(name, settings["title"], cells, seeds)


def _expand(grid: Mapping[str, Any], key: str, config: Config) -> Iterable[dict[str, Any]]:
    """Yield every combination of the values of a grid's axes, seeds left out."""
    shape = [axis for axis in SHAPE_AXES if axis in grid]
    if "size" in grid and shape:
        raise ConfigurationError(f"{key}.{shape[0]}: give either size or {', '.join(SHAPE_AXES)}, not both")
    if "size" not in grid and len(shape) < len(SHAPE_AXES):
        missing = next(axis for axis in SHAPE_AXES if axis not in grid)
        raise ConfigurationError(f"{key}.{missing}: is missing; give size, or all of {', '.join(SHAPE_AXES)}")
    for number, task in enumerate(grid["task"]):
        check_name(task, TASKS, f"{key}.task[{number}]")
    for size in grid.get("size", ()):
        check_name(size, config["sizes"], f"{key}.size")
    names = [axis for axis in grid if axis != "seeds"]
    combinations = math.prod(len(grid[name]) for name in names)
    if combinations > MOST_CELLS:
        raise ConfigurationError(
            f"{key}: its axes make {combinations:,} cells, more than {MOST_CELLS:,}; make them shorter"
        )
    for values in itertools.product(*(grid[name] for name in names)):
        yield dict(zip(names, values, strict=True))


def _is_left_out(axes: Mapping[str, Any], seeds_are_named: bool, config: Config) -> bool:
    """Return whether the budget leaves out the cell of one combination of axes."""
    size = _size(axes, config)
    patterns = config["budgets"][config["budget"]].get("leave_out", ())
    return not seeds_are_named and any(_matches(where, axes["task"], size, config) for where in patterns)


def _matches(where: Mapping[str, Any], task: str, size: Size, config: Config) -> bool:
    """Return whether a cell has one of the tasks and one of the sizes of a pattern, as far as it names any."""
    sizes = [Size(**config["sizes"][name]) for name in where.get("size", ())]
    return task in where.get("task", [task]) and (size in sizes or not sizes)


def _size(axes: Mapping[str, Any], config: Config) -> Size:
    return Size(**config["sizes"][axes["size"]] if "size" in axes else {axis: axes[axis] for axis in SHAPE_AXES})


def _resolve(axes: dict[str, Any], grid: Mapping[str, Any], key: str, config: Config) -> tuple[Cell, tuple[int, ...]]:
    """Return the cell of one combination of axes, and its seeds, where the budget decides what the grid leaves open."""
    task, size = axes["task"], _size(axes, config)
    chosen = {axis: value for axis, value in axes.items() if axis not in ("task", "size", *SHAPE_AXES)}
    check_shape(size, key)
    budget: dict[str, Any] = {}
    seeds = grid.get("seeds")
    for entry in config["budgets"][config["budget"]]["cells"]:
        if _matches(entry.get("where", {}), task, size, config):
            budget |= entry.get("set", {})
            seeds = seeds if "seeds" in grid else entry.get("seeds", seeds)
    if seeds is None:
        raise ConfigurationError(f"{key}.seeds: is missing, and no entry of budgets.{config['budget']}.cells gives it")
    merged = budget | chosen
    if "held_out" in merged:
        merged["held_out"] = normalise_pairs(merged["held_out"])
    cell = make_cell(task, size, **merged)
    check_cell(cell, key)
    return cell, expand_seeds(seeds, f"{key}.seeds")
