"""The distinct prefixes of a batch of rows, found by a tree, for the compiled network.

The state of a causal network at a position depends on the characters up to it alone, so it is computed once for each
distinct prefix. :mod:`capacity.corpora.prefixes` says the same for torch, where prefixes are found by sorting.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from capacity.kernel.cache import compiled, entry
from capacity.kernel.steps import BLOCK

Integers = NDArray[np.int32]


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

    The arrays are as long as the largest batch needs. Up to a whole block, chosen prefixes are repeated and followed
    by nothing.
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
        slots: a hash table, whose length is a power of 2: the number of a branch, or -1.
        keys: (E,), of each branch: prefix and character as one number.
        longer: (E,), the number of the prefix that it leads to, or -1 if no row was read so far.
        times: (E,), how often its character was a counted target.
        follow: (P,), for each prefix how many of its branches are targets.
    """

    slots: Integers
    keys: Integers
    longer: Integers
    times: Integers
    follow: Integers


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
    slots = np.zeros(1 << (2 * branches).bit_length(), np.int32)
    return Tree(slots, *(np.zeros(branches + 1, np.int32) for _ in range(4)))


@compiled
def branch(tree, branches, prefix, character, characters):
    """Return the number of the branch from a prefix by a character, and how many branches there are then."""
    key = (prefix + 1) * characters + character
    last = tree.slots.size - 1
    slot = (key * 2654435761 >> 15) & last
    while True:
        number = tree.slots[slot]
        if number < 0:
            tree.slots[slot], tree.keys[branches] = branches, key
            tree.longer[branches], tree.times[branches] = -1, 0
            return branches, branches + 1
        if tree.keys[number] == key:
            return np.int64(number), branches
        slot = (slot + 1) & last


@compiled
def collect(batch, tree, codes, starts, first, end, ends_of_rows, characters):
    """Fill in a batch; return its numbers of prefixes, of chosen prefixes, and of targets with repetitions.

    Args:
        batch: is filled in; the chosen prefixes are those with a counted target, up to a whole block.
        tree: room for the tree.
        codes: the characters of all rows, one row after another or overlapping.
        starts: (N,), where in ``codes`` the rows of the batch begin.
        first, end: (N,), the places of each row whose targets count: from ``first`` up to and without ``end``.
        ends_of_rows: (N,), becomes the number of the prefix at the last place before ``end``.
        characters: V.
    """
    tree.slots[:] = -1
    prefixes = branches = whole = 0
    deep = batch.ancestors.shape[0] > 1
    for row in range(starts.size):
        start = np.int64(starts[row])
        number, branches = branch(tree, branches, -1, codes[start], characters)
        prefix = -1
        for place in range(end[row]):
            shorter, prefix = prefix, np.int64(tree.longer[number])
            if prefix < 0:
                prefix = prefixes
                tree.longer[number], tree.follow[prefix] = prefix, 0
                batch.starts[prefix], batch.places[prefix] = start, place
                if deep:
                    for shared in range(place):
                        batch.ancestors[prefix, shared] = batch.ancestors[shorter, shared]
                    batch.ancestors[prefix, place] = prefix
                prefixes += 1
            number, branches = branch(tree, branches, prefix, codes[start + place + 1], characters)
            if place >= first[row]:
                tree.follow[prefix] += tree.times[number] == 0
                tree.times[number] += 1
                whole += 1
        ends_of_rows[row] = prefix

    chosen = 0
    batch.ends[0] = 0
    for prefix in range(prefixes):
        if tree.follow[prefix] > 0:
            batch.chosen[chosen] = prefix
            batch.ends[chosen + 1] = batch.ends[chosen] + tree.follow[prefix]
            tree.follow[prefix] = batch.ends[chosen]  # from here on: where its next target goes
            chosen += 1
    for number in range(branches):
        if tree.times[number] > 0:
            prefix = tree.keys[number] // characters - 1
            place = tree.follow[prefix]
            batch.targets[place], batch.counts[place] = tree.keys[number] % characters, tree.times[number]
            tree.follow[prefix] = place + 1
    return prefixes, fill_block(batch, chosen), whole


@compiled
def fill_block(batch, chosen):
    """Repeat the first chosen prefix, followed by nothing, up to a whole block; return how many there are then."""
    filled = chosen
    while filled % BLOCK > 0:
        batch.chosen[filled], batch.ends[filled + 1] = batch.chosen[0], batch.ends[chosen]
        filled += 1
    return filled


@entry
def collect_all(batch, tree, codes, starts, lengths, last, characters):
    """Fill in the prefixes of rows, and return how many there are; none is chosen.

    ``lengths``, (N,), are how many characters of each row are read. The other arguments are those of :func:`collect`.
    """
    return collect(batch, tree, codes, starts, lengths, lengths, last, characters)[0]
