"""TODO storage.parquet."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from capacity.errors import InputError
from capacity.storage.files import CHECKSUM, REMEDY, atomic, check_checksum
from capacity.storage.provenance import Provenance

_KINDS = {
    "an integer": pa.types.is_integer,
    "a number": lambda kind: pa.types.is_floating(kind) or pa.types.is_integer(kind),
    "true or false": pa.types.is_boolean,
    "text": lambda kind: pa.types.is_string(kind) or pa.types.is_large_string(kind),
}


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
    check_checksum(path, stored, found)
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
    check_checksum(path, stored, checksum.hexdigest(about))


def read_schema(path: str | Path) -> pa.Schema:
    """The columns of a Parquet file, without its rows. Raises InputError naming the file if it is not one."""
    with _opened(path) as (file, _, _):
        return file.schema_arrow


def read_provenance(path: str | Path) -> Provenance:
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


def provenance_of(table: pa.Table) -> Provenance:
    """What :func:`write_parquet` was given."""
    return dict(json.loads((table.schema.metadata or {})[b"provenance"]))


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
