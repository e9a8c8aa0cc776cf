"""The distinct prefixes of a batch of rows, found by a tree, for the compiled network.

The state of a causal network at a position depends on the characters up to it alone, so it is computed once for each
distinct prefix. :mod:`capacity.corpora.prefixes` says the same for torch, where prefixes are found by sorting.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from capacity.kernel.cache import compiled, entry
from capacity.kernel.lanes import get
from capacity.kernel.steps import BLOCK, Integers


class Batch(NamedTuple):
    """P distinct prefixes, those Q of them whose next character is asked for, and what follows these.

    Attributes:
        starts: (P,), where in an array of characters a row with the prefix begins.
        places: (P,), the last place of the prefix in its row.
        ancestors: (P, T), the number of the prefix that ends at each place of the prefix; (1, T), and not used, for a
            network of one layer.
        chosen: (Q,), the numbers of the prefixes that are asked for.
        ends: (Q + 1,), where in ``targets`` the part of each chosen prefix ends; the first begins at ``ends[0]`` = 0.
        targets: (E,), a character that follows.
        counts: (E,), how often it does.

    The arrays are as long as the largest batch needs. Up to a whole block, the first prefix is repeated, and so is the
    first chosen one, followed by nothing. With a prefix, its beginnings are in the batch.
    """

    starts: Integers
    places: Integers
    ancestors: Integers
    chosen: Integers
    ends: Integers
    targets: Integers
    counts: Integers


class Tree(NamedTuple):
    """Where prefixes are found: a branch leads from a prefix by a character to a longer one.

    Attributes:
        slots: (1, 2 ** n), a hash table, whose length is a power of 2: the number of a branch, or -1.
        branches: (E, 4), of each branch: its prefix; its character; the number of the longer prefix, or -1 if no row
            was read so far; how often the character was a counted target.
        follow: (P,), for each prefix how many of its branches are targets.
    """

    slots: Integers
    branches: Integers
    follow: Integers


PREFIX, CHARACTER, LONGER, TIMES = 0, 1, 2, 3  # columns of the branches


def whole_blocks(number: int) -> int:
    """Return the smallest multiple of :data:`capacity.kernel.steps.BLOCK` that is not below a number."""
    return -(-number // BLOCK) * BLOCK


def empty_batch(rows: int, length: int, deep: bool) -> Batch:
    """Return room for the batches of so many rows of ``length`` places; with ancestors if ``deep``."""
    most = whole_blocks(rows * length)
    starts, places, chosen, targets, counts = (np.zeros(most, np.int32) for _ in range(5))
    ancestors = np.zeros((most if deep else 1, length), np.int32)
    return Batch(starts, places, ancestors, chosen, np.zeros(most + 1, np.int32), targets, counts)


def empty_tree(rows: int, length: int) -> Tree:
    """Return room for the tree of so many rows of ``length`` places."""
    branches = rows * (length + 1)
    slots = np.zeros((1, 1 << (2 * branches).bit_length()), np.int32)
    return Tree(slots, np.zeros((branches + 1, 4), np.int32), np.zeros(branches + 1, np.int32))


@compiled
def collect(
    batch: Batch,
    tree: Tree,
    codes: Integers,
    starts: Integers,
    first: Integers,
    end: Integers,
    ends_of_rows: Integers,
) -> tuple[int, int, int]:
    """Fill in a batch; return its numbers of prefixes, of chosen prefixes, and of targets with repetitions.

    Args:
        batch: is filled in; the chosen prefixes are those with a counted target, up to a whole block.
        tree: room for the tree.
        codes: the characters of all rows, one row after another or overlapping.
        starts: (N,), where in ``codes`` the rows of the batch begin.
        first: (N,), the first place of each row whose target counts.
        end: (N,), the place after the last one whose target counts.
        ends_of_rows: (N,), becomes the number of the prefix at the last place before ``end``.
    """
    # One loop over plain arrays: Numba counts references, slowly, to those that are in a tuple or passed on.
    slots, branches, follow = tree.slots, tree.branches, tree.follow
    batch_starts, batch_places, ancestors = batch.starts, batch.places, batch.ancestors
    last, deep = slots.shape[1] - 1, ancestors.shape[0] > 1
    slots[:] = -1
    prefixes = count = whole = 0
    for row in range(starts.size):
        start, prefix = np.int64(starts[row]), np.int64(-1)
        for place in range(end[row] + 1):
            character = np.int64(codes[start + place])
            slot = (prefix * 2654435761 + character * 2246822519 >> 15) & last
            number = np.int64(get(slots, 0, slot))
            while number >= 0 and not (
                get(branches, number, PREFIX) == prefix and get(branches, number, CHARACTER) == character
            ):
                slot = (slot + 1) & last
                number = np.int64(get(slots, 0, slot))
            if number < 0:
                number = np.int64(count)
                slots[0, slot] = number
                branches[number, PREFIX], branches[number, CHARACTER] = prefix, character
                branches[number, LONGER], branches[number, TIMES] = -1, 0
                count += 1
            if place > first[row]:  # the character is the target of the place before
                times = get(branches, number, TIMES)
                follow[prefix] += times == 0
                branches[number, TIMES] = times + 1
                whole += 1
            if place < end[row]:
                shorter, prefix = prefix, np.int64(get(branches, number, LONGER))
                if prefix < 0:
                    prefix = np.int64(prefixes)
                    branches[number, LONGER], follow[prefix] = prefix, 0
                    batch_starts[prefix], batch_places[prefix] = start, place
                    if deep:
                        for shared in range(place):
                            ancestors[prefix, shared] = ancestors[shorter, shared]
                        ancestors[prefix, place] = prefix
                    prefixes += 1
        ends_of_rows[row] = prefix

    chosen = 0
    numbers, ends, targets, counts = batch.chosen, batch.ends, batch.targets, batch.counts
    ends[0] = 0
    for prefix in range(prefixes):
        if follow[prefix] > 0:
            numbers[chosen] = prefix
            ends[chosen + 1] = ends[chosen] + follow[prefix]
            follow[prefix] = ends[chosen]  # from here on: where its next target goes
            chosen += 1
    for number in range(count):
        times = get(branches, number, TIMES)
        if times > 0:
            prefix = get(branches, number, PREFIX)
            place = follow[prefix]
            targets[place], counts[place] = get(branches, number, CHARACTER), times
            follow[prefix] = place + 1
    return prefixes, fill_blocks(batch, prefixes, chosen), whole


@compiled
def fill_blocks(batch: Batch, prefixes: int, chosen: int) -> int:
    """Repeat the first prefix, and the first chosen one, up to whole blocks; return how many are chosen then."""
    starts, places, ancestors, numbers, ends = batch.starts, batch.places, batch.ancestors, batch.chosen, batch.ends
    for prefix in range(prefixes, (prefixes + BLOCK - 1) // BLOCK * BLOCK):
        starts[prefix], places[prefix] = starts[0], places[0]
        if ancestors.shape[0] > 1:
            for place in range(ancestors.shape[1]):
                ancestors[prefix, place] = ancestors[0, place]
    filled = (chosen + BLOCK - 1) // BLOCK * BLOCK
    for place in range(chosen, filled):
        numbers[place], ends[place + 1] = numbers[0], ends[chosen]
    return filled


@entry
def collect_all(
    batch: Batch, tree: Tree, codes: Integers, starts: Integers, lengths: Integers, ends_of_rows: Integers
) -> int:
    """Fill in the prefixes of rows, and return how many there are; none is chosen.

    ``lengths``, (N,), are how many characters of each row are read. The other arguments are those of :func:`collect`.
    """
    return collect(batch, tree, codes, starts, lengths, lengths, ends_of_rows)[0]
