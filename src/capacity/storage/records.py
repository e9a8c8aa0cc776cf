"""Records of stages: what a stage made, and what from, beside the files that it made.

The record ``NAME.json`` is sealed. It has the provenance of the stage, under ``files`` the checksum of each file that
it made, by name, and under ``read`` that of each file that it read, by the path from the folder of the record. Figures,
CSV and Markdown files hold no checksum of their own: this is theirs.

The manifest of a study lists the files that its records name, as ``sha256sum`` does and checks: the checksums are those
of the records, so that a manifest that is made again says of a damaged file what it was.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePath
from typing import Any, TypeVar

from capacity.errors import InputError
from capacity.storage import files, json_files
from capacity.storage.provenance import Provenance

AnyPath = TypeVar("AnyPath", bound=PurePath)
FILES, READ = "files", "read"
NAMED_BY = {"summary": "runs", "claims_evidence": "claims", "answer": "index"}
"""Files that are named in the record of another name than theirs."""


def write_record(
    path: Path, origin: Provenance, made: Iterable[str | Path], read: Iterable[str | Path] = (), **more: Any
) -> None:
    """Write the record of a stage, when everything else is written.

    Args:
        path: of the record, in the folder of what was made.
        origin: the provenance of the stage.
        made: the files that it made.
        read: the files that it read.
        more: further keys.
    """
    checksums = {
        FILES: {Path(each).name: files.sha256(each) for each in made},
        READ: {Path(os.path.relpath(each, path.parent)).as_posix(): files.sha256(each) for each in read},
    }
    json_files.write_sealed_json(path, {**origin, **more, **checksums})


def manifest(record_files: Iterable[Path], root: Path, copies: Mapping[Path, Path]) -> str:
    """Return the manifest of some records: a line for each file that they name, and for each of them.

    Args:
        record_files: the records.
        root: the folder from which paths are given.
        copies: further files, each with that of a record which it is a copy of.
    """
    sums = {}
    for path in record_files:
        sums[path] = files.sha256(path)
        sums |= {path.parent / name: checksum for name, checksum in read_record(path)[FILES].items()}
    sums |= {copy: sums[source] for copy, source in copies.items()}
    lines = (f"{checksum}  {path.relative_to(root).as_posix()}\n" for path, checksum in sums.items())
    return "".join(sorted(lines, key=lambda line: line[64:]))


def record_beside(path: AnyPath) -> AnyPath:
    """Return the record that names a file of tables, figures and pages."""
    return path.with_name(f"{NAMED_BY.get(path.stem, path.stem)}.json")


def check_unchanged(path: Path) -> None:
    """Raise InputError naming a file if it is not the one that the record beside it names."""
    if read_record(record_beside(path))[FILES].get(path.name) != files.sha256(path):
        raise InputError(f"{path} has changed since {record_beside(path)} was written; {files.REMEDY}")


def read_record(path: str | Path) -> dict[str, Any]:
    """Read the record of a stage. Raises InputError naming the file if it is damaged or is not one."""
    record = json_files.read_sealed_json(path)
    maps = [record.get(key) for key in ("settings", FILES, READ)]
    if not isinstance(record.get("stage"), str) or not all(isinstance(each, Mapping) for each in maps):
        raise InputError(f"{path} is not the record of a stage; {files.REMEDY}")
    return record
