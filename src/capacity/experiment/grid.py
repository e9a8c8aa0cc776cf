"""TODO experiment.grid."""

from __future__ import annotations

import difflib
import functools
import itertools
import math
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from capacity.errors import InputError
from capacity.experiment.cell import Cell, Pairs, make_cell, normalise_pairs
from capacity.experiment.seeds import MOST_SEEDS
from capacity.paper.protocol import Size
from capacity.tasks.registry import TASKS

LONGEST_NAME = 200  # a file system takes 255 bytes for one part of a path; some are for suffixes
# Bounds on what single keys, each within its own range, make together: more is a slip, and would end a job or the
# whole machine for want of memory.
MOST_WEIGHTS = 10**9  # of one network
MOST_CHARACTERS = 10**7  # of one batch
MOST_EVALUATIONS = 10**6  # of one run: a row of its history each
MOST_CELLS = 10_000  # of one grid
SHAPE_AXES = ("layers", "heads", "width", "mlp_factor")

Config = Mapping[str, Any]


class ConfigurationError(InputError):
    """A configuration that cannot be run; the message names the key, the value and what would be right."""


@dataclass(frozen=True)
class Study:
    """A named set of runs: for each cell, by canonical name, the seeds it is wanted with."""

    name: str
    title: str
    cells: dict[str, Cell]
    seeds: dict[str, tuple[int, ...]]


def studies(config: Config) -> dict[str, Study]:
    """Every study of a configuration, by name, under its budget. Raises ConfigurationError."""
    return {name: _study(name, settings, config) for name, settings in config["studies"].items()}


def expand_seeds(entries: Iterable[int | str], key: str) -> tuple[int, ...]:
    """``[1337, "0-3"]`` as (0, 1, 2, 3, 1337). Raises ConfigurationError for a repeated seed, a range that is empty, or
    too many seeds."""
    seeds: list[int] = []
    for entry in entries:
        first, last = (entry, entry) if isinstance(entry, int) else (int(part) for part in entry.split("-"))
        if last < first:
            raise ConfigurationError(f"{key}: range {entry!r} must go upwards")
        if len(seeds) + last - first >= MOST_SEEDS:
            raise ConfigurationError(f"{key}: {entry!r} makes it more than {MOST_SEEDS:,} seeds, the most there may be")
        seeds.extend(range(first, last + 1))
    repeated = [seed for seed, times in Counter(seeds).items() if times > 1]
    if repeated:
        raise ConfigurationError(f"{key}: seed {repeated[0]} stands there twice; seeds must be unique")
    return tuple(sorted(seeds))


def _study(name: str, settings: Mapping[str, Any], config: Config) -> Study:
    cells: dict[str, Cell] = {}
    seeds: dict[str, tuple[int, ...]] = {}
    for number, grid in enumerate(settings["grids"]):
        key = f"studies.{name}.grids[{number}]"
        for axes in _expand(grid, key, config):
            cell, cell_seeds = _resolve(axes, grid, key, config)
            if cell.name in cells:
                raise ConfigurationError(f"{key}: the cell {cell.name} stands in this study twice")
            cells[cell.name] = cell
            seeds[cell.name] = cell_seeds
    return Study(name, settings["title"], cells, seeds)


def _expand(grid: Mapping[str, Any], key: str, config: Config) -> Iterable[dict[str, Any]]:
    shape = [axis for axis in SHAPE_AXES if axis in grid]
    if "size" in grid and shape:
        raise ConfigurationError(f"{key}.{shape[0]}: give either size or {', '.join(SHAPE_AXES)}, not both")
    if "size" not in grid and len(shape) < len(SHAPE_AXES):
        missing = next(axis for axis in SHAPE_AXES if axis not in grid)
        raise ConfigurationError(f"{key}.{missing}: is missing; give size, or all of {', '.join(SHAPE_AXES)}")
    for number, task in enumerate(grid["task"]):
        _check_name(f"{key}.task[{number}]", task, TASKS)
    for size in grid.get("size", ()):
        _check_name(f"{key}.size", size, config["sizes"])
    names = [axis for axis in grid if axis != "seeds"]
    made = math.prod(len(grid[name]) for name in names)
    if made > MOST_CELLS:
        raise ConfigurationError(f"{key}: its axes make {made:,} cells, more than {MOST_CELLS:,}; make them shorter")
    for values in itertools.product(*(grid[name] for name in names)):
        yield dict(zip(names, values, strict=True))


def _resolve(axes: dict[str, Any], grid: Mapping[str, Any], key: str, config: Config) -> tuple[Cell, tuple[int, ...]]:
    chosen = dict(axes)
    task = chosen.pop("task")
    name = chosen.pop("size", None)
    size = Size(**config["sizes"][name]) if name else Size(**{axis: chosen.pop(axis) for axis in SHAPE_AXES})
    _check_shape(key, size)
    budget: dict[str, Any] = {}
    seeds = grid.get("seeds")
    for entry in config["budgets"][config["budget"]]["cells"]:
        where = entry.get("where", {})
        sizes = [Size(**config["sizes"][each]) for each in where.get("size", ())]
        if task in where.get("task", [task]) and (size in sizes or not sizes):
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


def check_cell(cell: Cell, key: str) -> None:
    """Raises ConfigurationError if settings of a cell contradict each other or are too much together."""
    if "held_out" in TASKS[cell.task].axes and len(cell.held_out) >= 55:
        raise ConfigurationError(f"{key}.held_out: all 55 pairs of digits are held out; leave at least one to train on")
    characters, longest = _text_lengths(cell.task, cell.held_out, cell.facts)
    if cell.stream in ("fixed", "reshuffled") and cell.block >= characters:
        raise ConfigurationError(f"{key}.block: {cell.block} is not less than the text's {characters} characters")
    if cell.stream in ("aligned", "answer-only") and cell.block < longest - 1:
        raise ConfigurationError(
            f"{key}.block: {cell.block} is too short for stream {cell.stream!r}; {longest - 1} or more"
        )
    if cell.warmup_iterations >= cell.decay_iterations:
        raise ConfigurationError(
            f"{key}.warmup_iterations: {cell.warmup_iterations} is not less than "
            f"decay_iterations, {cell.decay_iterations}"
        )
    if cell.warmup_iterations > cell.iterations:
        raise ConfigurationError(
            f"{key}.warmup_iterations: {cell.warmup_iterations} is above iterations, {cell.iterations}"
        )
    if cell.final_learning_rate > cell.learning_rate:
        raise ConfigurationError(
            f"{key}.final_learning_rate: {cell.final_learning_rate} is above learning_rate, {cell.learning_rate}"
        )
    if cell.evaluation_interval > cell.iterations:
        raise ConfigurationError(
            f"{key}.evaluation_interval: {cell.evaluation_interval} is above iterations, {cell.iterations}"
        )
    evaluations = cell.iterations // cell.evaluation_interval
    if evaluations > MOST_EVALUATIONS:
        raise ConfigurationError(
            f"{key}.evaluation_interval: {cell.evaluation_interval} makes {evaluations:,} evaluations of "
            f"{cell.iterations:,} iterations, more than {MOST_EVALUATIONS:,}; make it larger"
        )
    if cell.batch * cell.block > MOST_CHARACTERS:
        raise ConfigurationError(
            f"{key}.batch: {cell.batch} windows of {cell.block} characters are more than {MOST_CHARACTERS:,} characters"
        )
    if len(cell.variant) > LONGEST_NAME:
        raise ConfigurationError(f"{key}: the name of the cell {cell.name} is longer than {LONGEST_NAME} characters")


@functools.lru_cache(maxsize=1024)
def _text_lengths(task: str, held_out: Pairs, facts: int) -> tuple[int, int]:
    """The characters of the seen lines of a corpus, and those of the longest; their order has no say."""
    seen = [len(line.text) for line in TASKS[task].lines(held_out=held_out, facts=facts) if line.split == "seen"]
    return sum(seen), max(seen)


def _check_shape(key: str, size: Size) -> None:
    if size.width % size.heads:
        raise ConfigurationError(f"{key}.heads: {size.heads} heads do not divide the width {size.width}")
    weights = size.matrix_weights
    if weights > MOST_WEIGHTS:
        raise ConfigurationError(
            f"{key}.width: {size.width} makes {weights:,} weights with layers {size.layers} and mlp_factor "
            f"{size.mlp_factor}, more than {MOST_WEIGHTS:,}"
        )


def _check_name(key: str, name: Any, known: Collection[str]) -> None:
    if name not in known:
        raise ConfigurationError(
            f"{key}: {name!r} is not known; it must be one of {', '.join(known)}{_hint(name, known)}"
        )


def _hint(name: Any, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(str(name), list(known), 1)
    return f" (did you mean {close[0]!r}?)" if close else ""
