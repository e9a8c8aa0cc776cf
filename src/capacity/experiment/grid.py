"""Studies: from the grids of the configuration to cells, each with its seeds."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from capacity.errors import ConfigurationError, InputError
from capacity.experiment.answers import study_answer
from capacity.experiment.axes import SHAPE
from capacity.experiment.cell import SPLIT_AXES, Cell, make_cell
from capacity.experiment.checks import check_cell, check_name, check_shape
from capacity.experiment.seeds import MOST_SEEDS
from capacity.experiment.splits import normalise_pairs
from capacity.experiment.study_figures import StudyFigure, study_figures
from capacity.paper.protocol import Size
from capacity.tasks.registry import TASKS

MOST_CELLS = 10_000
"""Cells of all studies together. More is a slip: to plan and to tabulate these takes minutes."""
MOST_RUNS = 500_000
"""Seeds of all cells together."""

Config = Mapping[str, Any]


@dataclass(frozen=True)
class Study:
    """A named set of runs.

    Attributes:
        name: of the study.
        title: one line of text.
        cells: by canonical name.
        seeds: that the study trains of each cell, by the canonical name of the cell.
        question: that it asks, in a sentence; empty if the configuration has none.
        answer: the rule that answers it, with all of its options; None if the configuration has none.
        left_out: the tasks and sizes that the budget leaves out, such as ``facts, mlt``.
        figures: that the configuration describes and the cells suffice for, by name.
    """

    name: str
    title: str
    cells: dict[str, Cell]
    seeds: dict[str, tuple[int, ...]]
    question: str = ""
    answer: Mapping[str, Any] | None = None
    left_out: tuple[str, ...] = ()
    figures: dict[str, StudyFigure] = field(default_factory=dict)

    def figure(self, name: str) -> StudyFigure:
        """Return a figure by its name. Raises InputError if the study has none of this name."""
        if name not in self.figures:
            raise InputError(
                f"study {self.name!r} has no figure {name!r} under this budget; "
                f"it has {', '.join(self.figures) or 'none of its own'}"
            )
        return self.figures[name]

    @property
    def tasks(self) -> list[str]:
        """The tasks of the cells, in the order of the registry."""
        trained = {cell.task for cell in self.cells.values()}
        return [task for task in TASKS if task in trained]


def studies(config: Config) -> dict[str, Study]:
    """Return every study of a configuration, by name, under its budget, but for those of which it leaves out all cells.

    Raises ConfigurationError.
    """
    _check_number_of_cells(config)
    budget = _Budget(config)
    every = {name: _study(name, settings, config, budget) for name, settings in config["studies"].items()}
    return {name: study for name, study in every.items() if study.cells}


def expand_seeds(entries: Iterable[int | str], key: str) -> tuple[int, ...]:
    """Return ``[1337, "0-3"]`` as (0, 1, 2, 3, 1337). Raises ConfigurationError as :func:`seed_ranges` does."""
    return tuple(seed for first, last in seed_ranges(entries, key) for seed in range(first, last + 1))


def seed_ranges(entries: Iterable[int | str], key: str) -> list[tuple[int, int]]:
    """Return ``[1337, "0-3"]`` as [(0, 3), (1337, 1337)].

    Raises ConfigurationError for a repeated seed, for an empty range, and for too many seeds.
    """
    ranges = []
    number = 0
    for entry in entries:
        first, last = (entry, entry) if isinstance(entry, int) else (int(part) for part in entry.split("-"))
        if last < first:
            raise ConfigurationError(f"{key}: range {entry!r} must go upwards")
        number += last - first + 1
        if number > MOST_SEEDS:
            raise ConfigurationError(
                f"{key}: with {entry!r} there are more than {MOST_SEEDS:,} seeds, the most that a cell may have"
            )
        ranges.append((first, last))
    ranges.sort()
    for (_, last), (first, _) in itertools.pairwise(ranges):
        if first <= last:
            raise ConfigurationError(f"{key}: seed {first} appears twice; seeds must be unique")
    return ranges


class _Budget:
    """What a budget decides about cells, with its patterns made ready once for thousands of cells."""

    def __init__(self, config: Config) -> None:
        self.name = config["budget"]
        settings = config["budgets"][self.name]
        self._left_out = [_Pattern(where, config) for where in settings.get("leave_out", ())]
        self._cells = [(_Pattern(entry.get("where", {}), config), entry) for entry in settings["cells"]]
        self._runs = 0
        self._expanded: dict[tuple[Any, ...], tuple[int, ...]] = {}

    def leaves_out(self, study: str, task: str, size: Size) -> bool:
        """Return whether the budget leaves out a cell of a study whose grid names no seeds."""
        return any(pattern.matches(study, task, size) for pattern in self._left_out)

    def choices(self, study: str, task: str, size: Size) -> tuple[dict[str, Any], Sequence[int | str] | None]:
        """Return what the budget sets of a cell of a study, and its seeds."""
        chosen: dict[str, Any] = {}
        seeds = None
        for pattern, entry in self._cells:
            if pattern.matches(study, task, size):
                chosen |= entry.get("set", {})
                seeds = entry.get("seeds", seeds)
        return chosen, seeds

    def expand(self, seeds: Sequence[int | str], key: str) -> tuple[int, ...]:
        """Return the seeds of one more cell. Raises ConfigurationError if all cells have too many together."""
        if tuple(seeds) not in self._expanded:
            self._expanded[tuple(seeds)] = expand_seeds(seeds, key)
        expanded = self._expanded[tuple(seeds)]
        self._runs += len(expanded)
        if self._runs > MOST_RUNS:
            raise ConfigurationError(
                f"{key}: with these {len(expanded):,} seeds, the cells of all studies have more than {MOST_RUNS:,} "
                "together; ask for fewer seeds or cells"
            )
        return expanded


class _Pattern:
    """The studies, tasks and sizes that a cell must have, as far as ``where`` names any."""

    def __init__(self, where: Mapping[str, Any], config: Config) -> None:
        self._studies = set(where.get("study", config["studies"]))
        self._tasks = set(where.get("task", TASKS))
        self._sizes = {Size(**config["sizes"][name]) for name in where.get("size", ())}

    def matches(self, study: str, task: str, size: Size) -> bool:
        return study in self._studies and task in self._tasks and (not self._sizes or size in self._sizes)


def _check_number_of_cells(config: Config) -> None:
    """Raise ConfigurationError if the grids of all studies make too many cells, before any is made."""
    cells = 0
    for study, settings in config["studies"].items():
        for number, grid in enumerate(settings["grids"]):
            combinations = math.prod(len(values) for axis, values in grid.items() if axis != "seeds")
            cells += combinations
            if cells > MOST_CELLS:
                raise ConfigurationError(
                    f"studies.{study}.grids[{number}]: its axes make {combinations:,} cells, with which all studies "
                    f"have more than {MOST_CELLS:,}; make them shorter"
                )


def _study(name: str, settings: Mapping[str, Any], config: Config, budget: _Budget) -> Study:
    cells: dict[str, Cell] = {}
    seeds: dict[str, tuple[int, ...]] = {}
    left_out: list[Cell] = []
    for number, grid in enumerate(settings["grids"]):
        key = f"studies.{name}.grids[{number}]"
        for axes in _expand(grid, key, config):
            if "seeds" not in grid and budget.leaves_out(name, axes["task"], _size(axes, config)):
                left_out.append(_make(name, axes, key, config, budget)[0])
                continue
            cell, cell_seeds = _resolve(name, axes, grid, key, config, budget)
            if cell.name in cells:
                raise ConfigurationError(f"{key}: the cell {cell.name} appears twice in this study; leave one out")
            cells[cell.name] = cell
            seeds[cell.name] = cell_seeds
    answer = study_answer(settings.get("answer"), [*cells.values(), *left_out], config, f"studies.{name}.answer")
    figures = study_figures(name, settings.get("figures"), cells.values(), left_out)
    names = dict.fromkeys(f"{cell.task}, {cell.size.name}" for cell in left_out)
    question = settings.get("question", "")
    return Study(name, settings["title"], cells, seeds, question, answer, tuple(names), figures)


def _expand(grid: Mapping[str, Any], key: str, config: Config) -> Iterable[dict[str, Any]]:
    """Yield every combination of the values of a grid's axes, seeds left out."""
    shape = [axis for axis in SHAPE if axis in grid]
    if "size" in grid and shape:
        raise ConfigurationError(f"{key}.{shape[0]}: give either size or {', '.join(SHAPE)}, not both")
    if "size" not in grid and len(shape) < len(SHAPE):
        missing = next(axis for axis in SHAPE if axis not in grid)
        raise ConfigurationError(f"{key}.{missing}: is missing; give size, or all of {', '.join(SHAPE)}")
    given = [axis for axis in SPLIT_AXES if axis in grid]
    if given and "held_out" in grid:
        raise ConfigurationError(f"{key}.held_out: give either held_out or {' and '.join(SPLIT_AXES)}, not both")
    if len(given) == 1:
        (missing,) = set(SPLIT_AXES) - set(given)
        raise ConfigurationError(f"{key}.{missing}: is missing; {given[0]} needs it")
    for number, task in enumerate(grid["task"]):
        check_name(task, TASKS, f"{key}.task[{number}]")
    for size in grid.get("size", ()):
        check_name(size, config["sizes"], f"{key}.size")
    names = [axis for axis in grid if axis != "seeds"]
    for values in itertools.product(*(grid[name] for name in names)):
        yield dict(zip(names, values, strict=True))


def _size(axes: Mapping[str, Any], config: Config) -> Size:
    return Size(**config["sizes"][axes["size"]] if "size" in axes else {axis: axes[axis] for axis in SHAPE})


def _resolve(
    study: str, axes: dict[str, Any], grid: Mapping[str, Any], key: str, config: Config, budget: _Budget
) -> tuple[Cell, tuple[int, ...]]:
    """Return the cell of one combination of axes, and its seeds, where the budget decides what the grid leaves open."""
    cell, seeds = _make(study, axes, key, config, budget)
    seeds = grid.get("seeds", seeds)
    if seeds is None:
        raise ConfigurationError(f"{key}.seeds: is missing, and no entry of budgets.{budget.name}.cells gives it")
    check_cell(cell, key)
    return cell, budget.expand(seeds, f"{key}.seeds")


def _make(
    study: str, axes: dict[str, Any], key: str, config: Config, budget: _Budget
) -> tuple[Cell, Sequence[int | str] | None]:
    """Return the cell of one combination of axes of a study, and the seeds that the budget gives it."""
    task, size = axes["task"], _size(axes, config)
    chosen = {axis: value for axis, value in axes.items() if axis not in ("task", "size", *SHAPE)}
    check_shape(size, key)
    set_by_budget, seeds = budget.choices(study, task, size)
    merged = set_by_budget | chosen
    if "held_out" in merged:
        merged["held_out"] = normalise_pairs(merged["held_out"])
    return make_cell(task, size, **merged), seeds
