"""Parquet files beside the data dictionary that describes them."""

from __future__ import annotations

import re
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from capacity.dictionary.column import names
from capacity.dictionary.page import TABLES, Table
from capacity.storage import parquet


def check_table(path: Path, table: Table) -> set[str]:
    """Check that a file has the columns of its table, with their kinds, meanings and units, and return their names."""
    rows = parquet.read_parquet(path)
    for place, field in enumerate(rows.schema):
        if pa.types.is_dictionary(field.type):  # text of few values, stored as numbers of a list
            rows = rows.set_column(place, field.with_type(pa.string()), rows[field.name].cast(pa.string()))
    columns = {column.name: column for column in table.columns}
    assert set(rows.schema.names) <= set(columns), path
    if not any(column.optional for column in table.columns):  # scores of a history come in the order of its questions
        assert tuple(rows.schema.names) == names(table.columns), path
    parquet.check_columns(path, rows, table.columns)
    for field in rows.schema:
        described = {key.decode(): value.decode() for key, value in (field.metadata or {}).items()}
        assert {name: described.get(name) for name in columns[field.name].metadata} == columns[field.name].metadata, (
            path
        )
    return set(rows.schema.names)


def described_paths(root: Path) -> list[Path]:
    """Check every Parquet file below a folder that the data dictionary describes, and return their paths, sorted.

    Every table of the dictionary must have a file, and every column of the dictionary must be in one.
    """
    paths: list[Path] = []
    for table in TABLES:
        pattern = re.sub(r"\{\w+\}", "*", table.path)
        of_table = sorted(root.glob(pattern))
        if "{study}" in table.path:
            of_table += sorted(root.glob(pattern.replace("tables/*", "tables/*/*")))
        seen = [check_table(path, table) for path in of_table]
        assert set(names(table.columns)) == set().union(*seen), table.name
        paths += of_table
    return sorted(paths)


def schema_of(path: Path) -> dict[str, dict[bytes, bytes]]:
    """The metadata of each field of a Parquet file, as any reader of Parquet sees them."""
    return {field.name: field.metadata or {} for field in pq.read_schema(path)}
