"""A column of a table: its name and kind, and what its values mean."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass

import pyarrow as pa

KINDS = INTEGER, NUMBER, FLAG, TEXT = "an integer", "a number", "true or false", "text"
"""The kinds of columns, as messages call them."""


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        name: the name in the file.
        kind: one of :data:`INTEGER`, :data:`NUMBER`, :data:`FLAG` and :data:`TEXT`.
        meaning: what a value says, in a sentence.
        unit: of the values, such as ``updates``; empty for names, yes-or-no values and words.
        optional: whether a file may lack the column, because no task in it has such a value.
        nullable: whether a value may be missing; if it is None, those of numbers may, and no others.
    """

    name: str
    kind: str
    meaning: str
    unit: str = ""
    optional: bool = False
    nullable: bool | None = None

    @property
    def may_lack_values(self) -> bool:
        """Whether a value may be missing."""
        return self.kind == NUMBER if self.nullable is None else self.nullable

    @property
    def metadata(self) -> dict[str, str]:
        """The meaning and the unit, as metadata of an Arrow field."""
        return {"description": self.meaning} | ({"unit": self.unit} if self.unit else {})


Columns = tuple[Column, ...]


def names(columns: Iterable[Column]) -> tuple[str, ...]:
    """The names of columns, in order."""
    return tuple(column.name for column in columns)


def arrow_schema(
    columns: Iterable[Column], types: Mapping[str, pa.DataType], nullable: Container[str] = KINDS
) -> pa.Schema:
    """An Arrow schema of columns with their descriptions.

    Args:
        columns: in the order of the file.
        types: the Arrow type for each kind of column.
        nullable: the kinds of columns that may have empty values.
    """
    return pa.schema(
        [pa.field(column.name, types[column.kind], column.kind in nullable, column.metadata) for column in columns]
    )


def describe_schema(plain: pa.Schema, columns: Iterable[Column]) -> pa.Schema:
    """A schema with the meaning and unit of each column as metadata of its field.

    A column that is not among ``columns`` is left as it is.
    """
    metadata = {column.name: column.metadata for column in columns}
    fields = [field.with_metadata(metadata[field.name]) if field.name in metadata else field for field in plain]
    return pa.schema(fields, metadata=plain.metadata)


def describe(table: pa.Table, columns: Iterable[Column]) -> pa.Table:
    """A table with the same values, whose fields say what :func:`describe_schema` gives them."""
    return pa.Table.from_arrays(table.columns, schema=describe_schema(table.schema, columns))
