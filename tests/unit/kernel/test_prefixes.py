"""The prefixes of a batch beside those that are found by sorting."""

from __future__ import annotations

from collections import Counter

import numba
import numpy
import pytest

from capacity.corpora.prefixes import prefixes_of
from capacity.kernel import prefixes
from capacity.kernel.prefixes import collect_all, empty_batch, empty_tree, whole_blocks
from capacity.kernel.steps import BLOCK

CHARACTERS = 5


@numba.njit(error_model="numpy")
def collect(batch, tree, codes, starts, first, end, last):
    return prefixes.collect(batch, tree, codes, starts, first, end, last)


def rows_of_characters(rows, length, seed=0):
    """Rows, (N, T + 1), a few of them equal, and some that begin alike."""
    codes = numpy.random.default_rng(seed).integers(0, CHARACTERS, (rows, length + 1), dtype=numpy.int32)
    codes[1] = codes[0]
    codes[2, :-1] = codes[0, :-1]
    return codes


def collected(codes, first, end, deep=True):
    """The batch of rows, with its three numbers."""
    rows, length = codes.shape[0], codes.shape[1] - 1
    batch, tree = empty_batch(rows, length, deep), empty_tree(rows, length)
    starts = (codes.shape[1] * numpy.arange(rows)).astype(numpy.int32)
    last = numpy.zeros(rows, numpy.int32)
    counts = collect(batch, tree, codes.ravel(), starts, first, end, last)
    return batch, last, *counts


def texts(batch, codes, number):
    """The characters of prefixes, by their numbers."""
    flat = codes.ravel()
    return [tuple(flat[batch.starts[p] : batch.starts[p] + batch.places[p] + 1].tolist()) for p in number]


def targets(batch, codes, chosen):
    """How often each character follows each prefix."""
    counts = Counter()
    for place, text in enumerate(texts(batch, codes, batch.chosen[:chosen])):
        for target in range(batch.ends[place], batch.ends[place + 1]):
            assert batch.counts[target] > 0
            counts[text, int(batch.targets[target])] += int(batch.counts[target])
    return counts


@pytest.mark.parametrize(("rows", "length"), [(3, 1), (40, 6), (200, 4), (7, 30)])
def test_prefixes_are_those_that_sorting_finds(rows, length):
    codes = rows_of_characters(rows, length)
    everywhere, ends = numpy.zeros(rows, numpy.int32), numpy.full(rows, length, numpy.int32)
    batch, last, count, chosen, whole = collected(codes, everywhere, ends)
    by_sorting = prefixes_of(codes[:, :-1].astype(numpy.int64))
    mine = texts(batch, codes, range(count))
    assert count == len(by_sorting) == len(set(mine))
    assert set(mine) == {tuple(row[: place + 1].tolist()) for row in codes for place in range(length)}
    assert [mine[number] for number in last] == [tuple(row[:-1].tolist()) for row in codes]
    assert chosen == whole_blocks(count)
    assert whole == rows * length


@pytest.mark.parametrize(("rows", "length"), [(3, 1), (40, 6), (200, 4)])
def test_targets_are_counted_where_they_count(rows, length):
    codes = rows_of_characters(rows, length)
    random = numpy.random.default_rng(1)
    end = random.integers(1, length + 1, rows).astype(numpy.int32)
    first = random.integers(0, end).astype(numpy.int32)
    batch, last, _, chosen, whole = collected(codes, first, end)
    expected = Counter(
        (tuple(row[: place + 1].tolist()), int(row[place + 1]))
        for row, begin, stop in zip(codes, first, end, strict=True)
        for place in range(begin, stop)
    )
    assert targets(batch, codes, chosen) == expected
    assert whole == expected.total()
    assert chosen % BLOCK == 0
    assert texts(batch, codes, last) == [tuple(row[:stop].tolist()) for row, stop in zip(codes, end, strict=True)]


def test_the_ancestors_of_a_prefix_are_its_beginnings():
    codes = rows_of_characters(40, 6)
    batch, _, count, _, _ = collected(codes, numpy.zeros(40, numpy.int32), numpy.full(40, 6, numpy.int32))
    mine = texts(batch, codes, range(count))
    for number, text in enumerate(mine):
        shorter = [mine[each] for each in batch.ancestors[number, : len(text)]]
        assert shorter == [text[: place + 1] for place in range(len(text))]


def test_room_is_used_again():
    """For other rows afterwards, as a training run does."""
    batch, tree, last = empty_batch(40, 6, True), empty_tree(40, 6), numpy.zeros(40, numpy.int32)
    starts, lengths = (7 * numpy.arange(40)).astype(numpy.int32), numpy.full(40, 6, numpy.int32)
    for seed in range(5):
        codes = rows_of_characters(40, 6, seed)
        counts = collect(batch, tree, codes.ravel(), starts, 0 * lengths, lengths, last)
        fresh, fresh_last, *fresh_counts = collected(codes, 0 * lengths, lengths)
        assert list(counts) == fresh_counts
        assert targets(batch, codes, counts[1]) == targets(fresh, codes, counts[1])
        numpy.testing.assert_array_equal(last, fresh_last)


def test_no_place_counts_in_texts_that_are_only_read():
    codes = rows_of_characters(40, 6)
    batch, tree, last = empty_batch(40, 6, True), empty_tree(40, 6), numpy.zeros(40, numpy.int32)
    starts = (7 * numpy.arange(40)).astype(numpy.int32)
    lengths = numpy.random.default_rng(3).integers(1, 7, 40).astype(numpy.int32)
    count = collect_all(batch, tree, codes.ravel(), starts, lengths, last)
    expected = {
        tuple(row[: place + 1].tolist()) for row, end in zip(codes, lengths, strict=True) for place in range(end)
    }
    assert set(texts(batch, codes, range(count))) == expected
    assert count == len(expected)
