"""Whether two folders of results say the same.

Two runs of the same experiment may differ in what tells where they come from (commit, digest of the code, versions,
times) and in nothing else. This module compares what the files say apart from that: tensors, columns of tables, values
of JSON files, and the bytes of figures and pages.
"""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from capacity.errors import InputError
from capacity.storage import parquet
from capacity.storage.files import REMEDY
from capacity.storage.parquet_bounds import LARGE

SUFFIXES = (".safetensors", ".parquet", ".json", ".csv", ".md", ".pdf", ".png", ".svg")
LEFT_OUT = ("logs", "plans", "timing.json", "progress.json", "report.html")
"""Folders and files that differ between any two runs, or only say how the work was divided."""

ORIGIN_KEYS = (
    *("files", "git_commit", "platform", "provenance", "read", "runs"),
    *("sha256", "source_digest", "stage", "versions", "weights"),
)
"""Keys of JSON files that say where a result comes from, or are checksums of files that say so."""


@dataclass(frozen=True)
class Difference:
    """A file whose content is not the same in both folders.

    Attributes:
        path: relative to the folder of the second run.
        parts: the tensors, columns or keys that differ, or which folder lacks the file.
    """

    path: str
    parts: tuple[str, ...]


@dataclass(frozen=True)
class Comparison:
    """The outcome of a comparison: how many files are the same, and which are not."""

    same: int
    differences: tuple[Difference, ...]


def compare(first: Path, second: Path, renamed: Mapping[str, str], ignored: Sequence[str] = ()) -> Comparison:
    """Compare two folders of results.

    Args:
        first: the folder of the earlier run.
        second: the folder of the later run.
        renamed: new names by old ones: of files (by name, or by path from the folder) and of columns. A column is
            renamed only where the second run has the new name.
        ignored: columns and keys that may differ.

    Raises InputError if one of the folders does not exist or has no results.
    """
    earlier = {_renamed_path(path, renamed): first / path for path in _results(first)}
    later = {path: second / path for path in _results(second)}
    differences = [
        Difference(path.as_posix(), ("only in the first folder",)) for path in sorted(set(earlier) - set(later))
    ]
    differences += [
        Difference(path.as_posix(), ("only in the second folder",)) for path in sorted(set(later) - set(earlier))
    ]
    same = 0
    for path in sorted(set(earlier) & set(later)):
        old, new = _content(earlier[path]), _content(later[path])
        old = {renamed[key] if key in renamed and renamed[key] in new else key: value for key, value in old.items()}
        parts = [key for key in {**old, **new} if old.get(key) != new.get(key) and key not in ignored]
        if parts:
            differences.append(Difference(path.as_posix(), tuple(parts)))
        else:
            same += 1
    return Comparison(same, tuple(differences))


def _results(folder: Path) -> Iterator[Path]:
    """The files of a folder that hold results, relative to it."""
    paths = [path.relative_to(folder) for path in folder.rglob("*") if path.suffix in SUFFIXES and path.is_file()]
    kept = [path for path in paths if not set(path.parts).intersection(LEFT_OUT)]
    if not kept:
        raise InputError(f"{folder} holds no results; name a folder such as results")
    yield from kept


def _renamed_path(path: Path, renamed: Mapping[str, str]) -> Path:
    if (whole := renamed.get(path.as_posix())) is not None:
        return Path(whole)
    return path.with_name(renamed.get(path.name, path.name))


def _content(path: Path) -> dict[str, Any]:
    """What a file says, by the name of its parts: tensors, columns or keys, or the whole where it has no parts.

    Raises InputError naming the file if it cannot be read.
    """
    try:
        return _parts(path)
    except (
        ValueError,
        TypeError,
        AttributeError,
        RecursionError,
        csv.Error,
        SafetensorError,
    ) as error:
        raise InputError(f"{path} cannot be read ({error}); {REMEDY}") from error


def _parts(path: Path) -> dict[str, Any]:
    if path.suffix == ".safetensors":
        with safe_open(path, framework="numpy") as stored:
            return {name: _digest(stored.get_tensor(name).tobytes()) for name in stored.keys()}  # noqa: SIM118
    if path.suffix == ".parquet":
        table = parquet.read_unsealed(path, LARGE)
        columns = zip(table.schema, table.columns, strict=True)
        return {field.name: _digest(repr((str(field.type), column.to_pylist())).encode()) for field, column in columns}
    if path.suffix == ".json":
        value = json.loads(path.read_text(encoding="utf-8"))
        return {key: part for key, part in value.items() if key not in ORIGIN_KEYS}
    if path.suffix == ".csv":
        with path.open(encoding="utf-8", newline="") as file:
            heading, *rows = csv.reader(file)
        return {name: [row[place] for row in rows] for place, name in enumerate(heading)}
    return {"content": _digest(path.read_bytes())}


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
