from __future__ import annotations

from collections import Counter

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from plain import random_stack

from capacity import corpus, model, tasks
from capacity.protocol import BLOCK, STREAMS, TASKS, Size
from capacity.streams import Rows, Stream
from capacity.tasks import Line
from capacity.train import weighted_loss
from capacity.vocabulary import Vocabulary

LONGEST = len("Capital of the Netherlands is Amsterdam \n") - 1


def make(task: str, kind: str, block: int | None = None) -> tuple[Stream, list[Line], Vocabulary]:
    every = tasks.corpus(task, [(5, 7)], 50, 1337)
    vocabulary, lines = corpus.vocabulary(every), corpus.stream_lines(every)
    if block is None:
        block = LONGEST if kind in ("aligned", "answer-only") else BLOCK[task]
    return Stream(lines, vocabulary, kind, block), lines, vocabulary


def generator(seed: int = 5) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


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


@pytest.mark.parametrize("task", TASKS)
def test_reshuffled_windows_are_slices_of_one_text(task):
    stream, _, vocabulary = make(task, "reshuffled")
    rows = stream.reshuffle(generator())
    text = torch.tensor(vocabulary.encode(text_of(rows, vocabulary)))
    for offset in range(len(stream)):
        assert torch.equal(rows.inputs[offset], text[offset : offset + stream.block])
        assert torch.equal(rows.targets[offset], text[offset + 1 : offset + stream.block + 1])


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
    rows, _ = stream.draw(64, generator(), distinct=False)
    assert sum(vocabulary.decode(row.tolist()) in frozen for row in rows.inputs) < 4


@pytest.mark.parametrize("task", TASKS)
def test_an_aligned_row_is_one_line_and_padding_does_not_count(task):
    stream, lines, vocabulary = make(task, "aligned")
    assert len(stream) == len(lines)
    for number, line in enumerate(lines):
        row, length = stream.rows[torch.tensor([number])], len(line.text) - 1
        assert vocabulary.decode(row.inputs[0, :length].tolist()) == line.text[:-1]
        assert vocabulary.decode(row.targets[0, :length].tolist()) == line.text[1:]
        assert row.counted[0].tolist() == [1.0] * length + [0.0] * (LONGEST - length)


@pytest.mark.parametrize("task", TASKS)
def test_answer_only_counts_the_answer_and_its_terminator_exactly(task):
    stream, lines, vocabulary = make(task, "answer-only")
    aligned = make(task, "aligned")[0]
    assert torch.equal(stream.rows.inputs, aligned.rows.inputs)
    assert torch.equal(stream.rows.targets, aligned.rows.targets)
    for number, line in enumerate(lines):
        counted = stream.rows.counted[number]
        assert vocabulary.decode(stream.rows.targets[number, counted == 1].tolist()) == line.answer + line.terminator
        assert set(counted.tolist()) == {0.0, 1.0}


@pytest.mark.parametrize("kind", STREAMS)
@pytest.mark.parametrize("task", TASKS)
def test_distinct_rows_stand_for_the_same_draws(kind, task):
    stream, _, _ = make(task, kind)
    drawn: list[Counter[tuple[int, ...]]] = []
    for distinct in (False, True):
        rows, counts = stream.draw(500, generator(), distinct)
        drawn.append(Counter())
        for inputs, targets, counted, count in zip(rows.inputs, rows.targets, rows.counted, counts, strict=True):
            drawn[-1][*inputs.tolist(), *targets.tolist(), *counted.tolist()] += int(count)
        assert float(counts.sum()) == 500
        assert rows.inputs.shape == (len(counts), stream.block)
    assert drawn[0] == drawn[1]


@pytest.mark.parametrize("kind", STREAMS)
@pytest.mark.parametrize("distinct", [False, True])
def test_drawing_takes_as_much_from_the_generator_either_way(kind, distinct):
    stream, _, _ = make("joint", kind)
    used, reference = generator(), generator()
    stream.draw(100, used, distinct)
    stream.draw(100, reference, not distinct)
    assert torch.equal(used.get_state(), reference.get_state())


@pytest.mark.parametrize("kind", STREAMS)
def test_distinct_rows_give_the_same_gradient(kind):
    stream, _, vocabulary = make("joint", kind)
    size = Size(1, 2, 8, 1)
    gradients = []
    for distinct in (False, True):
        parameters = random_stack(size, len(vocabulary), stream.block, 1)
        for value in parameters.values():
            value.requires_grad_()
        rows, counts = stream.draw(300, generator(), distinct)
        logits = model.forward(parameters, rows.inputs[None], size.heads)
        weights = (rows.counted * counts[:, None])[None].double()
        loss = weighted_loss(logits, rows.targets[None], weights).sum()
        gradients.append([loss, *torch.autograd.grad(loss, list(parameters.values()))])
    for plain, weighted in zip(*gradients, strict=True):
        torch.testing.assert_close(plain, weighted, rtol=1e-10, atol=1e-12)


def test_rows_are_drawn_uniformly_with_replacement():
    stream, _, _ = make("arithmetic", "aligned", 9)
    rows, counts = stream.draw(196 * 400, generator(), distinct=True)
    assert len(rows.inputs) == 196
    assert float(((counts - 400) ** 2 / 400).sum()) < 195 + 5 * (2 * 195) ** 0.5


def test_without_distinct_every_draw_has_a_row_of_its_own():
    stream, _, _ = make("arithmetic", "fixed")
    rows, counts = stream.draw(5000, generator(), distinct=False)
    assert rows.inputs.shape == (5000, 9)
    assert counts.tolist() == [1.0] * 5000


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
