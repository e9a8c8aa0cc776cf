from __future__ import annotations

import itertools
import random

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from capacity.corpora.corpus import build, corpus_lines, from_table, read, stream_lines, to_table
from capacity.evaluation.questions import questions_of
from capacity.experiment.cell import make_cell
from capacity.paper.protocol import SIZES
from capacity.storage import parquet
from capacity.tasks.task import Line

pairs = st.tuples(st.integers(0, 9), st.integers(0, 9))
held_out_sets = st.sets(pairs, max_size=55)
CATEGORIES = ("terminator", "task", "operation", "split")


def write(path, lines, provenance=None):
    parquet.write_parquet(path, to_table(lines), provenance or {"stage": "corpus"})
    return path


@given(st.sampled_from(["arithmetic", "facts", "joint"]), held_out_sets, st.integers(1, 50))
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


def stream_text(lines: list[Line]) -> str:
    return "".join(line.text for line in lines if line.split == "seen")


@given(st.sampled_from(["arithmetic", "facts", "joint"]), held_out_sets, st.integers(1, 50), st.integers(0, 10**6))
def test_a_line_is_its_prompt_its_answer_and_its_terminator(task, held_out, facts, seed):
    for line in corpus_lines(task, held_out, facts, seed):
        assert line.text.startswith(line.prompt + line.answer + line.terminator)
        assert line.text.count("\n") == 1
        assert line.text.endswith("\n")


@given(st.sampled_from(["arithmetic", "facts", "joint"]), held_out_sets, st.integers(1, 50), st.integers(0, 10**6))
def test_positions_number_the_seen_lines_and_only_those(task, held_out, facts, seed):
    lines = corpus_lines(task, held_out, facts, seed)
    assert [line.position for line in lines if line.split == "seen"] == list(
        range(sum(line.split == "seen" for line in lines))
    )
    assert {line.position for line in lines if line.split == "held_out"} <= {None}


@pytest.mark.parametrize(("task", "characters"), [("arithmetic", 1764), ("facts", 1547), ("joint", 3311)])
def test_the_stream_has_the_papers_number_of_characters(task, characters):
    assert len(stream_text(corpus_lines(task, [(5, 7)], 50, 1337))) == characters


@given(st.integers(0, 10**6), st.integers(1, 50))
def test_the_joint_stream_is_the_arithmetic_stream_then_the_facts_in_order(seed, facts):
    joint = stream_text(corpus_lines("joint", [(5, 7)], facts, seed))
    arithmetic = stream_text(corpus_lines("arithmetic", [(5, 7)], 50, seed))
    assert joint == arithmetic + stream_text(corpus_lines("facts", [], facts, 0))


@given(st.integers(0, 10**6), st.sampled_from([None, 0.25, 0.9]))
def test_shuffled_lines_are_those_of_the_blocks_in_another_order(seed, share):
    blocks, shuffled = (
        corpus_lines("joint", [(5, 7)], 20, seed, mixing=mixing, arithmetic_share=share)
        for mixing in ("blocks", "shuffled")
    )
    text = [line.text for line in stream_lines(blocks)]
    mixed = [line.text for line in stream_lines(shuffled)]
    assert sorted(text) == sorted(mixed)
    assert text != mixed
    assert [line.position for line in stream_lines(shuffled)] == list(range(len(mixed)))
    tasks = [line.task for line in stream_lines(shuffled)]
    assert sum(before != after for before, after in itertools.pairwise(tasks)) > 10
    assert questions_of(shuffled)[0].line.split == "seen"
    assert {(each.line.text, each.prompts) for each in questions_of(shuffled)} == {
        (each.line.text, each.prompts) for each in questions_of(blocks)
    }
    assert len(questions_of(shuffled)) == 200 + 2 * 20


@given(st.integers(0, 10**6))
def test_repeated_lines_come_in_the_same_order_each_time(seed):
    once, often = (
        [line.text for line in stream_lines(corpus_lines("joint", [(5, 7)], 50, seed, arithmetic_share=share))]
        for share in (None, 0.9)
    )
    assert often == once[:196] * 5 + once[196:] * 2


@given(st.integers(0, 10**6), held_out_sets)
def test_the_shuffle_depends_on_the_corpus_seed_alone(seed, held_out):
    first = corpus_lines("arithmetic", held_out, 50, seed)
    before = random.getstate()
    try:
        random.seed(seed + 1)
        moved = random.getstate()
        assert corpus_lines("arithmetic", list(held_out)[::-1], 7, seed) == first
        assert random.getstate() == moved
    finally:
        random.setstate(before)


@given(st.sets(st.integers(0, 10**6), min_size=2, max_size=4))
def test_another_corpus_seed_gives_another_order_of_the_same_lines(seeds):
    orders = {stream_text(corpus_lines("arithmetic", [(5, 7)], 50, seed)) for seed in seeds}
    assert len(orders) == len(seeds)
    assert len({tuple(sorted(order.splitlines())) for order in orders}) == 1


def test_the_shuffle_mixes_the_operations():
    signs = [line.operation for line in corpus_lines("arithmetic", [(5, 7)], 50, 1337)[:196]]
    changes = sum(a != b for a, b in itertools.pairwise(signs))
    assert 60 < changes < 136


def test_every_matched_prompt_is_in_the_training_text():
    lines = corpus_lines("joint", [(5, 7)], 50, 1337)
    text = stream_text(lines)
    assert all(line.prompt in text for line in lines if line.split == "seen")
    assert [line.paper_prompt for line in lines if line.task == "arithmetic"] == [
        line.prompt for line in lines if line.task == "arithmetic"
    ]
