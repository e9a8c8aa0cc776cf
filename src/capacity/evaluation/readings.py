"""Characters that are asked for after prefixes of some rows, encoded once to be asked of many networks."""

from __future__ import annotations

from typing import NamedTuple

import numpy
from numpy.typing import NDArray

from capacity.corpora.prefixes import Prefixes, prefixes_of
from capacity.model.networks import Networks

Numbers = NDArray[numpy.int64]

ROWS_AT_ONCE = 1024
"""Rows that networks read together: bounds the memory of an evaluation and changes no result."""


class _Piece(NamedTuple):
    """What is asked of some rows.

    Attributes:
        asked: (a,), numbers of the A characters that are asked for here.
        prefixes: Of the rows.
        chosen: (p,), the distinct prefixes that they are asked for after; None for every prefix.
        places: (a,), for each character the place of its prefix among the chosen ones.
        characters: (a,), their numbers in the vocabulary.
    """

    asked: Numbers
    prefixes: Prefixes
    chosen: Numbers | None
    places: Numbers
    characters: Numbers


class Readings:
    """A characters, each asked for after the beginning of one of N rows.

    Args:
        rows: (N, T), numbers of characters.
        row: (A,), the row of each character that is asked for.
        last: (A,), the place in the row of the last character before it.
        characters: (A,), its number in the vocabulary.
    """

    def __init__(self, rows: Numbers, row: Numbers, last: Numbers, characters: Numbers) -> None:
        self._asked = len(characters)
        self._pieces = []
        for first in range(0, len(rows), ROWS_AT_ONCE):
            prefixes = prefixes_of(rows[first : first + ROWS_AT_ONCE])
            asked = numpy.flatnonzero((row >= first) & (row < first + ROWS_AT_ONCE))
            chosen, places = numpy.unique(prefixes.rows[row[asked] - first, last[asked]], return_inverse=True)
            are_all = len(chosen) == len(prefixes)
            self._pieces.append(_Piece(asked, prefixes, None if are_all else chosen, places, characters[asked]))

    def log_probabilities(self, networks: Networks) -> NDArray[numpy.float64]:
        """(S, A), natural logarithms of the probabilities that S networks give the characters."""
        found = numpy.empty((len(networks), self._asked))
        for piece in self._pieces:
            table = networks.log_probabilities(piece.prefixes, piece.chosen)
            found[:, piece.asked] = table[:, piece.places, piece.characters]
        return found
