"""JSON files, some of them sealed: with a checksum of their text as the last key."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from capacity.errors import InputError
from capacity.storage.files import CHECKSUM, REMEDY, atomic, check_checksum, check_file


def write_json(path: str | Path, value: Any) -> None:
    """Write a value as JSON. Raises ValueError for NaN and infinities: write None instead."""
    with atomic(path) as temporary:
        temporary.write_text(json.dumps(value, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def read_json(path: str | Path) -> Any:
    """Read the value in a JSON file. Raises InputError naming the file if it is not whole."""
    return _read_json(path)[1]


def parse_unique(text: str) -> Any:
    """Return the value of a JSON text in which no object has the same key twice.

    Raises InputError naming such a key, json.JSONDecodeError if the text is not JSON, ValueError for an integer of
    thousands of digits, and RecursionError if it is nested too deeply.
    """
    return json.loads(text, object_pairs_hook=_unique)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        (repeated, _), *_ = Counter(name for name, _ in pairs).most_common(1)
        raise InputError(f"the key {repeated!r} appears twice")
    return value


def _read_json(path: str | Path) -> tuple[str, Any]:
    check_file(path)
    try:
        text = Path(path).read_text(encoding="utf-8")
        return text, json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is not a whole JSON file ({error}); {REMEDY}") from error


def write_sealed_json(path: str | Path, value: Mapping[str, Any]) -> None:
    """Write a mapping as JSON with a checksum as the last key. Raises ValueError for NaN and infinities."""
    text = sealed(json.dumps(value, indent=1, allow_nan=False))
    with atomic(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def read_json_of_either_kind(path: str | Path) -> Any:
    """Read a value in a JSON file without its checksum, which is compared if there is one.

    Raises InputError naming the file if it is not whole, or has changed since it was sealed.
    """
    return without_checksum(path, *_read_json(path))


def without_checksum(path: str | Path, text: str, value: Any) -> Any:
    """Return the value of the text of a JSON file without its checksum, which is compared if there is one.

    Raises InputError naming the file if it has changed since it was sealed.
    """
    if not isinstance(value, dict) or CHECKSUM not in value:
        return value
    return _unsealed(path, text, value)


def sealed(text: str) -> str:
    """Return the text of a JSON object with its checksum as the last key."""
    text = text.removesuffix("}").rstrip()
    return text + _seal(_checksum_of_text(text))


def read_sealed_json(path: str | Path) -> dict[str, Any]:
    """Read what :func:`write_sealed_json` wrote. Raises InputError naming the file if it has changed since."""
    return _unsealed(path, *_read_json(path))


def _unsealed(path: str | Path, text: str, value: Any) -> dict[str, Any]:
    stored = value.pop(CHECKSUM, None) if isinstance(value, dict) else None
    check_checksum(path, stored, _checksum_of_text(text.removesuffix(_seal(stored))))
    return dict(value)


def _seal(checksum: Any) -> str:
    return f',\n "{CHECKSUM}": "{checksum}"\n}}\n'


def _checksum_of_text(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
