"""How lines become training rows: the stream axis, for experiments on the order of lines.

``fixed``        The paper's: windows at any offset of one frozen stream of lines.
``reshuffled``   The same windows of a stream whose lines are permuted anew for every batch: within their task where the
                 stream is one block of lines after the other, and all together where the lines of tasks are mixed.
``aligned``      One line per row, from its start, padded: a row has no context from the line before.
``answer-only``  Like ``aligned``, with the loss on the answer and its terminator alone.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy
from numpy.typing import NDArray

from capacity.exact.generator import Generator
from capacity.tasks.task import Line
from capacity.tasks.vocabulary import Vocabulary

Codes = NDArray[numpy.int64]


@dataclass(frozen=True)
class Rows:
    """Training rows: R rows of T positions.

    Attributes:
        inputs: (R, T), numbers of characters.
        targets: (R, T), the number of the character that follows each input.
        counted: (R, T), 1.0 where the target counts in the loss and 0.0 where it does not.
    """

    inputs: Codes
    targets: Codes
    counted: NDArray[numpy.float32]

    def __getitem__(self, index: Codes) -> Rows:
        return Rows(self.inputs[index], self.targets[index], self.counted[index])


class Stream:
    """All training rows of a corpus for one value of the stream axis, and how a batch of them is drawn.

    Args:
        lines: The seen lines, in stream order.
        vocabulary: Characters of the corpus.
        stream: One of :data:`capacity.paper.protocol.STREAMS`.
        block: Positions per row.
        mixing: One of :data:`capacity.paper.protocol.MIXINGS`, which says among which lines one is reshuffled.

    Attributes:
        rows: The rows, in the order of the corpus.
        text, lengths, starts, parts: Of a stream of windows alone: the numbers of its characters; of each line its
            length and where it starts in the text; and how many lines are reshuffled among themselves, in stream order.

    Raises ValueError if the text is too short for one window, or a line too long for one row.
    """

    def __init__(
        self, lines: Sequence[Line], vocabulary: Vocabulary, stream: str, block: int, mixing: str = "blocks"
    ) -> None:
        self.block = block
        self.characters = len(vocabulary)
        self.is_reshuffled = stream == "reshuffled"
        encoded = [vocabulary.encode(line.text) for line in lines]
        if stream in ("fixed", "reshuffled"):
            self.text = numpy.concatenate([numpy.array(codes, dtype=numpy.int64) for codes in encoded])
            if len(self.text) <= block:
                raise ValueError(f"block: {block} does not fit the text of {len(self.text)} characters")
            self.lengths = numpy.array([len(codes) for codes in encoded])
            self.starts = self.lengths.cumsum() - self.lengths
            blocks = itertools.groupby(line.task for line in lines)
            self.parts = [len(lines)] if mixing == "shuffled" else [len(list(group)) for _, group in blocks]
            self.rows = _windows(self.text, block)
        else:
            self.rows = _one_line_per_row(lines, encoded, block, answer_only=stream == "answer-only")

    def __len__(self) -> int:
        return len(self.rows.inputs)

    def draw(self, batch: int, generator: Generator) -> Rows:
        """A batch of uniformly random rows, drawn with replacement."""
        drawn = generator.integers(len(self), batch)
        rows = self.reshuffle(generator) if self.is_reshuffled else self.rows
        return rows[drawn]

    def reshuffle(self, generator: Generator) -> Rows:
        """All windows of the stream with the lines of each of its parts permuted among themselves."""
        starts = itertools.accumulate(self.parts, initial=0)
        permutation = numpy.concatenate(
            [start + generator.permutation(number) for start, number in zip(starts, self.parts, strict=False)]
        )
        lengths = self.lengths[permutation]
        shift = self.starts[permutation] - (lengths.cumsum() - lengths)
        text = self.text[numpy.arange(len(self.text)) + shift.repeat(lengths)]
        return _windows(text, self.block)


def _windows(text: Codes, block: int) -> Rows:
    """The len(text) - block windows of ``block`` characters that another character follows, as in nanoGPT."""
    windows = numpy.lib.stride_tricks.sliding_window_view(text, block + 1)
    counted = numpy.broadcast_to(numpy.float32(1.0), (len(windows), block))
    return Rows(windows[:, :-1], windows[:, 1:], counted)


def _one_line_per_row(lines: Sequence[Line], encoded: Sequence[list[int]], block: int, answer_only: bool) -> Rows:
    """One row per line, padded with zeros that do not count; ``encoded`` are the numbers of the lines' characters."""
    inputs = numpy.zeros((len(lines), block), dtype=numpy.int64)
    targets = numpy.zeros((len(lines), block), dtype=numpy.int64)
    counted = numpy.zeros((len(lines), block), dtype=numpy.float32)
    for number, (line, codes) in enumerate(zip(lines, encoded, strict=True)):
        length = len(codes) - 1
        if length > block:
            raise ValueError(f"block: {block} is too short for the line {line.text!r}; it must be {length} or more")
        inputs[number, :length] = codes[:-1]
        targets[number, :length] = codes[1:]
        first, end = 0, length
        if answer_only:
            first = len(line.prompt) - 1
            end = first + len(line.answer) + len(line.terminator)
        counted[number, first:end] = 1.0
    return Rows(inputs, targets, counted)
