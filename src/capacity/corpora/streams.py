"""How lines become training rows: the stream axis, for experiments on the order of lines.

``fixed``        The paper's: windows at any offset of one frozen stream of lines.
``reshuffled``   The same windows of a stream whose lines are permuted anew for every batch, within their task.
``aligned``      One line per row, from its start, padded: a row has no context from the line before.
``answer-only``  Like ``aligned``, with the loss on the answer and its terminator alone.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from capacity.tasks.task import Line
from capacity.tasks.vocabulary import Vocabulary


@dataclass(frozen=True)
class Rows:
    """Training rows: R rows of T positions.

    Attributes:
        inputs: (R, T), numbers of characters.
        targets: (R, T), the number of the character that follows each input.
        counted: (R, T), 1.0 where the target counts in the loss and 0.0 where it does not.
    """

    inputs: Tensor
    targets: Tensor
    counted: Tensor

    def __getitem__(self, index: Tensor) -> Rows:
        return Rows(self.inputs[index], self.targets[index], self.counted[index])

    def tensors(self) -> tuple[Tensor, Tensor, Tensor]:
        """Inputs, targets and whether they count, (R, T) each."""
        return self.inputs, self.targets, self.counted

    def to(self, device: str) -> Rows:
        """The same rows on another device."""
        return Rows(*(each.to(device) for each in self.tensors()))


class Stream:
    """All training rows of a corpus for one value of the stream axis, and how a batch of them is drawn.

    Args:
        lines: The seen lines, in stream order.
        vocabulary: Characters of the corpus.
        stream: One of :data:`capacity.paper.protocol.STREAMS`.
        block: Positions per row.

    Raises ValueError if the text is too short for one window, or a line too long for one row.
    """

    def __init__(self, lines: Sequence[Line], vocabulary: Vocabulary, stream: str, block: int) -> None:
        self.block = block
        self.characters = len(vocabulary)
        self.is_reshuffled = stream == "reshuffled"
        encoded = [torch.tensor(vocabulary.encode(line.text)) for line in lines]
        if stream in ("fixed", "reshuffled"):
            self._text = torch.cat(encoded)
            if len(self._text) <= block:
                raise ValueError(f"block: {block} does not fit the text of {len(self._text)} characters")
            self._lengths = torch.tensor([len(line) for line in encoded])
            self._starts = self._lengths.cumsum(0) - self._lengths
            self._lines_of_tasks = [len(list(group)) for _, group in itertools.groupby(line.task for line in lines)]
            self.rows = _windows(self._text, block)
        else:
            self.rows = _one_line_per_row(lines, encoded, block, answer_only=stream == "answer-only")

    def __len__(self) -> int:
        return len(self.rows.inputs)

    def draw(self, batch: int, generator: torch.Generator) -> Rows:
        """A batch of uniformly random rows, drawn with replacement."""
        drawn = torch.randint(len(self), (batch,), generator=generator)
        rows = self.reshuffle(generator) if self.is_reshuffled else self.rows
        return rows[drawn]

    def reshuffle(self, generator: torch.Generator) -> Rows:
        """All windows of the stream with the lines of each task permuted among themselves."""
        starts = itertools.accumulate(self._lines_of_tasks, initial=0)
        permutation = torch.cat(
            [
                start + torch.randperm(number, generator=generator)
                for start, number in zip(starts, self._lines_of_tasks, strict=False)
            ]
        )
        lengths = self._lengths[permutation]
        shift = self._starts[permutation] - (lengths.cumsum(0) - lengths)
        text = self._text[torch.arange(len(self._text)) + shift.repeat_interleave(lengths)]
        return _windows(text, self.block)


def _windows(text: Tensor, block: int) -> Rows:
    """The len(text) - block windows of ``block`` characters that another character follows, as in nanoGPT."""
    windows = text.unfold(0, block + 1, 1)
    return Rows(windows[:, :-1], windows[:, 1:], torch.ones(len(windows), 1).expand(-1, block))


def _one_line_per_row(lines: Sequence[Line], encoded: Sequence[Tensor], block: int, answer_only: bool) -> Rows:
    """One row per line, padded with zeros that do not count; ``encoded`` are the numbers of the lines' characters."""
    inputs = torch.zeros(len(lines), block, dtype=torch.long)
    targets = torch.zeros(len(lines), block, dtype=torch.long)
    counted = torch.zeros(len(lines), block)
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
