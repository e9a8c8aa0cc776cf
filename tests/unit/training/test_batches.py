from __future__ import annotations

from collections import Counter

import pytest
import torch
from torch import Tensor

from capacity.corpora import corpus
from capacity.corpora.corpus import corpus_lines
from capacity.corpora.prefixes import Prefixes, prefixes_of
from capacity.corpora.streams import Rows, Stream
from capacity.model import transformer
from capacity.paper.protocol import BLOCK, STREAMS, Size
from capacity.tasks.task import Line
from capacity.tasks.vocabulary import Vocabulary
from capacity.training import batches
from capacity.training.batches import Batches, target_counts
from capacity.training.losses import prefix_losses, row_losses
from capacity.training.randomness import generator
from tests.support.plain_transformer import random_stack

SIZE = Size(layers=1, heads=2, width=8, mlp_factor=1)
FIELDS = ("inputs", "targets", "counted")
LONGEST = 40  # positions of the longest line but its last character

# How often each target follows each text, as far as it counts.
Counts = Counter[tuple[tuple[int, ...], int]]


def make(task: str, kind: str) -> tuple[Stream, list[Line], Vocabulary]:
    every = corpus_lines(task, [(5, 7)], 50, 1337)
    vocabulary, lines = corpus.vocabulary(every), corpus.stream_lines(every)
    block = BLOCK[task] if kind in ("fixed", "reshuffled") else LONGEST
    return Stream(lines, vocabulary, kind, block), lines, vocabulary


def counted_in_rows(rows: Rows, seed: int = 0) -> Counts:
    found: Counts = Counter()
    for inputs, targets, counted in zip(*(getattr(rows, name)[seed].tolist() for name in FIELDS), strict=True):
        for place, (target, count) in enumerate(zip(targets, counted, strict=True)):
            if count:
                found[tuple(inputs[: place + 1]), target] += int(count)
    return found


def counted_after_prefixes(prefixes: Prefixes, counts: Tensor) -> Counts:
    found: Counts = Counter()
    rows = prefixes.tokens[prefixes.row_inputs].tolist()
    for target, prefix in counts.nonzero().tolist():
        row, place = divmod(int(prefixes.ends[prefix]), prefixes.rows.shape[1])
        found[tuple(rows[row][: place + 1]), target] += int(counts[target, prefix])
    return found


@pytest.mark.parametrize("kind", STREAMS)
@pytest.mark.parametrize("task", ["arithmetic", "joint"])
def test_prefixes_and_rows_of_a_seed_describe_the_same_batches(task, kind, monkeypatch):
    monkeypatch.setattr(batches, "UPDATES_AT_ONCE", 2)
    stream, _, vocabulary = make(task, kind)
    shared, apart, mixed = (Batches(stream, 150, [21], "cpu") for _ in range(3))
    seen = []
    for number in range(5):
        prefixes, counts = shared.prefixes()
        rows = apart.rows()
        assert [tuple(getattr(rows, name).shape) for name in FIELDS] == [(1, 150, stream.block)] * 3
        assert counts.shape == (len(vocabulary), len(prefixes))
        assert counts.dtype == torch.float32
        assert float(counts.sum()) == float(rows.counted.sum())
        seen.append(counted_in_rows(rows))
        assert counted_after_prefixes(prefixes, counts) == seen[-1]
        assert (counted_in_rows(mixed.rows()) if number % 2 else counted_after_prefixes(*mixed.prefixes())) == seen[-1]
    assert all(seen[number] != seen[other] for number in range(5) for other in range(number))


@pytest.mark.parametrize("kind", STREAMS)
def test_prefixes_and_rows_give_the_same_loss_and_gradient(kind):
    stream, _, vocabulary = make("joint", kind)
    rows = Batches(stream, 80, [21], "cpu").rows()
    prefixes, counts = Batches(stream, 80, [21], "cpu").prefixes()
    assert len(prefixes) < 0.95 * rows.inputs.numel()
    results = []
    for shares in (False, True):
        parameters = random_stack(SIZE, len(vocabulary), stream.block, 1)
        for value in parameters.values():
            value.requires_grad_()
        if shares:
            loss = prefix_losses(transformer.forward_prefixes(parameters, prefixes, SIZE.heads), counts)
        else:
            loss = row_losses(transformer.forward(parameters, rows.inputs, SIZE.heads), rows)
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
    monkeypatch.setattr(batches, "UPDATES_AT_ONCE", at_once)
    for seeds in ([7], [3, 7], [7, 1337, 2]):
        stack = Batches(stream, 30, seeds, "cpu")
        for rows in expected:
            found = stack.rows()
            for name in FIELDS:
                assert getattr(found, name).shape == (len(seeds), 30, stream.block)
                assert torch.equal(getattr(found, name)[seeds.index(7)], getattr(rows, name)[0])
            if len(seeds) > 1:
                assert not torch.equal(found.inputs[0], found.inputs[1])


@pytest.mark.parametrize("kind", STREAMS)
def test_batches_are_the_draws_of_the_seeds_own_generator(kind):
    stream, _, _ = make("arithmetic", kind)
    draws = generator(9, "data")
    found = Batches(stream, 25, [9], "cpu")
    for _ in range(3):
        rows, expected = found.rows(), stream.draw(25, draws)
        for name in FIELDS:
            assert torch.equal(getattr(rows, name)[0], getattr(expected, name))


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_target_counts_are_those_of_plain_counting(share):
    draws = torch.Generator().manual_seed(4)
    inputs, targets = (torch.randint(3, (30, 4), generator=draws) for _ in range(2))
    rows = Rows(inputs, targets, (torch.rand(30, 4, generator=draws) < share).float())
    times = torch.randint(1, 6, (30,), generator=draws).float()
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
        torch.tensor([[1, 2], [1, 2], [1, 0]]),
        torch.tensor([[2, 0], [2, 1], [0, 2]]),
        torch.tensor([[1.0, 1.0], [1.0, 0.0], [0.0, 1.0]]),
    )
    prefixes = prefixes_of(rows.inputs)
    after = dict(zip(["1", "12", "10"], prefixes.rows.flatten()[[0, 1, 5]].tolist(), strict=True))
    counts = target_counts(prefixes, rows, torch.tensor([2.0, 3.0, 4.0]), 4)
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
