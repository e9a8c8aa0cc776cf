"""The schema of the configuration: how YAML is read, what a single key may be, and what is said of one that is wrong.

The validator is that of jsonschema, which Snakemake needs anyway. It lets a program define what a number is and says in
which part of the schema a value failed, and the messages need both. Evaluations are checked by jsonschema-rs instead,
because there are thousands of them, large ones, and it is a hundred times as fast.
"""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import yaml

from capacity.errors import ConfigurationError
from capacity.experiment.cell import Cell
from capacity.experiment.checks import check_cell, check_shape, suggestion
from capacity.experiment.text import first_unreadable

SCHEMA = Path(__file__).parent / "config.schema.yaml"
"""The schema of the configuration, as package data."""


class Loader(yaml.SafeLoader):
    """YAML's safe loader, which alone would let the second of two equal keys silently win over the first."""

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        seen = set()
        for key, _ in node.value:
            if (key.tag, str(key.value)) in seen:
                mark = key.start_mark
                raise ConfigurationError(f"{mark.name}, line {mark.line + 1}: the key {key.value!r} appears twice")
            seen.add((key.tag, str(key.value)))
        return node


def read_yaml(path: Path) -> Any:
    """Read a YAML file. Raises ConfigurationError if it is not YAML, or if a key of a mapping appears twice."""
    try:
        with path.open(encoding="utf-8") as file:
            return yaml.load(file, Loader)
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigurationError(f"{path} is not YAML: {error}") from error


def check_keys(config: Any) -> None:
    """Check every key of a configuration by itself. Raises ConfigurationError for the first that the schema refuses."""
    errors = sorted(_Validator(_schema()).iter_errors(config), key=lambda error: list(map(str, error.path)))
    if errors:
        raise ConfigurationError(_explain(errors[0]))


def check_named_cell(cell: Cell) -> None:
    """Check that a cell named on the command line is one that a study could contain. Raises ConfigurationError."""
    settings = {**cell.settings(), **cell.settings()["size"]}
    grid = {axis: [value] for axis, value in settings.items() if axis != "size"}
    for error in _Validator({"$ref": "#/$defs/grid", "$defs": _schema()["$defs"]}).iter_errors(grid):
        raise ConfigurationError(f"{cell.name}: {_explain(error)}")
    check_shape(cell.size, cell.name)
    check_cell(cell, cell.name)


@functools.cache
def _schema() -> dict[str, Any]:
    schema: dict[str, Any] = read_yaml(SCHEMA)
    return schema


def _whole_pattern(_: Any, pattern: str, value: Any, __: Any) -> Iterator[jsonschema.ValidationError]:
    """Match a pattern with a whole text.

    ``$`` at its end would let a newline follow, and a key of YAML may not be a text at all.
    """
    if not isinstance(value, str) or re.fullmatch(pattern, value) is None:
        yield jsonschema.ValidationError(f"{value!r} does not match {pattern!r}")


def _readable(_: Any, wanted: bool, value: Any, __: Any) -> Iterator[jsonschema.ValidationError]:
    """Check that a text has no character that cannot be seen: the keyword ``readable``, which is not of JSON Schema."""
    if wanted and isinstance(value, str) and (why := first_unreadable(value)):
        yield jsonschema.ValidationError(why)


_Validator = jsonschema.validators.extend(  # type: ignore[no-untyped-call]
    jsonschema.Draft202012Validator,
    validators={"pattern": _whole_pattern, "readable": _readable},
    type_checker=jsonschema.Draft202012Validator.TYPE_CHECKER.redefine_many(
        {
            # JSON takes 20.0 for an integer and YAML has .nan: neither is what a setting is meant to be.
            "integer": lambda _, value: isinstance(value, int) and not isinstance(value, bool),
            "number": lambda _, value: (
                isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
            ),
        }
    ),
)


def _shown(key: Any) -> str:
    """Return a key for a message, with escapes for what a terminal would obey or not show."""
    return str(key) if first_unreadable(str(key)) is None else ascii(str(key))


def _explain(error: jsonschema.ValidationError) -> str:
    """Return one line that names the key, the value and what would be right."""
    parts = error.absolute_path
    key = "".join(f"[{part}]" if isinstance(part, int) else f".{_shown(part)}" for part in parts).lstrip(".")
    schema: Any = error.schema
    value: Any = error.instance
    if error.validator == "additionalProperties":
        allowed = list(schema.get("properties", {}))
        unknown = next(name for name in value if name not in allowed)
        where = f"{key}.{_shown(unknown)}".lstrip(".")
        hint = suggestion(unknown, allowed)
        return f"{where}: unknown key, with value {value[unknown]!r}; known here: {', '.join(allowed)}{hint}"
    if error.validator == "required":
        required: Any = error.validator_value
        missing = next(name for name in required if name not in value)
        return f"{key}.{missing}: is missing; it must be given".lstrip(".")
    right = schema.get("description")
    remedy = f"; it must be {right}" if right else ""
    return f"{key or 'the configuration'}: {value!r:.80}: {error.message:.160}{remedy}"
