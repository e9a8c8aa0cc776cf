"""The lowest losses that a text allows, exactly, in nats per character.

A network reads one frozen shuffle of the lines through windows that cross lines, so it can lower its loss by knowing
which line follows which. Two floors tell this apart from knowing the lines: the lowest loss of any predictor that reads
the windows, and the lowest loss of a rule that knows every line but not their order. A run whose loss is below the
second floor knows part of the order; :mod:`capacity.evaluation.bits` counts how much.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy
from numpy.typing import NDArray

from capacity.corpora import corpus
from capacity.corpora.prefixes import prefixes_of
from capacity.corpora.streams import Stream
from capacity.exact.elementary import log
from capacity.experiment.cell import Cell
from capacity.tasks.task import Line

_PIECES = re.compile(r"[^\n]*\n|[^\n]+")


@dataclass(frozen=True)
class Floors:
    """Lowest losses of a cell, in nats per character; None where there is no such floor.

    Attributes:
        order_known: Of a predictor that knows the lines and their order.
        order_unknown: Of a rule that knows the trained lines and not their order.
    """

    order_known: float | None
    order_unknown: float | None


def loss_floors(cell: Cell, lines: Sequence[Line]) -> Floors:
    """The floors of a cell's loss over every row of its stream; ``lines`` are its corpus.

    ``fixed`` has both. ``reshuffled`` shows its lines in an order that never comes back, so there is no order to know;
    its loss is measured on the frozen stream, and its floor is that of ``fixed``. Where the lines of tasks are shuffled
    together, how often one task follows the other is that of the frozen stream, which hardly differs from that of any
    other shuffle. A row of ``aligned`` or
    ``answer-only`` is one line, so the lowest loss of any predictor is also the lowest without an order.
    """
    seen = corpus.stream_lines(lines)
    if cell.stream == "reshuffled":
        return Floors(None, order_unknown(seen, seen, cell.block))
    lowest = lowest_loss(Stream(seen, corpus.vocabulary(lines), cell.stream, cell.block))
    if cell.stream == "fixed":
        return Floors(lowest, order_unknown(seen, seen, cell.block))
    return Floors(None, lowest)


def lowest_loss(stream: Stream) -> float:
    """The lowest loss that any causal predictor has over all rows of a stream, in nats per counted character.

    It is the mean, over the positions of the rows, of the empirical conditional entropy of the next character given the
    row up to there: H(prefix, next) - H(prefix), as prefixes of different lengths are different. For windows of B
    characters, the prefixes are the first 1 to B characters of a window.
    """
    rows = stream.rows
    counted = rows.counted > 0
    prefixes = prefixes_of(rows.inputs).rows[counted]
    pairs = prefixes * stream.characters + rows.targets[counted]
    # Each entropy is exact to about 1e-15, so a difference that should be 0 may come out negative.
    return max(0.0, _entropy(pairs) - _entropy(prefixes))


def order_unknown(stream: Sequence[Line], believed: Sequence[Line], block: int) -> float:
    """The mean loss, over every window of a stream, of the Bayes-optimal predictor of independent lines.

    The predictor is the exact filter over what it cannot see: the task, the line and the place in the line. It
    believes that a window starts at a random character, that each line that follows is drawn uniformly and
    independently from the believed lines of its task, and that tasks follow each other as often as they do in the
    stream. In a stream of one task the task is certain. In the joint stream, which is one block of lines after the
    other, a line of arithmetic is followed by a fact once in 196 lines.

    Args:
        stream: The lines, in the order in which they are trained on.
        believed: The lines that the predictor takes for possible: those of the stream if it knows that no others occur,
            or the held-out ones too for a perfect rule of arithmetic.
        block: Characters that a window shows; the next one is the last that is predicted.

    Returns:
        Nats per character, over the ``block`` predictions of each window.

    Raises ValueError if a line does not end in its only newline, if a line of the stream is not believed possible, or
    if the text is too short for one window.
    """
    for line in [*stream, *believed]:
        if line.text.find("\n") != len(line.text) - 1:
            raise ValueError(f"line {line.text!r} does not end in its only newline")
    if strange := {line.text for line in stream} - {line.text for line in believed}:
        raise ValueError(f"line {min(strange)!r} of the stream is not among the lines believed possible")
    text = "".join(line.text for line in stream)
    windows = len(text) - block
    if windows < 1:
        raise ValueError(f"block: {block} does not fit the text of {len(text)} characters")
    predictor = _Predictor(stream, believed, block + 1)
    # The losses of one window add up to log p(first character) - log p(window).
    probabilities = [
        (predictor.probability(text[start]), predictor.probability(text[start : start + block + 1]))
        for start in range(windows)
    ]
    first, whole = log(numpy.array(probabilities)).T
    return float((first - whole).sum() / (windows * block))


class _Predictor:
    """Probabilities of windows of a stream of independent lines.

    Newlines are the ends of lines, so a window splits into pieces at its newlines: the first is a part of a line from a
    random character on, and each other is the beginning of a line, or all of it. Given the tasks, the pieces are
    independent, and their probabilities are relative frequencies.
    """

    def __init__(self, stream: Sequence[Line], believed: Sequence[Line], longest: int) -> None:
        tasks = sorted({line.task for line in stream})
        number = {task: place for place, task in enumerate(tasks)}
        texts = [[line.text for line in believed if line.task == task] for task in tasks]
        self._inside: list[Counter[str]] = []
        self._beginnings: list[Counter[str]] = []
        for lines in texts:
            spans = ((text, start) for text in lines for start in range(len(text)))
            self._inside.append(
                Counter(
                    text[start:end]
                    for text, start in spans
                    for end in range(start + 1, min(start + longest, len(text)) + 1)
                )
            )
            self._beginnings.append(Counter(text[:end] for text in lines for end in range(1, len(text) + 1)))
        self._lines = [len(lines) for lines in texts]
        self._characters = [sum(map(len, lines)) for lines in texts]
        shown = [sum(len(line.text) for line in stream if line.task == task) for task in tasks]
        self._shares = [characters / sum(shown) for characters in shown]
        follows = numpy.zeros((len(tasks), len(tasks)))
        for line, following in pairwise(stream):
            follows[number[line.task], number[following.task]] += 1
        # No line follows a task that is a single line at the end, and no window goes on after it.
        shares_of_next = follows / follows.sum(1, keepdims=True).clip(min=1)
        self._follows = shares_of_next.T.tolist()  # by the following task, then by the task before it

    def probability(self, window: str) -> float:
        """The probability that a window shows this text."""
        first, *rest = _PIECES.findall(window)
        by_task = [
            share * counts[first] / characters
            for share, counts, characters in zip(self._shares, self._inside, self._characters, strict=True)
        ]
        for piece in rest:
            by_task = [
                math.fsum(before * follows for before, follows in zip(by_task, column, strict=True))
                * counts[piece]
                / lines
                for column, counts, lines in zip(self._follows, self._beginnings, self._lines, strict=True)
            ]
        return math.fsum(by_task)


def _entropy(numbers: NDArray[Any]) -> float:
    """The entropy in nats of the empirical distribution of some numbers."""
    shares = numpy.unique(numbers, return_counts=True)[1] / len(numbers)
    return -float((shares * log(shares)).sum())
