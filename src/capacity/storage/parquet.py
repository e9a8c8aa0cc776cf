"""Parquet files with provenance and a checksum in their metadata, whole or in pieces that fit memory."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from capacity.dictionary.column import FLAG, INTEGER, NUMBER, TEXT, Column
from capacity.errors import InputError, is_of_memory
from capacity.storage import parquet_bounds
from capacity.storage.files import CHECKSUM, REMEDY, atomic, check_checksum, check_file
from capacity.storage.parquet_bounds import UNKNOWN, Bounds, BoundsError
from capacity.storage.provenance import Provenance

_KINDS = {
    INTEGER: pa.types.is_integer,
    NUMBER: lambda kind: pa.types.is_floating(kind) or pa.types.is_integer(kind),
    FLAG: pa.types.is_boolean,
    TEXT: lambda kind: pa.types.is_string(kind) or pa.types.is_large_string(kind),
}


def write_parquet(path: str | Path, table: pa.Table, provenance: Provenance) -> None:
    """Write a table as Parquet. The metadata of the file hold its provenance and a checksum of all that is read back.

    The provenance is JSON under the key ``provenance``.
    """
    write_parquet_pieces(path, table.schema, [table], provenance)


def write_parquet_pieces(
    path: str | Path, schema: pa.Schema, pieces: Iterable[pa.Table], provenance: Provenance
) -> None:
    """Write a table that is made piece by piece and never in memory as a whole, as :func:`write_parquet` does.

    Args:
        path: the file.
        schema: that of every piece.
        pieces: each becomes a row group.
        provenance: read after the last piece is made, so that it may grow with them.
    """
    checksum = _TableChecksum(schema)
    rest = iter(pieces)
    first = list(itertools.islice(rest, 1))  # an error in making it is raised before a folder is made
    with atomic(path) as temporary, pq.ParquetWriter(temporary, schema, compression="zstd") as writer:
        for piece in itertools.chain(first, rest):
            checksum.update(piece)
            writer.write_table(piece)
        origin = {b"provenance": json.dumps(provenance, sort_keys=True).encode()}
        about = {**(schema.metadata or {}), **origin}
        writer.add_key_value_metadata({**origin, CHECKSUM.encode(): checksum.hexdigest(about).encode()})


def read_parquet(path: str | Path, bounds: Bounds = UNKNOWN) -> pa.Table:
    """Read the table in a Parquet file that :func:`write_parquet` wrote.

    Raises InputError naming the file if it is not a whole Parquet file, is out of bounds, or if its content has changed
    since.
    """
    with _opened(path, bounds) as opened:
        return pa.concat_tables([opened.schema.empty_table(), *opened.pieces()]).replace_schema_metadata(opened.about)


def read_unsealed(path: str | Path, bounds: Bounds = UNKNOWN) -> pa.Table:
    """Read the table in any Parquet file within bounds, whether its content has changed or not.

    Raises InputError naming the file if it is not a whole Parquet file, or is out of bounds.
    """
    with _opened(path, bounds) as opened:
        return pa.concat_tables([opened.schema.empty_table(), *opened.pieces(is_sealed=False)])


def read_parquet_pieces(path: str | Path, bounds: Bounds = UNKNOWN) -> Iterator[pa.Table]:
    """Yield the row groups of a Parquet file, so that the whole table need not fit in memory.

    Raises InputError as :func:`read_parquet` does. Whether the content has changed is known only after the last piece:
    until then no result of the pieces may be written.
    """
    with _opened(path, bounds) as opened:
        yield from opened.pieces()


def read_schema(path: str | Path, bounds: Bounds = UNKNOWN) -> pa.Schema:
    """Read the columns of a Parquet file, not its rows. Raises InputError naming the file if it is not one."""
    with _opened(path, bounds) as opened:
        return opened.schema


def read_provenance(path: str | Path, bounds: Bounds = UNKNOWN) -> Provenance:
    """Read the provenance of a Parquet file. Only a reader of its rows sees whether it has changed.

    Raises InputError naming the file if it is not a Parquet file, or has no provenance.
    """
    with _opened(path, bounds) as opened:
        return _provenance(path, opened.about)


def check_bounds(path: str | Path, bounds: Bounds) -> None:
    """Raise InputError naming the file if a Parquet file is out of bounds, or is not a whole one."""
    with _opened(path, bounds):
        pass


@dataclass(frozen=True)
class _Opened:
    """A Parquet file within its bounds.

    Attributes:
        path: of the file.
        file: opened so that texts stay dictionaries, whose size is known before they are repeated.
        schema: of the table, without the metadata of the file.
        about: metadata, without what the library and the checksum need.
        checksum: that the file keeps.
        bounds: of the file.
    """

    path: str | Path
    file: pq.ParquetFile
    schema: pa.Schema
    about: dict[bytes, bytes]
    checksum: str
    bounds: Bounds

    def pieces(self, is_sealed: bool = True) -> Iterator[pa.Table]:
        """Yield the row groups. Raises InputError after the last one if the content of a sealed file has changed."""
        checksum = _TableChecksum(self.schema)
        texts = 0
        for number in range(self.file.num_row_groups):
            piece = self.file.read_row_group(number)
            texts += sum(map(_text_bytes, piece.columns))
            parquet_bounds.limit("bytes of texts", texts, self.bounds.bytes)
            piece = piece.cast(self.schema).replace_schema_metadata(self.about)
            piece.validate(full=True)
            checksum.update(piece)
            yield piece
        if is_sealed:
            check_checksum(self.path, self.checksum, checksum.hexdigest(self.about))


def _text_bytes(column: pa.ChunkedArray) -> int:
    """Return the bytes that the texts of a column of dictionaries take when each is written out."""
    if not pa.types.is_dictionary(column.type):
        return 0
    lengths = (pc.binary_length(chunk.dictionary).take(chunk.indices) for chunk in column.chunks)
    return sum(pc.sum(of_chunk.cast(pa.int64())).as_py() or 0 for of_chunk in lengths)


@contextmanager
def _opened(path: str | Path, bounds: Bounds) -> Iterator[_Opened]:
    """Open a Parquet file that is within its bounds. Errors of reading it become InputError."""
    check_file(path)
    try:
        with Path(path).open("rb") as source:
            texts = parquet_bounds.check(source, bounds)
            sizes = {"thrift_string_size_limit": bounds.footer, "thrift_container_size_limit": bounds.values}
            file = pq.ParquetFile(source, read_dictionary=texts, **sizes)
            about = dict(file.metadata.metadata or {})
            about.pop(b"ARROW:schema", None)
            stored = about.pop(CHECKSUM.encode(), b"").decode()
            schema = file.schema.to_arrow_schema().remove_metadata()
            yield _Opened(path, file, schema, about, stored, bounds)
    except (FileNotFoundError, IsADirectoryError, PermissionError, InputError):
        raise
    except BoundsError as error:
        raise InputError(f"{path} is not a file of this workflow, and is not read: {error}; {REMEDY}") from error
    except (pa.ArrowException, OSError, ValueError) as error:
        if is_of_memory(error):
            raise
        raise InputError(f"{path} is not a whole Parquet file ({error}); {REMEDY}") from error


def check_columns(path: str | Path, table: pa.Table, columns: Iterable[Column]) -> None:
    """Check that a table has some columns, with values where they have to be.

    Args:
        path: the file of the table, for the error.
        table: the table.
        columns: what they have to be. One that is optional may be missing; if it is there, it is checked as well.

    Raises InputError naming file and column if a column is missing, of another kind, or lacks a value.
    """
    for column in columns:
        if column.name not in table.schema.names:
            if column.optional:
                continue
            raise InputError(f"{path} has no column {column.name!r}; {REMEDY}")
        stored = table.schema.field(column.name).type
        if not _KINDS[column.kind](stored):
            raise InputError(f"{path}: the column {column.name!r} is {stored}, and has to be {column.kind}; {REMEDY}")
        if not column.may_lack_values and table[column.name].null_count:
            raise InputError(f"{path}: the column {column.name!r} has an empty value; {REMEDY}")


def provenance_of(table: pa.Table) -> Provenance:
    """Return the provenance of a table that :func:`read_parquet` read. Raises InputError if it has none."""
    return _provenance(f"a table with the columns {', '.join(table.column_names)}", table.schema.metadata or {})


def _provenance(path: str | Path, about: Mapping[bytes, bytes]) -> Provenance:
    try:
        return dict(json.loads(about[b"provenance"]))
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise InputError(f"{path} does not say where it comes from; {REMEDY}") from error


class _TableChecksum:
    """A checksum of the names, types, descriptions, metadata and values of a table, however it is cut into pieces.

    Each column is a stream of lengths, -1 for a missing value, and a stream of values, both as little-endian bytes that
    do not depend on how the library lays them out.
    """

    def __init__(self, schema: pa.Schema) -> None:
        self._fields = [
            (field.name, str(field.type), field.nullable, *sorted((field.metadata or {}).items())) for field in schema
        ]
        self._columns = [(hashlib.sha256(), hashlib.sha256()) for _ in schema]

    def update(self, table: pa.Table) -> None:
        """Add the rows of a piece of the table."""
        for (lengths, values), column in zip(self._columns, table.columns, strict=True):
            for chunk in column.chunks if isinstance(column, pa.ChunkedArray) else [column]:
                for digest, part in zip((lengths, values), _as_bytes(chunk), strict=True):
                    digest.update(part)

    def hexdigest(self, metadata: Mapping[bytes, bytes] | None) -> str:
        """Return the checksum, in hexadecimal, with the metadata of the table."""
        digest = hashlib.sha256(repr((self._fields, sorted((metadata or {}).items()))).encode())
        for lengths, values in self._columns:
            digest.update(lengths.digest() + values.digest())
        return digest.hexdigest()


def _as_bytes(array: pa.Array) -> tuple[bytes, memoryview | bytes]:
    """Return the lengths of the values of an array and the values; a missing value is left out or zero."""
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


def table_checksum(table: pa.Table) -> str:
    """Return the checksum of a table and its metadata, in hexadecimal."""
    checksum = _TableChecksum(table.schema)
    checksum.update(table)
    return checksum.hexdigest(table.schema.metadata)
