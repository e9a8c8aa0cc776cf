from __future__ import annotations

from collections import Counter

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from capacity.corpora import corpus
from capacity.corpora.corpus import corpus_lines
from capacity.corpora.streams import Rows, Stream
from capacity.exact.generator import Generator
from capacity.paper.protocol import BLOCK, STREAMS, TASKS
from capacity.tasks.task import Line
from capacity.tasks.vocabulary import Vocabulary

LONGEST = len("Capital of the Netherlands is Amsterdam \n") - 1


def make(task: str, kind: str, block: int | None = None) -> tuple[Stream, list[Line], Vocabulary]:
    every = corpus_lines(task, [(5, 7)], 50, 1337)
    vocabulary, lines = corpus.vocabulary(every), corpus.stream_lines(every)
    if block is None:
        block = LONGEST if kind in ("aligned", "answer-only") else BLOCK[task]
    return Stream(lines, vocabulary, kind, block), lines, vocabulary


def generator(seed: int = 5) -> Generator:
    return Generator(seed)


def text_of(rows: Rows, vocabulary: Vocabulary) -> str:
    """The text that these windows, in order, were cut from."""
    return vocabulary.decode([*rows.inputs[0].tolist(), *rows.targets[:, -1].tolist()])


@pytest.mark.parametrize(("task", "windows"), [("arithmetic", 1755), ("facts", 1523), ("joint", 3287)])
@pytest.mark.parametrize("kind", ["fixed", "reshuffled"])
def test_there_is_a_window_at_every_offset(task, windows, kind):
    assert len(make(task, kind)[0]) == windows


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("block", [2, 9, 24, 100])
def test_a_window_is_a_slice_of_the_text_and_its_targets_are_one_further(task, block):
    stream, lines, vocabulary = make(task, "fixed", block)
    text = "".join(line.text for line in lines)
    assert len(stream) == len(text) - block
    for offset, (inputs, targets) in enumerate(zip(stream.rows.inputs, stream.rows.targets, strict=True)):
        assert vocabulary.decode(inputs.tolist()) == text[offset : offset + block]
        assert vocabulary.decode(targets.tolist()) == text[offset + 1 : offset + block + 1]
    assert stream.rows.counted.shape == stream.rows.inputs.shape
    assert bool((stream.rows.counted == 1).all())


@pytest.mark.parametrize("task", TASKS)
@given(seed=st.integers(0, 10**6))
@settings(max_examples=15)
def test_reshuffling_keeps_the_lines_and_puts_arithmetic_before_facts(task, seed):
    stream, lines, vocabulary = make(task, "reshuffled")
    shuffled = text_of(stream.reshuffle(generator(seed)), vocabulary).splitlines(keepends=True)
    assert Counter(shuffled) == Counter(line.text for line in lines)
    assert [line.startswith("Capital") for line in shuffled] == [line.task == "facts" for line in lines]


@given(seed=st.integers(0, 10**6))
@settings(max_examples=15)
def test_lines_of_mixed_tasks_are_reshuffled_all_together(seed):
    every = corpus_lines("joint", [(5, 7)], 50, 1337, mixing="shuffled")
    vocabulary, lines = corpus.vocabulary(every), corpus.stream_lines(every)
    stream = Stream(lines, vocabulary, "reshuffled", 24, "shuffled")
    shuffled = text_of(stream.reshuffle(generator(seed)), vocabulary).splitlines(keepends=True)
    assert Counter(shuffled) == Counter(line.text for line in lines)
    are_facts = [line.startswith("Capital") for line in shuffled]
    assert are_facts != [line.task == "facts" for line in lines]
    assert 1 < sum(are_facts[:123]) < 49


@pytest.mark.parametrize("task", TASKS)
def test_reshuffled_windows_are_slices_of_one_text(task):
    stream, _, vocabulary = make(task, "reshuffled")
    rows = stream.reshuffle(generator())
    text = numpy.array(vocabulary.encode(text_of(rows, vocabulary)))
    for offset in range(len(stream)):
        assert numpy.array_equal(rows.inputs[offset], text[offset : offset + stream.block])
        assert numpy.array_equal(rows.targets[offset], text[offset + 1 : offset + stream.block + 1])


@pytest.mark.parametrize("task", TASKS)
def test_every_draw_reshuffles_anew_and_only_the_generator_decides_how(task):
    stream, lines, vocabulary = make(task, "reshuffled")
    one, other = generator(), generator()
    first, second = (text_of(stream.reshuffle(one), vocabulary) for _ in range(2))
    assert [text_of(stream.reshuffle(other), vocabulary) for _ in range(2)] == [first, second]
    assert len({first, second, "".join(line.text for line in lines)}) == 3
    for kind in ("<", "Capital"):
        orders = [[line for line in text.splitlines() if line.startswith(kind)] for text in (first, second)]
        assert orders[0] != orders[1] or not orders[0]


@pytest.mark.parametrize("task", TASKS)
def test_a_batch_is_drawn_from_a_reshuffled_text_and_not_from_the_frozen_one(task):
    stream, lines, vocabulary = make(task, "reshuffled", 80)
    frozen = "".join(line.text for line in lines)
    rows = stream.draw(64, generator())
    assert sum(vocabulary.decode(row.tolist()) in frozen for row in rows.inputs) < 4


@pytest.mark.parametrize("task", TASKS)
def test_an_aligned_row_is_one_line_and_padding_does_not_count(task):
    stream, lines, vocabulary = make(task, "aligned")
    assert len(stream) == len(lines)
    for number, line in enumerate(lines):
        row, length = stream.rows[numpy.array([number])], len(line.text) - 1
        assert vocabulary.decode(row.inputs[0, :length].tolist()) == line.text[:-1]
        assert vocabulary.decode(row.targets[0, :length].tolist()) == line.text[1:]
        assert row.counted[0].tolist() == [1.0] * length + [0.0] * (LONGEST - length)


@pytest.mark.parametrize("task", TASKS)
def test_answer_only_counts_the_answer_and_its_terminator_exactly(task):
    stream, lines, vocabulary = make(task, "answer-only")
    aligned = make(task, "aligned")[0]
    assert numpy.array_equal(stream.rows.inputs, aligned.rows.inputs)
    assert numpy.array_equal(stream.rows.targets, aligned.rows.targets)
    for number, line in enumerate(lines):
        counted = stream.rows.counted[number]
        assert vocabulary.decode(stream.rows.targets[number, counted == 1].tolist()) == line.answer + line.terminator
        assert set(counted.tolist()) == {0.0, 1.0}


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("kind", STREAMS)
def test_a_stream_knows_its_characters_and_whether_it_is_reshuffled(kind, task):
    stream, _, vocabulary = make(task, kind)
    assert stream.characters == len(vocabulary) == len(vocabulary.characters)
    assert max(int(stream.rows.inputs.max()), int(stream.rows.targets.max())) < stream.characters
    assert stream.is_reshuffled == (kind == "reshuffled")


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("kind", STREAMS)
def test_a_draw_takes_the_numbers_of_its_rows_from_the_generator_and_then_the_order_of_the_lines(kind, task):
    stream, _, _ = make(task, kind)
    used, reference = generator(), generator()
    for _ in range(2):
        rows = stream.draw(500, used)
        numbers = reference.integers(len(stream), 500)
        expected = (stream.reshuffle(reference) if kind == "reshuffled" else stream.rows)[numbers]
        for name in ("inputs", "targets", "counted"):
            assert numpy.array_equal(getattr(rows, name), getattr(expected, name))
    assert numpy.array_equal(used.state(), reference.state())


@pytest.mark.parametrize("kind", STREAMS)
def test_every_draw_has_a_row_of_its_own_however_often_it_comes(kind):
    stream, _, _ = make("arithmetic", kind, 9)
    rows = stream.draw(5000, generator())
    assert {tuple(value.shape) for value in vars(rows).values()} == {(5000, 9)}
    assert len(numpy.unique(rows.inputs, axis=0)) < 5000


def test_rows_are_drawn_uniformly_with_replacement():
    stream, _, _ = make("arithmetic", "aligned", 9)
    rows = stream.draw(196 * 400, generator())
    drawn = numpy.concatenate([rows.inputs, rows.targets], 1)
    counts = numpy.unique(drawn, axis=0, return_counts=True)[1]
    assert len(counts) == 196
    assert float(((counts - 400) ** 2 / 400).sum()) < 195 + 5 * (2 * 195) ** 0.5


@pytest.mark.parametrize("kind", ["fixed", "reshuffled"])
def test_a_block_as_long_as_the_text_is_refused(kind):
    with pytest.raises(ValueError, match="block: 1764 does not fit the text of 1764 characters"):
        make("arithmetic", kind, 1764)
    assert len(make("arithmetic", kind, 1763)[0]) == 1


@pytest.mark.parametrize("kind", ["aligned", "answer-only"])
def test_a_block_shorter_than_a_line_is_refused(kind):
    with pytest.raises(ValueError, match=r"block: 7 is too short for the line '<.*; it must be 8 or more"):
        make("arithmetic", kind, 7)
    assert make("arithmetic", kind, 8)[0].rows.inputs.shape == (196, 8)
    with pytest.raises(
        ValueError, match=r"block: 39 is too short for the line 'Capital of the Netherlands.* 40 or more"
    ):
        make("joint", kind, 39)
