"""What is measured of a stack of networks at each evaluation during training."""

from __future__ import annotations

from collections.abc import Sequence

import numpy
from numpy.typing import NDArray

from capacity.corpora import corpus
from capacity.corpora.streams import Stream
from capacity.evaluation.margins import Candidates
from capacity.evaluation.questions import QuestionSet
from capacity.evaluation.readings import Readings
from capacity.experiment.cell import Cell
from capacity.model.networks import Networks
from capacity.tasks.task import Line

Measures = dict[str, list[float] | list[str]]
"""Measures by name, each with one value per network: numbers, and which questions are right as a text of digits."""


class Evaluator:
    """Measures the exact loss over all rows of the stream, every score and answer, and the held-out margins.

    The margins of all other questions are taken once, at the end, by the evaluation stage.

    Args:
        lines: the lines of the corpus.
        stream: the training rows.
        cell: the cell that is trained.
    """

    def __init__(self, lines: Sequence[Line], stream: Stream, cell: Cell) -> None:
        vocabulary = corpus.vocabulary(lines)
        row, place = numpy.nonzero(stream.rows.counted)
        self._targets = Readings(stream.rows.inputs, row, place, stream.rows.targets[row, place])
        self._question_set = QuestionSet(lines, vocabulary, cell.block)
        self._held_out = []
        for task in dict.fromkeys(line.task for line in lines if line.split == "held_out"):
            questions = [question for question in self._question_set.questions if question.line.task == task]
            chosen = [number for number, question in enumerate(questions) if question.line.split == "held_out"]
            self._held_out.append(Candidates(questions, vocabulary, cell.block, chosen))

    def measure(self, networks: Networks) -> Measures:
        """Return each measure by name, with one value per network; scores are fractions of their denominators."""
        measures: Measures = {"stream_loss": self.exact_loss(networks).tolist()}
        answers = self._question_set.ask(networks)
        scores = self._question_set.scores(answers)
        totals = self._question_set.totals()
        measures |= {name: (count / totals[name]).tolist() for name, count in scores.items()}
        if self._held_out:
            margins = numpy.hstack([each.margins(each.log_probabilities(networks))[1] for each in self._held_out])
            margins = numpy.ascontiguousarray(margins)  # so that a mean does not depend on the other networks
            measures["held_out_margin"] = margins.mean(1).tolist()
            measures["held_out_smallest_margin"] = margins.min(1).tolist()
        measures["questions_right"] = [as_digits(right) for right in answers.right]
        return measures

    def exact_loss(self, networks: Networks) -> NDArray[numpy.float64]:
        """Return the losses, (S,), in nats per counted character, over every row and not a sample of them."""
        losses: NDArray[numpy.float64] = -self._targets.log_probabilities(networks).mean(1)
        return losses


def as_digits(right: NDArray[numpy.bool_]) -> str:
    """Return which of K questions are right, (K,), as a text of K characters: 1 where one is, 0 where not."""
    return (right + numpy.uint8(ord("0"))).tobytes().decode("ascii")
