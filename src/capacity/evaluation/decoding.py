"""Greedy decoding: the likeliest character after a text, again and again, for many texts and networks at once.

Texts start at position 0; a network reads their last ``block`` characters.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy
from numpy.typing import NDArray

from capacity.evaluation import texts
from capacity.evaluation.readings import ROWS_AT_ONCE
from capacity.model.networks import Networks
from capacity.tasks.vocabulary import Vocabulary

STOP = "\n"
"""A continuation ends after its first newline."""


class Prompts:
    """Texts to be continued, encoded once to be asked at every evaluation.

    Args:
        prompts: The P texts.
        vocabulary: Characters of the corpus.
        block: Positions of the model.
        characters: The most characters of a continuation.
    """

    def __init__(self, prompts: Sequence[str], vocabulary: Vocabulary, block: int, characters: int) -> None:
        self._prompts, self._lengths = texts.encode_padded(prompts, vocabulary)
        self._vocabulary = vocabulary
        self._block = block
        self._characters = characters
        self._stop = vocabulary.encode(STOP)[0]

    def continuations(self, networks: Networks) -> list[list[str]]:
        """S lists of the P continuations by S networks, each cut after its first :data:`STOP`."""
        pieces = [
            self._continued(networks, slice(first, first + ROWS_AT_ONCE))
            for first in range(0, len(self._prompts), ROWS_AT_ONCE)
        ]
        return texts.decode(numpy.concatenate(pieces, axis=1), self._vocabulary)

    def _continued(self, networks: Networks, piece: slice) -> NDArray[numpy.int64]:
        """(S, P, characters), the numbers of the characters of some continuations, NOTHING behind their ends.

        Only texts that some network goes on with are read.
        """
        prompts, lengths = self._prompts[piece], self._lengths[piece]
        read = numpy.zeros((len(networks), len(prompts), prompts.shape[1] + self._characters), dtype=numpy.int64)
        read[:, :, : prompts.shape[1]] = prompts
        said = numpy.full((len(networks), len(prompts), self._characters), texts.NOTHING)
        going = numpy.ones(read.shape[:2], dtype=bool)
        numbers = numpy.arange(len(prompts))  # of the texts that are read
        for place in range(self._characters):
            ends = lengths[numbers] + place
            starts = (ends - self._block).clip(min=0)
            columns = starts[:, None] + numpy.arange((ends - starts).max())
            following = networks.log_probabilities_after(read[:, numbers[:, None], columns], ends - starts).argmax(2)
            read[:, numbers, ends] = following
            said[:, numbers, place] = numpy.where(going[:, numbers], following, texts.NOTHING)
            going[:, numbers] &= following != self._stop
            numbers = numbers[going[:, numbers].any(0)]
            if not len(numbers):
                break
        return said
