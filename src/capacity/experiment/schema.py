"""The schema of the configuration: what a single key may be, and what is said of one that is wrong.

The validator is that of jsonschema, which Snakemake needs anyway. It lets a program define what a number is and says in
which part of the schema a value failed, and the messages need both. Evaluations are checked by jsonschema-rs instead,
because there are thousands of them, large ones, and it is a hundred times as fast.
"""

from __future__ import annotations

import functools
import itertools
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema

from capacity.errors import ConfigurationError
from capacity.experiment.checks import suggestion
from capacity.experiment.configuration_files import check_extent, read_yaml
from capacity.experiment.text import first_unreadable

SCHEMA = Path(__file__).parent / "config.schema.yaml"
"""The schema of the configuration, as package data."""
MOST_ERRORS = 200
"""Errors of which the one that stands first is told; of a long list with as many, all need not be found."""


def check_keys(config: Any) -> None:
    """Check every key of a configuration by itself. Raises ConfigurationError for the first that the schema refuses."""
    check_extent(config)
    errors = list(itertools.islice(_Validator(_schema()).iter_errors(config), MOST_ERRORS))
    if errors:
        raise ConfigurationError(_explain(min(errors, key=lambda error: list(map(str, error.path)))))


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


def _unique_items(_: Any, unique: bool, value: Any, __: Any) -> Iterator[jsonschema.ValidationError]:
    """Find equal items by their hashes.

    jsonschema's own compares each with each where they cannot be sorted, which takes hours for a long list of seeds and
    ranges.
    """
    seen = set()
    for item in value if unique and isinstance(value, list) else ():
        if (key := _hashable(item)) in seen:
            yield jsonschema.ValidationError(f"{item!r} appears twice")
            return
        seen.add(key)


def _hashable(item: Any) -> Any:
    """Return what is equal for equal items: for 1 and 1.0, not for 1 and true."""
    if isinstance(item, list):
        return tuple(map(_hashable, item))
    if isinstance(item, dict):
        return repr(item)
    return isinstance(item, bool), item


_Validator = jsonschema.validators.extend(  # type: ignore[no-untyped-call]
    jsonschema.Draft202012Validator,
    validators={"pattern": _whole_pattern, "readable": _readable, "uniqueItems": _unique_items},
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
        return f"{where}: unknown key, with value {value[unknown]!r:.80}; known here: {', '.join(allowed)}{hint}"
    if error.validator == "required":
        required: Any = error.validator_value
        missing = next(name for name in required if name not in value)
        return f"{key}.{missing}: is missing; it must be given".lstrip(".")
    right = schema.get("description")
    remedy = f"; it must be {right}" if right else ""
    return f"{key or 'the configuration'}: {value!r:.80}: {error.message:.160}{remedy}"


def _shown(name: Any) -> str:
    """Return a name as it stands in a key: in quotes and cut if it is not one that a key could have."""
    return str(name) if isinstance(name, str) and re.fullmatch(r"[\w-]{1,60}", name) else f"{name!r:.60}"
