from __future__ import annotations

from collections import Counter

import numpy
import pytest
import torch
from torch import Tensor

from capacity.corpora import corpus
from capacity.corpora.corpus import corpus_lines
from capacity.corpora.prefixes import prefixes_of
from capacity.corpora.streams import Rows, Stream
from capacity.exact.generator import Generator
from capacity.model import transformer
from capacity.model.transformer import PrefixTensors
from capacity.paper.protocol import BLOCK, STREAMS, Size
from capacity.tasks.task import Line
from capacity.tasks.vocabulary import Vocabulary
from capacity.training import draws
from capacity.training.batches import Batches, target_counts
from capacity.training.losses import prefix_losses, row_losses
from capacity.training.randomness import generator
from tests.support.plain_transformer import random_stack

SIZE = Size(layers=1, heads=2, width=8, mlp_factor=1)
FIELDS = ("inputs", "targets", "counted")
LONGEST = 40  # positions of the longest line but its last character

# Inputs, targets and whether they count of a batch, each (S, N, T).
BatchRows = tuple[Tensor, Tensor, Tensor]

# How often each target follows each text, as far as it counts.
Counts = Counter[tuple[tuple[int, ...], int]]


def make(task: str, kind: str) -> tuple[Stream, list[Line], Vocabulary]:
    every = corpus_lines(task, [(5, 7)], 50, 1337)
    vocabulary, lines = corpus.vocabulary(every), corpus.stream_lines(every)
    block = BLOCK[task] if kind in ("fixed", "reshuffled") else LONGEST
    return Stream(lines, vocabulary, kind, block), lines, vocabulary


def counted_in_rows(rows: BatchRows, seed: int = 0) -> Counts:
    found: Counts = Counter()
    for inputs, targets, counted in zip(*(each[seed].tolist() for each in rows), strict=True):
        for place, (target, count) in enumerate(zip(targets, counted, strict=True)):
            if count:
                found[tuple(inputs[: place + 1]), target] += int(count)
    return found


def counted_after_prefixes(prefixes: PrefixTensors, counts: Tensor) -> Counts:
    found: Counts = Counter()
    rows = prefixes.tokens[prefixes.row_inputs].tolist()
    for target, prefix in counts.nonzero().tolist():
        row, place = divmod(int(prefixes.ends[prefix]), prefixes.rows.shape[1])
        found[tuple(rows[row][: place + 1]), target] += int(counts[target, prefix])
    return found


@pytest.mark.parametrize("kind", STREAMS)
@pytest.mark.parametrize("task", ["arithmetic", "joint"])
def test_prefixes_and_rows_of_a_seed_describe_the_same_batches(task, kind, monkeypatch):
    monkeypatch.setattr(draws, "UPDATES_AT_ONCE", 2)
    stream, _, vocabulary = make(task, kind)
    shared, apart, mixed = (Batches(stream, 150, [21], "cpu") for _ in range(3))
    seen = []
    for number in range(5):
        prefixes, counts = shared.prefixes()
        rows = apart.rows()
        assert [tuple(each.shape) for each in rows] == [(1, 150, stream.block)] * 3
        assert counts.shape == (len(vocabulary), len(prefixes.ends))
        assert counts.dtype == torch.float32
        assert float(counts.sum()) == float(rows[2].sum())
        seen.append(counted_in_rows(rows))
        assert counted_after_prefixes(prefixes, counts) == seen[-1]
        assert (counted_in_rows(mixed.rows()) if number % 2 else counted_after_prefixes(*mixed.prefixes())) == seen[-1]
    assert all(seen[number] != seen[other] for number in range(5) for other in range(number))


@pytest.mark.parametrize("kind", STREAMS)
def test_prefixes_and_rows_give_the_same_loss_and_gradient(kind):
    stream, _, vocabulary = make("joint", kind)
    inputs, targets, counted = Batches(stream, 80, [21], "cpu").rows()
    prefixes, counts = Batches(stream, 80, [21], "cpu").prefixes()
    assert len(prefixes.ends) < 0.95 * inputs.numel()
    results = []
    for shares in (False, True):
        parameters = random_stack(SIZE, len(vocabulary), stream.block, 1)
        for value in parameters.values():
            value.requires_grad_()
        if shares:
            loss = prefix_losses(transformer.forward_prefixes(parameters, prefixes, SIZE.heads), counts)
        else:
            loss = row_losses(transformer.forward(parameters, inputs, SIZE.heads), targets, counted)
        assert loss.shape == (1,)
        results.append([loss.detach(), *torch.autograd.grad(loss, list(parameters.values()))])
    for one, other in zip(*results, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("at_once", [1, 3, 100])
@pytest.mark.parametrize("kind", STREAMS)
def test_what_a_seed_draws_depends_on_itself_alone(kind, at_once, monkeypatch):
    """Not on the other seeds of its stack, nor on how many updates are drawn together."""
    stream, _, _ = make("facts", kind)
    alone = Batches(stream, 30, [7], "cpu")
    expected = [alone.rows() for _ in range(7)]
    monkeypatch.setattr(draws, "UPDATES_AT_ONCE", at_once)
    for seeds in ([7], [3, 7], [7, 1337, 2]):
        stack = Batches(stream, 30, seeds, "cpu")
        for rows in expected:
            found = stack.rows()
            for stacked, single in zip(found, rows, strict=True):
                assert stacked.shape == (len(seeds), 30, stream.block)
                assert torch.equal(stacked[seeds.index(7)], single[0])
            if len(seeds) > 1:
                assert not torch.equal(found[0][0], found[0][1])


@pytest.mark.parametrize("kind", STREAMS)
def test_batches_are_the_draws_of_the_seeds_own_generator(kind):
    stream, _, _ = make("arithmetic", kind)
    own = generator(9, "data")
    found = Batches(stream, 25, [9], "cpu")
    for _ in range(3):
        rows, expected = found.rows(), stream.draw(25, own)
        for name, each in zip(FIELDS, rows, strict=True):
            assert numpy.array_equal(each[0].numpy(), getattr(expected, name))


@pytest.mark.parametrize("kind", STREAMS)
def test_rows_are_on_the_device_where_they_are_needed(kind):
    stream, _, _ = make("arithmetic", kind)
    rows = Batches(stream, 25, [9, 4], "meta").rows()
    assert {(str(each.device), tuple(each.shape)) for each in rows} == {("meta", (2, 25, stream.block))}


@pytest.mark.parametrize("used", [0, 1, 3, 4, 5])
@pytest.mark.parametrize("shares", [False, True], ids=["rows", "prefixes"])
@pytest.mark.parametrize("kind", STREAMS)
def test_restored_batches_go_on_with_the_next_one(kind, shares, used, monkeypatch):
    """Before any batch is drawn, among those that are drawn together, after the last of them, and beyond."""
    monkeypatch.setattr(draws, "UPDATES_AT_ONCE", 4)
    stream, _, _ = make("facts", kind)
    seeds = [9] if shares else [9, 4]

    def next_of(batches: Batches) -> list[Counts]:
        if shares:
            return [counted_after_prefixes(*batches.prefixes())]
        rows = batches.rows()
        return [counted_in_rows(rows, number) for number in range(len(seeds))]

    whole = Batches(stream, 30, seeds, "cpu")
    for _ in range(used):
        next_of(whole)
    state = {name: value.copy() for name, value in whole.state().items()}
    again = Batches(stream, 30, seeds, "cpu")
    next_of(again)
    again.restore(state)
    for _ in range(6):
        assert next_of(again) == next_of(whole)


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_target_counts_are_those_of_plain_counting(share):
    chosen = Generator(4)
    inputs, targets = (chosen.integers(3, (30, 4)) for _ in range(2))
    counted = (chosen.integers(100, (30, 4)) < 100 * share).astype(numpy.float32)
    rows = Rows(inputs, targets, counted)
    times = 1 + chosen.integers(5, 30).astype(numpy.float32)
    prefixes = prefixes_of(inputs)
    expected = torch.zeros(5, len(prefixes))
    for number in range(30):
        for place in range(4):
            weight = float(times[number]) * float(rows.counted[number, place])
            expected[targets[number, place], prefixes.rows[number, place]] += weight
    found = target_counts(prefixes, rows, times, 5)
    assert torch.equal(found, expected)
    assert (float(found.sum()) == 0) == (share == 0.0)


def test_target_counts_by_pencil():
    rows = Rows(
        numpy.array([[1, 2], [1, 2], [1, 0]]),
        numpy.array([[2, 0], [2, 1], [0, 2]]),
        numpy.array([[1, 1], [1, 0], [0, 1]], dtype=numpy.float32),
    )
    prefixes = prefixes_of(rows.inputs)
    after = dict(zip(["1", "12", "10"], prefixes.rows.flatten()[[0, 1, 5]].tolist(), strict=True))
    counts = target_counts(prefixes, rows, numpy.array([2, 3, 4], dtype=numpy.float32), 4)
    found = {text: counts[:, number].tolist() for text, number in after.items()}
    assert found == {"1": [0.0, 0.0, 5.0, 0.0], "12": [2.0, 0.0, 0.0, 0.0], "10": [0.0, 0.0, 4.0, 0.0]}


@pytest.mark.parametrize("task", ["arithmetic", "joint"])
@pytest.mark.parametrize("kind", ["aligned", "answer-only"])
def test_only_what_counts_is_a_target_after_a_prefix(kind, task):
    stream, lines, vocabulary = make(task, kind)
    prefixes, counts = Batches(stream, 1000, [2], "cpu").prefixes()
    allowed: dict[str, set[str]] = {}
    for line in lines:
        first = len(line.prompt) if kind == "answer-only" else 1
        end = len(line.prompt + line.answer + line.terminator) if kind == "answer-only" else len(line.text)
        for place in range(first, end):
            allowed.setdefault(line.text[:place], set()).add(line.text[place])
    found = counted_after_prefixes(prefixes, counts)
    said = {(vocabulary.decode(text), vocabulary.decode([target])) for text, target in found}
    assert said <= {(text, character) for text, characters in allowed.items() for character in characters}
    drawn = {vocabulary.decode(row) for row in prefixes.tokens[prefixes.row_inputs].tolist()}
    read = [line for line in lines if any(row.startswith(line.text[:-1]) for row in drawn)]
    assert len(read) == len(drawn) > len(lines) / 2
    for line in read:
        assert (line.prompt, line.answer[0]) in said
