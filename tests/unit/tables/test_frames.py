from __future__ import annotations

import pandas as pd
import pytest

from capacity.dictionary.column import INTEGER, NUMBER, TEXT, Column
from capacity.experiment.cell import make_cell
from capacity.paper.protocol import SIZES
from capacity.storage import parquet
from capacity.tables.frames import chunks, read_frame, write_frame, write_table
from tests.support.handmade_results import evaluation, frames, history_frame, run

COLUMNS = (
    Column("size", TEXT, "Size of the network."),
    Column("seed", INTEGER, "Seed of the run."),
    Column("loss", NUMBER, "Loss of the run.", "nats"),
    Column("margin", NUMBER, "Margin of the run.", "nats", optional=True),
)


@pytest.fixture
def frame():
    return pd.DataFrame({"size": ["n14", "n28"], "seed": [0, 1], "loss": [0.5, None]})


def test_values_are_split_into_chunks_of_which_the_last_is_shorter():
    assert list(chunks(range(5), 2)) == [[0, 1], [2, 3], [4]]
    assert list(chunks([], 2)) == []


def test_a_table_comes_back_as_it_was_written(tmp_path):
    cells = [make_cell("arithmetic", SIZES["n14"]), make_cell("facts", SIZES["n14"])]
    runs, summary = frames([evaluation(cell, [run(cell, seed) for seed in (0, 1)]) for cell in cells])
    for each in (runs, summary, history_frame(cells, (0, 1))):
        write_frame(tmp_path / "table.parquet", each, {})
        pd.testing.assert_frame_equal(read_frame(tmp_path / "table.parquet"), each)


def test_columns_carry_their_descriptions_and_the_same_frame_gives_the_same_bytes(tmp_path, frame):
    for name in ("first", "second"):
        write_frame(tmp_path / name, frame, {"stage": "hand"}, COLUMNS)
    assert (tmp_path / "first").read_bytes() == (tmp_path / "second").read_bytes()
    table = parquet.read_parquet(tmp_path / "first")
    assert table.schema.field("loss").metadata == {b"description": b"Loss of the run.", b"unit": b"nats"}
    assert table.schema.field("seed").metadata == {b"description": b"Seed of the run."}
    pd.testing.assert_frame_equal(read_frame(tmp_path / "first", COLUMNS), frame)


def test_a_table_is_also_written_as_csv(tmp_path, frame):
    write_table(tmp_path, "table", frame, {}, COLUMNS)
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "table.csv"), frame)
    pd.testing.assert_frame_equal(read_frame(tmp_path / "table.parquet"), frame)


def test_a_column_that_is_missing_or_of_another_kind_is_refused_by_file_and_name(tmp_path, frame):
    path = tmp_path / "table.parquet"
    write_frame(path, frame.drop(columns="seed"), {})
    with pytest.raises(ValueError, match=r"table\.parquet has no column 'seed'"):
        read_frame(path, COLUMNS)
    write_frame(path, frame.assign(loss="low"), {})
    with pytest.raises(ValueError, match=r"table\.parquet: the column 'loss' is .*string, and has to be a number"):
        read_frame(path, COLUMNS)
