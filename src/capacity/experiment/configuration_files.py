"""How a configuration is read from YAML or JSON, which a user writes, and what of it can be read at all.

Snakemake reads the same files with less care: of two equal keys it takes the last, and text that it cannot read ends in
a traceback. So they are read here before.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from capacity.errors import ConfigurationError, InputError
from capacity.storage import files, json_files

MOST_BYTES = 2**17
"""Bytes of a configuration that a user writes: several times the shipped one. More takes seconds to read."""
MOST_BYTES_AS_JSON = 2**24
"""Bytes of a configuration in JSON, which is read a hundred times as fast, and written with a value to a line."""
MOST_VALUES = 40_000
"""Values of a configuration, aliases of YAML counted as often as they appear."""
DEEPEST = 20
"""Mappings and lists within each other, of which the schema needs nine."""
MOST_DIGITS = 18
"""Digits of an integer. No setting needs more than ten, and Python refuses to print thousands."""

_PLAIN = {f"tag:yaml.org,2002:{name}" for name in ("map", "seq", "str", "int", "float", "bool", "null", "merge")}


class Loader(yaml.SafeLoader):
    """YAML's safe loader for what a configuration holds: mappings, lists, text, numbers, true, false and null.

    YAML's own would let the second of two equal keys silently win over the first, make dates of text, follow any depth,
    and multiply mappings that are merged into each other.
    """

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self._depth = 0
        self._merged = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        self._depth += 1
        if self._depth > DEEPEST:
            line = self.peek_event().start_mark.line + 1  # type: ignore[no-untyped-call]
            raise ConfigurationError(f"line {line}: {_TOO_DEEP}")
        node = super().compose_node(parent, index)
        self._depth -= 1
        if node is not None and node.tag not in _PLAIN:
            kind = node.tag.removeprefix("tag:yaml.org,2002:")
            raise ConfigurationError(
                f"{_line(node)} is not YAML of plain values but of the kind {kind!r}; text of this form needs quotes"
            )
        return node

    def compose_scalar_node(self, anchor: Any) -> yaml.ScalarNode:
        node = super().compose_scalar_node(anchor)
        if node.tag.endswith(":int") and len(node.value) > 4 * MOST_DIGITS:
            digits = len(node.value)
            raise ConfigurationError(f"{_line(node)}: an integer of {digits:,} digits, more than {MOST_DIGITS}")
        return node

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        seen = set()
        for key, _ in node.value:
            if (key.tag, str(key.value)) in seen:
                raise ConfigurationError(f"{_line(key)}: the key {key.value!r} appears twice")
            seen.add((key.tag, str(key.value)))
        return node

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        for key, value in node.value:
            if key.tag == "tag:yaml.org,2002:merge":
                for part in value.value if isinstance(value, yaml.SequenceNode) else [value]:
                    if isinstance(part, yaml.MappingNode):
                        self.flatten_mapping(part)
                        self._merged += len(part.value)
                    if self._merged > MOST_VALUES:
                        raise ConfigurationError(f"{_line(key)}: << makes more than {MOST_VALUES:,} keys")
        super().flatten_mapping(node)


_TOO_DEEP = f"mappings and lists are nested more than {DEEPEST} deep, and a configuration needs fewer than ten"


def _line(node: Any) -> str:
    return f"line {node.start_mark.line + 1}"


def read_configuration(path: Path) -> Any:
    """Read a configuration from a file in YAML or JSON, as Snakemake does: JSON first, whatever the name of the file.

    The checksum of a file that the workflow wrote is compared and left out.

    Raises InputError naming the file if it is neither, cannot be read as a file, or is too large or too deep, and
    naming a key too if it appears twice in a mapping.
    """
    text = files.read_text(path, MOST_BYTES_AS_JSON)
    try:
        return json_files.without_checksum(path, text, json_files.parse_unique(text))
    except json.JSONDecodeError:
        pass
    except RecursionError as error:
        raise ConfigurationError(f"{path}: {_TOO_DEEP}") from error
    except ValueError as error:
        raise ConfigurationError(f"{path}: {error}") from error
    return parse_yaml(text, path)


def read_yaml(path: Path) -> Any:
    """Read a YAML file. Raises ConfigurationError if it is not YAML, or if a key of a mapping appears twice."""
    return parse_yaml(files.read_text(path, MOST_BYTES), path)


def parse_yaml(text: str, path: Path) -> Any:
    """Return the value of a text in YAML. Raises ConfigurationError naming its file if it is none, or too long."""
    if len(text) > MOST_BYTES:
        raise ConfigurationError(
            f"{path} has {len(text):,} characters, more than {MOST_BYTES:,}; write ranges of seeds, or JSON"
        )
    try:
        return yaml.load(text, Loader)
    except ConfigurationError as error:
        raise ConfigurationError(f"{path}, {error}") from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise ConfigurationError(f"{path}{where} is not YAML: {error.problem or error.context}") from error
    except RecursionError as error:
        raise ConfigurationError(f"{path} is not YAML: {_TOO_DEEP}") from error
    except (yaml.YAMLError, ValueError, LookupError, ArithmeticError, AttributeError, TypeError) as error:
        raise ConfigurationError(f"{path} is not YAML: {error}") from error


def with_numbers(value: Any) -> Any:
    """Return what ``--config`` says with numbers, true, false and null where YAML reads them.

    Within a mapping or a list, Snakemake takes all of them for text.
    """
    if isinstance(value, Mapping):
        return {key: with_numbers(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [with_numbers(inner) for inner in value]
    if isinstance(value, str):
        try:
            read = parse_yaml(value, Path())
        except InputError:
            return value
        return value if isinstance(read, str | list | dict) else read
    return value


def check_extent(config: Any) -> None:
    """Check that a configuration can be examined at all, whatever it says.

    Raises ConfigurationError if it has too many values, is nested too deeply, contains itself, or has an integer with
    too many digits.
    """
    values = 0
    left: list[tuple[str, Any, int]] = [("", config, 0)]
    while left:
        key, value, depth = left.pop()
        values += 1
        if depth > DEEPEST:
            raise ConfigurationError(f"{key}: {_TOO_DEEP}")
        if isinstance(value, int) and abs(value) >= 10**MOST_DIGITS:
            digits = int(value.bit_length() * 0.30103) + 1
            raise ConfigurationError(f"{key}: an integer of some {digits:,} digits, more than {MOST_DIGITS}")
        size = len(value) if isinstance(value, Mapping | list | tuple | set) else 0
        if values + len(left) + size > MOST_VALUES:
            raise ConfigurationError(
                f"{key or 'the configuration'}: with it, the configuration has more than {MOST_VALUES:,} values; write "
                "ranges of seeds, or fewer values"
            )
        inner: list[tuple[str, Any]] = []
        if isinstance(value, Mapping):
            inner = [(f"{key}.{name}" if isinstance(name, str) else key, part) for name, part in value.items()]
            inner += [(key, name) for name in value if not isinstance(name, str)]
        elif isinstance(value, list | tuple | set):
            inner = [(f"{key}[{number}]", part) for number, part in enumerate(value)]
        left += [(name.lstrip("."), part, depth + 1) for name, part in inner]
