"""Columns as metadata of Arrow fields, which come back from a Parquet file."""

from __future__ import annotations

import re

import pyarrow as pa
import pytest

from capacity.dictionary import column
from capacity.dictionary.column import FLAG, INTEGER, NUMBER, TEXT, Column, describe
from capacity.errors import InputError
from capacity.storage import parquet
from tests.support.described_tables import schema_of

COLUMNS = (
    Column("seed", INTEGER, "Seed of the run."),
    Column("loss", NUMBER, "Loss of the run.", "nats"),
    Column("right", FLAG, "Whether the answer is right.", optional=True),
)
TABLE = pa.table({"seed": [0, 1], "loss": [0.5, None], "more": ["a", "b"]})


def test_a_description_changes_no_value_and_leaves_other_columns_alone():
    described = describe(TABLE, COLUMNS)
    assert described.equals(TABLE)
    assert described.schema.field("seed").metadata == {b"description": b"Seed of the run."}
    assert described.schema.field("loss").metadata == {b"description": b"Loss of the run.", b"unit": b"nats"}
    assert described.schema.field("more").metadata is None


def test_descriptions_come_back_from_a_file_whose_bytes_are_the_same_each_time(tmp_path):
    for name in ("first", "second"):
        parquet.write_parquet(tmp_path / f"{name}.parquet", describe(TABLE, COLUMNS), {})
    assert (tmp_path / "first.parquet").read_bytes() == (tmp_path / "second.parquet").read_bytes()
    assert schema_of(tmp_path / "first.parquet")["loss"][b"description"] == b"Loss of the run."
    back = parquet.read_parquet(tmp_path / "first.parquet")
    parquet.write_parquet(tmp_path / "third.parquet", describe(back.replace_schema_metadata(None), COLUMNS), {})
    assert parquet.read_parquet(tmp_path / "third.parquet").schema.field("loss").metadata[b"unit"] == b"nats"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"seed": None}, "runs.parquet has no column 'seed'"),
        ({"loss": None}, "runs.parquet has no column 'loss'"),
        ({"seed": ["0", "1"]}, "the column 'seed' is string, and has to be an integer"),
        ({"seed": [0.0, 1.0]}, "the column 'seed' is double, and has to be an integer"),
        ({"loss": [True, False]}, "the column 'loss' is bool, and has to be a number"),
        ({"right": [1, 0]}, "the column 'right' is int64, and has to be true or false"),
        ({"seed": [0, None]}, "the column 'seed' has an empty value"),
        ({"right": [True, None]}, "the column 'right' has an empty value"),
        ({"floor": [1.0, None]}, "the column 'floor' has an empty value"),
        ({"right": [True, False], "count": [None, None]}, "the column 'count' is null, and has to be an integer"),
    ],
)
def test_a_table_is_refused_by_column_if_one_is_missing_or_of_another_kind_or_has_an_empty_value(change, said):
    floor = Column("floor", NUMBER, "", optional=True, nullable=False)
    columns = (*COLUMNS, floor, Column("count", INTEGER, "", optional=True, nullable=True))
    whole = {"seed": [0, 1], "loss": [0.5, None], "count": pa.array([3, None])}
    parquet.check_columns("runs.parquet", pa.table(whole), columns)
    kept = {name: value for name, value in (whole | change).items() if value is not None}
    with pytest.raises(InputError, match=re.escape(said)):
        parquet.check_columns("runs.parquet", pa.table(kept), columns)


def test_a_schema_has_the_type_of_each_kind_and_says_which_may_be_empty():
    types = {INTEGER: pa.int64(), NUMBER: pa.float64(), FLAG: pa.bool_(), TEXT: pa.string()}
    schema = column.arrow_schema(COLUMNS, types, nullable=(NUMBER,))
    assert [(field.name, field.type, field.nullable) for field in schema] == [
        ("seed", pa.int64(), False),
        ("loss", pa.float64(), True),
        ("right", pa.bool_(), False),
    ]
    assert schema.field("loss").metadata == {b"description": b"Loss of the run.", b"unit": b"nats"}
