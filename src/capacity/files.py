"""Files: written whole or not at all, each with where it came from."""

from __future__ import annotations

import ast
import hashlib
import json
import os
import platform
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

import capacity

Provenance = dict[str, Any]

EVALUATION_SCHEMA = Path(__file__).parents[2] / "workflow/schemas/evaluation.schema.yaml"


@contextmanager
def atomic(path: str | Path) -> Iterator[Path]:
    """A temporary path beside ``path`` that replaces it when the block ends well and vanishes when it does not."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=path.suffix, dir=path.parent)
    os.close(descriptor)
    temporary = Path(name)
    try:
        yield temporary
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def remove_unfinished(folder: Path) -> None:
    """Remove what :func:`atomic` left in a folder when its process was killed. Nobody else may be writing there."""
    for path in folder.glob(".*.*"):
        if path.is_file():
            path.unlink()


def write_json(path: str | Path, value: Any) -> None:
    """JSON with a newline at the end. NaN and infinities are refused: write None instead."""
    with atomic(path) as temporary:
        temporary.write_text(json.dumps(value, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def read_json(path: str | Path) -> Any:
    """The value in a JSON file. Raises ValueError naming the file if it is not whole."""
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise ValueError(f"{path} is not a whole JSON file: {error}") from error


def write_parquet(path: str | Path, table: pa.Table, provenance: Provenance) -> None:
    """A Parquet file with its provenance as JSON under the key ``provenance`` of the schema metadata."""
    stamped = table.replace_schema_metadata(
        {**(table.schema.metadata or {}), b"provenance": json.dumps(provenance, sort_keys=True).encode()}
    )
    with atomic(path) as temporary:
        pq.write_table(stamped, temporary, compression="zstd")


def read_parquet(path: str | Path) -> pa.Table:
    """The table in a Parquet file. Raises ValueError naming the file if it is not one."""
    try:
        return pq.ParquetFile(path).read()
    except pa.ArrowInvalid as error:
        raise ValueError(f"{path} is not a whole Parquet file: {error}") from error


def sha256(path: str | Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def provenance_of(table: pa.Table) -> Provenance:
    """What :func:`write_parquet` was given."""
    return dict(json.loads((table.schema.metadata or {})[b"provenance"]))


def provenance(stage: str, settings: Mapping[str, Any], **more: Any) -> Provenance:
    """Where a file comes from: stage, resolved settings, versions, git commit and source digest.

    Nothing in it changes between two runs of the same code on the same machine: dates and times are kept elsewhere.
    """
    return {
        "stage": stage,
        "settings": dict(settings),
        **more,
        "versions": {
            "capacity": capacity.__version__,
            "python": platform.python_version(),
            **{name: metadata.version(name) for name in ("numpy", "pyarrow", "torch")},
        },
        "platform": f"{platform.system()} {platform.machine()}",
        "git_commit": git_commit(),
        "source_digest": source_digest(stage),
    }


def git_commit() -> str | None:
    """The commit of the source, with ``-modified`` if tracked source files differ from it; None outside git."""
    source = Path(__file__).parent

    def git(*arguments: str) -> str:
        return subprocess.run(["git", *arguments], cwd=source, capture_output=True, text=True, check=True).stdout

    try:
        commit = git("rev-parse", "HEAD").strip()
        return f"{commit}-modified" if git("status", "--porcelain", "--untracked-files=no", "--", ".") else commit
    except (OSError, subprocess.CalledProcessError):
        return None


def stage_modules(stage: str) -> list[str]:
    """The modules of this package that a stage imports, itself included, by name and in order.

    Read from the source without running it, so that a rule can carry the digest of just the code it depends on.
    """
    found: set[str] = set()
    waiting = [stage]
    while waiting:
        module = waiting.pop()
        if module not in found:
            found.add(module)
            waiting.extend(_imports(module))
    return sorted(found)


def source_digest(stage: str) -> str:
    """SHA-256 over the source of :func:`stage_modules`."""
    digest = hashlib.sha256()
    for module in stage_modules(stage):
        digest.update(module.encode() + b"\0" + _source(module).read_bytes() + b"\0")
    return digest.hexdigest()


def _source(module: str) -> Path:
    return Path(__file__).parent / ("__init__.py" if module == "capacity" else f"{module}.py")


def _imports(module: str) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(_source(module).read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module == "capacity":
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("capacity."):
            names.add((node.module or "").removeprefix("capacity."))
        elif isinstance(node, ast.Import):
            names.update(alias.name.removeprefix("capacity.") for alias in node.names if _is_ours(alias.name))
    return {name for name in names if _source(name).exists()}


def _is_ours(name: str) -> bool:
    return name == "capacity" or name.startswith("capacity.")
