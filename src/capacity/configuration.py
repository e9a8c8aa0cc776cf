"""From config.yaml to the runs of each study: validation, expansion of grids, and seeds into jobs.

Pure functions on the parsed configuration; only :func:`main_configuration` opens config.yaml.
"""

from __future__ import annotations

import difflib
import functools
import itertools
import math
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema
import yaml

from capacity import protocol, tasks
from capacity.cells import MOST_SEEDS, Cell, Pairs, make_cell, normalise_pairs
from capacity.errors import InputError
from capacity.protocol import Size

LONGEST_NAME = 200  # a file system takes 255 bytes for one part of a path; some are for suffixes
# Bounds on what single keys, each within its own range, make together: more is a slip, and would end a job or the
# whole machine for want of memory.
MOST_WEIGHTS = 10**9  # of one network
MOST_CHARACTERS = 10**7  # of one batch
MOST_EVALUATIONS = 10**6  # of one run: a row of its history each
MOST_CELLS = 10_000  # of one grid
SHAPE_AXES = ("layers", "heads", "width", "mlp_factor")

Config = Mapping[str, Any]


def _whole_pattern(_: Any, pattern: str, value: Any, __: Any) -> Iterator[jsonschema.ValidationError]:
    """Patterns are of whole texts: ``$`` alone lets a newline follow, and a key of YAML may be no text at all."""
    if not isinstance(value, str) or re.fullmatch(pattern, value) is None:
        yield jsonschema.ValidationError(f"{value!r} does not match {pattern!r}")


_Validator = jsonschema.validators.extend(  # type: ignore[no-untyped-call]
    jsonschema.Draft202012Validator,
    validators={"pattern": _whole_pattern},
    type_checker=jsonschema.Draft202012Validator.TYPE_CHECKER.redefine_many(
        {
            # JSON takes 20.0 for an integer and YAML knows .nan: neither is what a setting is meant to be.
            "integer": lambda _, value: isinstance(value, int) and not isinstance(value, bool),
            "number": lambda _, value: (
                isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
            ),
        }
    ),
)


class ConfigurationError(InputError):
    """A configuration that cannot be run; the message names the key, the value and what would be right."""


@dataclass(frozen=True)
class Study:
    """A named set of runs: for each cell, by canonical name, the seeds it is wanted with."""

    name: str
    title: str
    cells: dict[str, Cell]
    seeds: dict[str, tuple[int, ...]]


def main_configuration(root: Path, budget: str | None = None) -> dict[str, Any]:
    """``config.yaml`` in ``root``, validated, with another budget if one is named."""
    config: dict[str, Any] = read_yaml(root / "config.yaml")
    if budget is not None:
        config["budget"] = budget
    validate(config, read_yaml(root / "workflow/schemas/config.schema.yaml"))
    return config


class _Loader(yaml.SafeLoader):
    """YAML's safe loader, which alone would let a key that stands there twice silently win over the first."""

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        seen = set()
        for key, _ in node.value:
            if (key.tag, str(key.value)) in seen:
                mark = key.start_mark
                raise ConfigurationError(f"{mark.name}, line {mark.line + 1}: the key {key.value!r} stands there twice")
            seen.add((key.tag, str(key.value)))
        return node


def read_yaml(path: Path) -> Any:
    """The value in a YAML file. Raises ConfigurationError if it is no YAML or a key of a mapping stands there twice."""
    try:
        with path.open(encoding="utf-8") as file:
            return yaml.load(file, _Loader)
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigurationError(f"{path} is not YAML: {error}") from error


def validate(config: Config, schema: Mapping[str, Any]) -> dict[str, Study]:
    """The studies of a configuration, once it is checked against the schema and then across its fields. Raises
    ConfigurationError."""
    errors = sorted(_Validator(schema).iter_errors(config), key=lambda error: list(map(str, error.path)))
    if errors:
        raise ConfigurationError(_explain(errors[0]))
    for name, shape in config["sizes"].items():
        _check_size(name, Size(**shape))
    _check_name("budget", config["budget"], config["budgets"])
    for key in ("threads", "precision"):
        _check_by_size(key, config)
    for budget, settings in config["budgets"].items():
        for study in settings["run"]:
            _check_name(f"budgets.{budget}.run", study, config["studies"])
        for number, entry in enumerate(settings["cells"]):
            key = f"budgets.{budget}.cells[{number}]"
            for size in entry.get("where", {}).get("size", ()):
                _check_name(f"{key}.where.size", size, config["sizes"])
            if "seeds" in entry:
                expand_seeds(entry["seeds"], f"{key}.seeds")
            elif "set" not in entry:
                raise ConfigurationError(f"{key}: {entry!r} decides nothing; give it set, seeds or both")
    return studies(config)


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


def assign_jobs(
    wanted: Sequence[Collection[int]], trained: Iterable[tuple[int, ...]], seeds_per_job: int
) -> list[tuple[int, ...]]:
    """The jobs that together train every wanted seed of one cell.

    Args:
        wanted: the seeds that each study asks for.
        trained: the jobs whose results exist.
        seeds_per_job: the most seeds of a new job.

    What exists is kept as it is, so that asking for more seeds trains only the new ones. New seeds are cut into jobs
    so that each study's new seeds are whole jobs, and a job is not cut anew when another one finishes.
    """
    left = set().union(*wanted)
    jobs = []
    for job in sorted(set(trained), key=lambda seeds: (-len(seeds), seeds)):
        if left.intersection(job):
            jobs.append(job)
            left.difference_update(job)
    askers: dict[tuple[bool, ...], list[int]] = {}
    for seed in sorted(left):
        askers.setdefault(tuple(seed in seeds for seeds in wanted), []).append(seed)
    for seeds in askers.values():
        jobs.extend(tuple(seeds[first : first + seeds_per_job]) for first in range(0, len(seeds), seeds_per_job))
    return sorted(jobs)


def threads(config: Config, size: Size) -> int:
    """CPU threads of a job that trains a size."""
    return int(_by_size("threads", config, size))


def execution_options(config: Config, size: Size) -> str:
    """The options of ``capacity.train`` that say how updates of a size are carried out."""
    options = ["--precision", str(_by_size("precision", config, size))]
    options += ["--compile"] * config["compile"] + ["--cuda-graph"] * config["cuda_graph"]
    return " ".join(options)


def snapshot_options(config: Config) -> str:
    """The options of ``capacity.train`` that say when it saves snapshots."""
    return " ".join(f"--snapshot-{name} {config['snapshots'][name]}" for name in ("seconds", "updates"))


def _by_size(key: str, config: Config, size: Size) -> Any:
    by_name = config[key].get("sizes", {})
    by_shape = {Size(**config["sizes"][name]): value for name, value in by_name.items()}
    return by_shape.get(size, config[key]["default"])


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


def check_named(cell: Cell, schema: Mapping[str, Any]) -> None:
    """Hold a cell that was asked for by its name to what a grid may ask for. Raises ConfigurationError."""
    settings = {**cell.settings(), **cell.settings()["size"]}
    grid = {axis: [value] for axis, value in settings.items() if axis != "size"}
    for error in _Validator({"$ref": "#/$defs/grid", "$defs": schema["$defs"]}).iter_errors(grid):
        raise ConfigurationError(f"{cell.name}: {_explain(error)}")
    _check_shape(cell.name, cell.size)
    check_cell(cell, cell.name)


def check_cell(cell: Cell, key: str) -> None:
    """Raises ConfigurationError if settings of a cell contradict each other or are too much together."""
    if cell.task != "facts" and len(cell.held_out) >= 55:
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
    seen = [len(line.text) for line in tasks.lines(task, held_out, facts) if line.split == "seen"]
    return sum(seen), max(seen)


def _check_shape(key: str, size: Size) -> None:
    if size.width % size.heads:
        raise ConfigurationError(f"{key}.heads: {size.heads} heads do not divide the width {size.width}")
    weights = size.layers * (4 + 2 * size.mlp_factor) * size.width**2
    if weights > MOST_WEIGHTS:
        raise ConfigurationError(
            f"{key}.width: {size.width} makes {weights:,} weights with layers {size.layers} and mlp_factor "
            f"{size.mlp_factor}, more than {MOST_WEIGHTS:,}"
        )


def _check_by_size(key: str, config: Config) -> None:
    by_shape: dict[Size, tuple[str, Any]] = {}
    for name, value in config[key].get("sizes", {}).items():
        _check_name(f"{key}.sizes", name, config["sizes"])
        other, chosen = by_shape.setdefault(Size(**config["sizes"][name]), (name, value))
        if chosen != value:
            raise ConfigurationError(
                f"{key}.sizes.{name}: {value!r}, but {other} has the same shape and {chosen!r}; give both the same"
            )


def _check_size(name: str, size: Size) -> None:
    _check_shape(f"sizes.{name}", size)
    reserved = protocol.SIZES.get(name)
    if reserved is None:
        try:
            reserved = Size.parse(name)
        except ValueError:
            return
    if size != reserved:
        raise ConfigurationError(
            f"sizes.{name}: {size} is not the shape that this name stands for, {reserved}; choose another name"
        )


def _check_name(key: str, name: Any, known: Collection[str]) -> None:
    if name not in known:
        raise ConfigurationError(
            f"{key}: {name!r} is not known; it must be one of {', '.join(known)}{_hint(name, known)}"
        )


def _hint(name: Any, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(str(name), list(known), 1)
    return f" (did you mean {close[0]!r}?)" if close else ""


def _explain(error: jsonschema.ValidationError) -> str:
    key = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in error.absolute_path).lstrip(".")
    schema: Any = error.schema
    value: Any = error.instance
    if error.validator == "additionalProperties":
        known = list(schema.get("properties", {}))
        unknown = next(name for name in value if name not in known)
        where = f"{key}.{unknown}".lstrip(".")
        hint = _hint(str(unknown), known)
        return f"{where}: unknown key, with value {value[unknown]!r}; known here: {', '.join(known)}{hint}"
    if error.validator == "required":
        needed: Any = error.validator_value
        missing = next(name for name in needed if name not in value)
        return f"{key}.{missing}: is missing; it must be given".lstrip(".")
    right = schema.get("description")
    wanted = f"; it must be {right}" if right else ""
    return f"{key or 'the configuration'}: {value!r:.80}: {error.message:.160}{wanted}"
