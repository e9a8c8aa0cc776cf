"""The distinct prefixes of a set of rows, so that a causal network computes each of its states once.

The state of a causal network at a position depends only on the characters up to it, and before the first attention
only on the *input* there: the character and its place. Windows drawn from a short text repeat each other and share
their beginnings: the 7,938 positions of an arithmetic batch end about 3,900 distinct prefixes and have 153 distinct
inputs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy
from numpy.typing import NDArray

Numbers = NDArray[numpy.int64]


@dataclass(frozen=True)
class Prefixes:
    """N rows of T positions as their P distinct prefixes and Q distinct inputs.

    Attributes:
        rows: (N, T), the number of the prefix that ends at each position.
        row_inputs: (N, T), the number of the input at each position.
        ends: (P,), for each prefix the first of the N T positions, counted row by row, at which it ends.
        last_inputs: (P,), the input with which each prefix ends.
        tokens: (Q,), the character of each input.
        places: (Q,), the place of each input in its row.
    """

    rows: Numbers
    row_inputs: Numbers
    ends: Numbers
    last_inputs: Numbers
    tokens: Numbers
    places: Numbers

    def __len__(self) -> int:
        return len(self.ends)

    def select(self, index: Numbers) -> Prefixes:
        """The prefixes of the rows that ``index`` selects; the inputs keep their numbers."""
        rows, row_inputs = self.rows[index], self.row_inputs[index]
        ends = _first_places(rows.ravel(), len(self))
        kept = (ends < rows.size).nonzero()[0]
        numbers = numpy.empty_like(ends)
        numbers[kept] = numpy.arange(len(kept))
        return Prefixes(numbers[rows], row_inputs, ends[kept], self.last_inputs[kept], self.tokens, self.places)


def prefixes_of(rows: Numbers) -> Prefixes:
    """The prefixes of (N, T) rows of numbers of characters."""
    length = rows.shape[1]
    characters = int(rows.max()) + 1
    numbers = numpy.empty_like(rows)
    shorter = numpy.zeros_like(rows[:, 0])
    total = 0
    for place in range(length):
        distinct, shorter = numpy.unique(shorter * characters + rows[:, place], return_inverse=True)
        numbers[:, place] = total + shorter
        total += len(distinct)
    ends = _first_places(numbers.ravel(), total)
    inputs = rows + characters * numpy.arange(length)
    distinct, row_inputs = numpy.unique(inputs, return_inverse=True)
    last_inputs = row_inputs.ravel()[ends]
    return Prefixes(numbers, row_inputs, ends, last_inputs, distinct % characters, distinct // characters)


def _first_places(numbers: Numbers, total: int) -> Numbers:
    """(total,), the first place of each number from 0 to ``total`` - 1, or ``len(numbers)`` where it is absent."""
    places = numpy.full(total, len(numbers))
    places[numbers[::-1]] = numpy.arange(len(numbers))[::-1]  # of several, the last one that is written stays
    return places
