"""Texts as arrays of the numbers of their characters, and back."""

from __future__ import annotations

from collections.abc import Sequence

import numpy
from numpy.typing import NDArray

from capacity.tasks.vocabulary import Vocabulary

NOTHING = -1
"""Stands for no character behind the end of a text that is decoded."""


def encode_padded(texts: Sequence[str], vocabulary: Vocabulary) -> tuple[NDArray[numpy.int64], NDArray[numpy.int64]]:
    """P texts as rows of numbers of characters, padded with zeros to (P, longest), and their lengths, (P,).

    Raises ValueError for a character that is not in the vocabulary.
    """
    lengths = numpy.array([len(text) for text in texts])
    places = numpy.arange(lengths.max())
    written = _code_points(texts, len(places))
    characters = _code_points(vocabulary.characters, 1)[:, 0]
    numbers = numpy.searchsorted(characters, written).clip(max=len(characters) - 1)
    strange = (characters[numbers] != written) & (places < lengths[:, None])
    if strange.any():
        vocabulary.encode(texts[strange.any(1).argmax()])  # raises, naming the character
    return numbers, lengths


def decode(numbers: NDArray[numpy.int64], vocabulary: Vocabulary) -> list[list[str]]:
    """S lists of P texts from numbers of characters, (S, P, T), that end where they are :data:`NOTHING`."""
    characters = numpy.array([*vocabulary.characters, ""])  # the last one, and so that of NOTHING
    texts: list[list[str]] = characters[numbers].view(f"U{numbers.shape[2]}")[..., 0].tolist()
    return texts


def _code_points(texts: Sequence[str], longest: int) -> NDArray[numpy.uint32]:
    """(P, longest), the code points of the characters of P texts, and 0 behind their ends."""
    return numpy.array(list(texts), dtype=f"U{longest}").view(numpy.uint32).reshape(len(texts), longest)
