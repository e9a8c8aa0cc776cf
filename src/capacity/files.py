"""Files: written whole or not at all, each with where it came from."""

from __future__ import annotations

import ast
import errno
import functools
import hashlib
import itertools
import json
import os
import platform
import re
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

import capacity
from capacity.errors import InputError

Provenance = dict[str, Any]

CHECKSUM = "sha256"
REMEDY = "delete it and run the same command again, which makes it anew"
_WHY_NOT_WRITTEN = {
    errno.ENOSPC: "the disk is full; make room and run the same command again",
    errno.EDQUOT: "the quota of the disk is used up; make room and run the same command again",
    errno.EROFS: "its file system is read-only; choose another folder",
    errno.EACCES: "there is no permission to write there",
    errno.EPERM: "there is no permission to write there",
    errno.ENOTDIR: "a part of its path is a file where a folder should be",
    errno.EEXIST: "a part of its path is a file, or a link that leads nowhere, where a folder should be",
}
_KINDS = {
    "an integer": pa.types.is_integer,
    "a number": lambda kind: pa.types.is_floating(kind) or pa.types.is_integer(kind),
    "true or false": pa.types.is_boolean,
    "text": lambda kind: pa.types.is_string(kind) or pa.types.is_large_string(kind),
}

EVALUATION_SCHEMA = Path(__file__).parents[2] / "workflow/schemas/evaluation.schema.yaml"


@contextmanager
def atomic(path: str | Path) -> Iterator[Path]:
    """A temporary path beside ``path`` that replaces it when the block ends well and vanishes when it does not.

    Raises OSError that says what to do if the disk is full or nothing can be written there.
    """
    path = Path(path)
    with explained(path), _replacement(path) as temporary:
        yield temporary


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Put an error of the system while ``path`` is written into words that say what to do."""
    try:
        yield
    except Exception as error:
        code = _system_error(error)
        if code not in _WHY_NOT_WRITTEN:
            raise
        raise OSError(code, f"{path} cannot be written: {_WHY_NOT_WRITTEN[code]}") from error


def _system_error(error: BaseException | None) -> int | None:
    """The number of the system's error behind one, if any. Libraries in C++ or Rust put it in the text of an error of
    their own, and matplotlib fails anew while it closes a file that it could not write."""
    while error is not None:
        if isinstance(error, OSError) and error.errno:
            return error.errno
        if said := re.search(r"(?:os error|errno) (\d+)", str(error)):
            return int(said[1])
        error = error.__context__
    return None


@contextmanager
def _replacement(path: Path) -> Iterator[Path]:
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


def check_writable(folder: Path) -> None:
    """Raises InputError if files cannot be written in a folder, which need not exist yet."""
    place = folder
    while not os.path.lexists(place):
        place = place.parent
    if not place.exists():
        raise InputError(f"{place} is a link to {place.readlink()}, which is not there; mount it, make it or unlink it")
    if not place.is_dir():
        raise InputError(f"{place} is a file, and has to be a folder; rename it")
    if not os.access(place, os.W_OK | os.X_OK):
        raise InputError(f"nothing can be written in {place.resolve()}: it is read-only, or belongs to someone else")


def write_json(path: str | Path, value: Any) -> None:
    """JSON with a newline at the end. NaN and infinities are refused: write None instead."""
    with atomic(path) as temporary:
        temporary.write_text(json.dumps(value, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def read_json(path: str | Path) -> Any:
    """The value in a JSON file. Raises InputError naming the file if it is not whole."""
    return _read_json(path)[1]


def _read_json(path: str | Path) -> tuple[str, Any]:
    try:
        text = Path(path).read_text(encoding="utf-8")
        return text, json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is not a whole JSON file ({error}); {REMEDY}") from error


def write_sealed_json(path: str | Path, value: Mapping[str, Any]) -> None:
    """A mapping as JSON, with a checksum of the text before it as the last key. NaN and infinities are refused."""
    text = sealed(json.dumps(value, indent=1, allow_nan=False))
    with atomic(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def sealed(text: str) -> str:
    """The text of a JSON object with its checksum as the last key."""
    text = text.removesuffix("}").rstrip()
    return text + _seal(_checksum_of_text(text))


def read_sealed_json(path: str | Path) -> dict[str, Any]:
    """What :func:`write_sealed_json` was given. Raises InputError naming the file if any of it has changed since."""
    text, value = _read_json(path)
    stored = value.pop(CHECKSUM, None) if isinstance(value, dict) else None
    _compare(path, stored, _checksum_of_text(text.removesuffix(_seal(stored))))
    return dict(value)


def _seal(checksum: Any) -> str:
    return f',\n "{CHECKSUM}": "{checksum}"\n}}\n'


def write_parquet(path: str | Path, table: pa.Table, provenance: Provenance) -> None:
    """A Parquet file with its provenance as JSON under the key ``provenance`` of the file's metadata, and a checksum of
    everything that a reader gets to see."""
    write_parquet_pieces(path, table.schema, [table], provenance)


def write_parquet_pieces(
    path: str | Path, schema: pa.Schema, pieces: Iterable[pa.Table], provenance: Provenance
) -> None:
    """:func:`write_parquet` for a table that is made piece by piece and never held as a whole: each piece, of that
    schema, becomes a row group. The provenance is taken when all are made, so it may grow with them."""
    checksum = _TableChecksum(schema)
    rest = iter(pieces)
    first = list(itertools.islice(rest, 1))  # what is wrong with it is said before there is a folder
    with atomic(path) as temporary, pq.ParquetWriter(temporary, schema, compression="zstd") as writer:
        for piece in itertools.chain(first, rest):
            checksum.update(piece)
            writer.write_table(piece)
        origin = {b"provenance": json.dumps(provenance, sort_keys=True).encode()}
        about = {**(schema.metadata or {}), **origin}
        writer.add_key_value_metadata({**origin, CHECKSUM.encode(): checksum.hexdigest(about).encode()})


def read_parquet(path: str | Path) -> pa.Table:
    """The table in a Parquet file that :func:`write_parquet` wrote.

    Raises InputError naming the file if it is not one, or if anything that is read from it has changed since.
    """
    with _opened(path) as (file, about, stored):
        table = file.read().replace_schema_metadata(about)
        table.validate(full=True)
        found = _checksum_of_table(table)
    _compare(path, stored, found)
    return table


def read_parquet_pieces(path: str | Path) -> Iterator[pa.Table]:
    """The row groups of a Parquet file, one after the other, so that the whole need not fit in memory.

    Raises InputError as :func:`read_parquet` does, but whether anything has changed is known only after the last piece:
    nothing may be written of them before.
    """
    with _opened(path) as (file, about, stored):
        checksum = _TableChecksum(file.schema_arrow)
        for number in range(file.num_row_groups):
            piece = file.read_row_group(number).replace_schema_metadata(about)
            piece.validate(full=True)
            checksum.update(piece)
            yield piece
    _compare(path, stored, checksum.hexdigest(about))


def parquet_schema(path: str | Path) -> pa.Schema:
    """The columns of a Parquet file, without its rows. Raises InputError naming the file if it is not one."""
    with _opened(path) as (file, _, _):
        return file.schema_arrow


def parquet_provenance(path: str | Path) -> Provenance:
    """Where a Parquet file comes from, without its rows; whoever reads these finds out if it has changed since."""
    with _opened(path) as (_, about, _):
        return dict(json.loads(about[b"provenance"]))


@contextmanager
def _opened(path: str | Path) -> Iterator[tuple[pq.ParquetFile, dict[bytes, bytes], str]]:
    """A Parquet file, its metadata and its checksum. What goes wrong while it is read is an InputError."""
    try:
        with Path(path).open("rb") as source:
            file = pq.ParquetFile(source)
            about = dict(file.metadata.metadata or {})
            about.pop(b"ARROW:schema", None)
            stored = about.pop(CHECKSUM.encode(), b"").decode()
            yield file, about, stored
    except (FileNotFoundError, IsADirectoryError, PermissionError, InputError):
        raise
    except (pa.ArrowException, OSError, ValueError) as error:
        raise InputError(f"{path} is not a whole Parquet file ({error}); {REMEDY}") from error


def check_columns(path: str | Path, table: pa.Table, columns: Mapping[str, str]) -> None:
    """Raises InputError naming the file if a column is missing or of another kind: ``an integer``, ``a number``,
    ``true or false`` or ``text``."""
    for name, kind in columns.items():
        if name not in table.schema.names:
            raise InputError(f"{path} has no column {name!r}; {REMEDY}")
        found = table.schema.field(name).type
        if not _KINDS[kind](found):
            raise InputError(f"{path}: the column {name!r} is {found}, and has to be {kind}; {REMEDY}")


def sha256(path: str | Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def provenance_of(table: pa.Table) -> Provenance:
    """What :func:`write_parquet` was given."""
    return dict(json.loads((table.schema.metadata or {})[b"provenance"]))


def _compare(path: str | Path, stored: str | None, found: str) -> None:
    if not stored:
        raise InputError(f"{path} has no checksum, so it was not written by this workflow; {REMEDY}")
    if stored != found:
        raise InputError(f"{path} is damaged: its content does not fit its checksum; {REMEDY}")


def _checksum_of_text(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


class _TableChecksum:
    """Over names, types, metadata and values of a table, however it is cut into pieces: each column is a stream of
    lengths (-1 for nothing) and one of values, as little-endian bytes that do not depend on the library's layout."""

    def __init__(self, schema: pa.Schema) -> None:
        self._fields = [(field.name, str(field.type), field.nullable) for field in schema]
        self._columns = [(hashlib.sha256(), hashlib.sha256()) for _ in schema]

    def update(self, table: pa.Table) -> None:
        """Add the rows of a table or a batch of one."""
        for (lengths, values), column in zip(self._columns, table.columns, strict=True):
            for chunk in column.chunks if isinstance(column, pa.ChunkedArray) else [column]:
                for digest, part in zip((lengths, values), _as_bytes(chunk), strict=True):
                    digest.update(part)

    def hexdigest(self, metadata: Mapping[bytes, bytes] | None) -> str:
        """The checksum, with the metadata that are known by the end."""
        digest = hashlib.sha256(repr((self._fields, sorted((metadata or {}).items()))).encode())
        for lengths, values in self._columns:
            digest.update(lengths.digest() + values.digest())
        return digest.hexdigest()


def _as_bytes(array: pa.Array) -> tuple[bytes, memoryview | bytes]:
    """The lengths of the values of an array and the values themselves, those of nothing left out or zero."""
    kind = array.type
    if pa.types.is_dictionary(kind):
        array = array.dictionary_decode()
        kind = array.type
    if pa.types.is_null(kind):
        return numpy.full(len(array), -1, "<i8").tobytes(), b""
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        lengths = pc.fill_null(pc.binary_length(array), -1).cast(pa.int64()).to_numpy()
        text = pc.fill_null(array, "").cast(pa.large_string())
        _, offsets, data = text.buffers()
        first, last = numpy.frombuffer(offsets, "<i8")[[text.offset, text.offset + len(text)]] if len(text) else (0, 0)
        return lengths.astype("<i8").tobytes(), b"" if data is None else memoryview(data)[first:last]
    if pa.types.is_boolean(kind):
        array = array.cast(pa.int8())
    known = numpy.ones(len(array), numpy.int8)
    if array.null_count:
        known[array.is_null().to_numpy(zero_copy_only=False)] = -1
        array = pc.fill_null(array, 0)
    values = array.to_numpy(zero_copy_only=False)
    return known.tobytes(), values.astype(values.dtype.newbyteorder("<"), copy=False).tobytes()


def _checksum_of_table(table: pa.Table) -> str:
    checksum = _TableChecksum(table.schema)
    checksum.update(table)
    return checksum.hexdigest(table.schema.metadata)


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
            waiting.extend(name for name in _imports(_source(module).read_text("utf-8")) if _source(name).exists())
    return sorted(found)


def source_digest(stage: str) -> str:
    """SHA-256 over the source of :func:`stage_modules`."""
    digest = hashlib.sha256()
    for module in stage_modules(stage):
        digest.update(module.encode() + b"\0" + _source(module).read_bytes() + b"\0")
    return digest.hexdigest()


def _source(module: str) -> Path:
    return Path(__file__).parent / ("__init__.py" if module == "capacity" else f"{module}.py")


@functools.cache
def _imports(text: str) -> frozenset[str]:
    """What a source text imports by names that may be modules of this package."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom) and node.module == "capacity":
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("capacity."):
            names.add((node.module or "").removeprefix("capacity."))
        elif isinstance(node, ast.Import):
            names.update(alias.name.removeprefix("capacity.") for alias in node.names if _is_ours(alias.name))
    return frozenset(names)


def _is_ours(name: str) -> bool:
    return name == "capacity" or name.startswith("capacity.")
