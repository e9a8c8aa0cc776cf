from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from capacity.corpora.corpus import build, corpus_lines, from_table, read, stream_lines, to_table
from capacity.experiment.cell import make_cell
from capacity.paper.protocol import SIZES
from capacity.storage import parquet

pairs = st.tuples(st.integers(0, 9), st.integers(0, 9))
CATEGORIES = ("terminator", "task", "operation", "split")


def write(path, lines, provenance=None):
    parquet.write_parquet(path, to_table(lines), provenance or {"stage": "corpus"})
    return path


@given(st.sampled_from(["arithmetic", "facts", "joint"]), st.sets(pairs, max_size=55), st.integers(1, 50))
def test_a_table_gives_back_the_same_lines(task, held_out, facts):
    lines = corpus_lines(task, held_out, facts, 11)
    assert from_table(to_table(lines)) == lines


@pytest.mark.parametrize("task", ["arithmetic", "facts", "joint"])
def test_a_file_gives_back_the_same_lines(task, tmp_path):
    lines = build(make_cell(task, SIZES["n14"]))
    assert read(write(tmp_path / "corpus.parquet", lines)) == lines


def test_repeated_words_are_dictionary_columns_in_memory_and_on_disk(tmp_path):
    path = write(tmp_path / "corpus.parquet", build(make_cell("joint", SIZES["n14"])))
    table = parquet.read_parquet(path)
    assert [name for name in table.schema.names if pa.types.is_dictionary(table.schema.field(name).type)] == list(
        CATEGORIES
    )
    group = pq.ParquetFile(path).metadata.row_group(0)
    encodings = {group.column(number).path_in_schema: group.column(number).encodings for number in range(11)}
    assert all("RLE_DICTIONARY" in encodings[name] for name in CATEGORIES)


def test_what_is_null_says_so(tmp_path):
    table = parquet.read_parquet(
        write(tmp_path / "corpus.parquet", build(make_cell("joint", SIZES["n14"])))
    ).to_pandas()
    assert (table["left"].isna() == (table["task"] == "facts")).all()
    assert (table["right"].isna() == (table["task"] == "facts")).all()
    assert (table["position"].isna() == (table["split"] == "held_out")).all()


def test_provenance_is_in_the_metadata(tmp_path):
    provenance = {"stage": "corpus", "settings": {"held_out": [[5, 7]]}}
    path = write(tmp_path / "corpus.parquet", build(make_cell("facts", SIZES["n14"])), provenance)
    assert parquet.provenance_of(parquet.read_parquet(path)) == provenance


@pytest.mark.parametrize(
    "table",
    [
        pa.table({"text": ["<1+1=2> \n"]}),
        pa.table({"seed": [1], "iteration": [2]}),
        to_table(corpus_lines("facts", [], 3, 1)).drop_columns(["position"]),
        to_table(corpus_lines("facts", [], 3, 1)).append_column("more", pa.array([1, 2, 3])),
        to_table(corpus_lines("facts", [], 3, 1)).set_column(5, "task", pa.array(["facts"] * 3)),
    ],
    ids=["one column", "another table", "a column less", "a column more", "a column of another type"],
)
def test_a_file_of_other_columns_is_refused_by_name(table, tmp_path):
    parquet.write_parquet(tmp_path / "other.parquet", table, {})
    with pytest.raises(ValueError, match=r"other\.parquet is not a corpus"):
        read(tmp_path / "other.parquet")


def test_a_file_that_is_no_parquet_is_refused_by_name(tmp_path):
    (tmp_path / "broken.parquet").write_text("text")
    with pytest.raises(ValueError, match=r"broken\.parquet is not a whole Parquet file"):
        read(tmp_path / "broken.parquet")


def test_stream_lines_are_the_seen_lines_by_position():
    lines = corpus_lines("joint", [(5, 7), (1, 2)], 50, 4)
    expected = [line for line in lines if line.split == "seen"]
    assert stream_lines(lines[::-1]) == expected
    assert len(expected) == 200 - 8 + 50


def test_a_corpus_is_what_the_cell_says():
    cell = make_cell("joint", SIZES["n56"], held_out=[(3, 4)], facts=10, corpus_seed=5)
    assert build(cell) == corpus_lines("joint", [(3, 4)], 10, 5)
