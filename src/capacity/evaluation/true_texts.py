"""How likely the text is that truly follows a prompt, where it is not compared with other texts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy
from numpy.typing import NDArray

from capacity.evaluation.margins import covering_rows
from capacity.evaluation.questions import Question
from capacity.evaluation.readings import Readings
from capacity.evaluation.texts import encode_padded
from capacity.model.networks import Networks
from capacity.tasks.task import Line
from capacity.tasks.vocabulary import Vocabulary


class TrueTexts:
    """Log-probabilities of K texts, each after a prompt of its own, teacher-forced.

    Args:
        prompts: K texts, not empty; they start at position 0.
        texts: K texts, not empty, which follow them.
        vocabulary: Characters of the corpus.
        block: Positions of the model; longer contexts are cropped to their last ``block`` characters.
    """

    def __init__(self, prompts: Sequence[str], texts: Sequence[str], vocabulary: Vocabulary, block: int) -> None:
        contexts = [
            (prompt + text[:place])[-block:]
            for prompt, text in zip(prompts, texts, strict=True)
            for place in range(len(text))
        ]
        rows, row_of = covering_rows(contexts)
        self._readings = Readings(
            encode_padded(rows, vocabulary)[0],
            numpy.array([row_of[context] for context in contexts]),
            numpy.array([len(context) for context in contexts]) - 1,
            numpy.array(vocabulary.encode("".join(texts))),
        )
        self._starts = numpy.cumsum([0, *map(len, texts)])[:-1]

    def log_probabilities(self, networks: Networks) -> NDArray[numpy.float64]:
        """(S, K), natural logarithms of the probabilities of the texts."""
        return numpy.add.reduceat(self._readings.log_probabilities(networks), self._starts, axis=1)


def true_answers(questions: Sequence[Question], vocabulary: Vocabulary, block: int) -> TrueTexts:
    """The true answers to K questions, each with its terminator and after its prompt."""
    lines = [question.line for question in questions]
    texts = [line.answer + line.terminator for line in lines]
    return TrueTexts([question.prompt for question in questions], texts, vocabulary, block)


def whole_lines(lines: Sequence[Line], vocabulary: Vocabulary, block: int) -> TrueTexts:
    """K whole lines, each after the newline that ends the line before it."""
    return TrueTexts(["\n"] * len(lines), [line.text for line in lines], vocabulary, block)
