"""From config.yaml to the runs of each study: validation, expansion of grids, and seeds into jobs.

Pure functions on the parsed configuration; only :func:`main_configuration` opens config.yaml.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import jsonschema
import yaml

from capacity.experiment.cell import Cell
from capacity.experiment.grid import (
    Config,
    ConfigurationError,
    Study,
    _check_name,
    _check_shape,
    _hint,
    check_cell,
    expand_seeds,
    studies,
)
from capacity.paper import protocol
from capacity.paper.protocol import Size
from capacity.tasks.registry import TASKS

SCHEMA = Path(__file__).parent / "config.schema.yaml"
"""Of the configuration; package data."""


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


def main_configuration(root: Path, budget: str | None = None) -> dict[str, Any]:
    """``config.yaml`` in ``root``, validated, with another budget if one is named."""
    config: dict[str, Any] = read_yaml(root / "config.yaml")
    if budget is not None:
        config["budget"] = budget
    validate(config, read_yaml(SCHEMA))
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
            for place, task in enumerate(entry.get("where", {}).get("task", ())):
                _check_name(f"{key}.where.task[{place}]", task, TASKS)
            for size in entry.get("where", {}).get("size", ()):
                _check_name(f"{key}.where.size", size, config["sizes"])
            if "seeds" in entry:
                expand_seeds(entry["seeds"], f"{key}.seeds")
            elif "set" not in entry:
                raise ConfigurationError(f"{key}: {entry!r} decides nothing; give it set, seeds or both")
    return studies(config)


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
    """The options of ``capacity.training.loop`` that say how updates of a size are carried out."""
    options = ["--precision", str(_by_size("precision", config, size))]
    options += ["--compile"] * config["compile"] + ["--cuda-graph"] * config["cuda_graph"]
    return " ".join(options)


def snapshot_options(config: Config) -> str:
    """The options of ``capacity.training.loop`` that say when it saves snapshots."""
    return " ".join(f"--snapshot-{name} {config['snapshots'][name]}" for name in ("seconds", "updates"))


def _by_size(key: str, config: Config, size: Size) -> Any:
    by_name = config[key].get("sizes", {})
    by_shape = {Size(**config["sizes"][name]): value for name, value in by_name.items()}
    return by_shape.get(size, config[key]["default"])


def check_named(cell: Cell, schema: Mapping[str, Any]) -> None:
    """Hold a cell that was asked for by its name to what a grid may ask for. Raises ConfigurationError."""
    settings = {**cell.settings(), **cell.settings()["size"]}
    grid = {axis: [value] for axis, value in settings.items() if axis != "size"}
    for error in _Validator({"$ref": "#/$defs/grid", "$defs": schema["$defs"]}).iter_errors(grid):
        raise ConfigurationError(f"{cell.name}: {_explain(error)}")
    _check_shape(cell.name, cell.size)
    check_cell(cell, cell.name)


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
