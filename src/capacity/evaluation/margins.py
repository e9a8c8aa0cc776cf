"""How likely the true answer to a question is, and by what margin over the best wrong one.

Every answer to any question of a task is a candidate for each of its questions. Its probability is that of its
characters one after another, each given the true prompt and the characters before it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy
from numpy.typing import NDArray

from capacity.evaluation.questions import Question
from capacity.evaluation.readings import Readings
from capacity.evaluation.texts import encode_padded
from capacity.model.networks import Networks
from capacity.tasks.registry import PARTS
from capacity.tasks.vocabulary import Vocabulary

Logarithms = NDArray[numpy.float64]

MOST_FACTS_COMPARED = 200
"""Facts whose answers are compared. Each is asked for after every prompt, so that of more it would take too long."""

PROMPTS_AT_ONCE = 2048
"""Prompts that are encoded together with all candidates, which bounds the memory of an evaluation."""


class Candidates:
    """Log-probabilities of C candidate answers to K questions of one task, teacher-forced.

    Candidates with one beginning share its steps: a step is a character after the beginning of a candidate, and is
    asked for once after each distinct prompt. Prompts are encoded once, to be asked at every evaluation; more than
    :data:`PROMPTS_AT_ONCE` a piece at a time, whenever they are asked.

    Args:
        every: All questions of the task; their distinct answers, each with its terminator, are the candidates.
        vocabulary: Characters of the corpus.
        block: Positions of the model.
        chosen: Numbers of the questions to ask; None asks all of them.

    Attributes:
        answers: The C candidates, without terminators.
    """

    def __init__(
        self, every: Sequence[Question], vocabulary: Vocabulary, block: int, chosen: Sequence[int] | None = None
    ) -> None:
        questions = list(every) if chosen is None else [every[number] for number in chosen]
        self.answers = list(dict.fromkeys(question.line.answer for question in every))
        column = {answer: number for number, answer in enumerate(self.answers)}
        self._true = numpy.array([column[question.line.answer] for question in questions])

        steps: dict[tuple[str, str], int] = {}
        paths = []
        for candidate in (answer + questions[0].line.terminator for answer in self.answers):
            pairs = [(candidate[:number], character) for number, character in enumerate(candidate)]
            paths.append([steps.setdefault(pair, len(steps)) for pair in pairs])
        self._no_step = len(steps)
        depth = max(map(len, paths))
        self._paths = numpy.array([path + [self._no_step] * (depth - len(path)) for path in paths])  # (C, depth)

        prompts = {prompt: number for number, prompt in enumerate(dict.fromkeys(each.prompt for each in questions))}
        self._prompts = numpy.array([prompts[question.prompt] for question in questions])  # (K,)
        self._beginnings = [beginning for beginning, _ in steps]
        self._characters = numpy.array(vocabulary.encode("".join(character for _, character in steps)))
        self._vocabulary, self._block = vocabulary, block
        texts = list(prompts)
        self._pieces = [texts[first : first + PROMPTS_AT_ONCE] for first in range(0, len(texts), PROMPTS_AT_ONCE)]
        self._kept = [self._readings(piece) for piece in self._pieces] if len(self._pieces) == 1 else []

    def _readings(self, prompts: Sequence[str]) -> Readings:
        """Every step after each of some prompts, prompt by prompt."""
        contexts = [(prompt + beginning)[-self._block :] for prompt in prompts for beginning in self._beginnings]
        rows, row_of = covering_rows(contexts)
        return Readings(
            encode_padded(rows, self._vocabulary)[0],
            numpy.array([row_of[context] for context in contexts]),
            numpy.array([len(context) for context in contexts]) - 1,
            numpy.tile(self._characters, len(prompts)),
        )

    def log_probabilities(self, networks: Networks) -> Logarithms:
        """(S, K, C), natural logarithms: question k answered by candidate c and its terminator."""
        readings = self._kept or map(self._readings, self._pieces)
        asked = numpy.concatenate([each.log_probabilities(networks) for each in readings], axis=1)
        by_step = asked.reshape(len(networks), -1, self._no_step)
        by_step = numpy.concatenate([by_step, numpy.zeros_like(by_step[:, :, :1])], axis=2)  # 0 where there is no step
        by_prompt = sum(by_step[:, :, step] for step in self._paths.T)  # (S, distinct prompts, C), added up in order
        return numpy.asarray(by_prompt)[:, self._prompts]

    def margins(self, log_probabilities: NDArray[Any]) -> tuple[Logarithms, Logarithms]:
        """(S, K) each: the true answer's log-probability, and how far it lies above the best wrong candidate's."""
        questions = numpy.arange(len(self._true))
        true = log_probabilities[:, questions, self._true]
        wrong = log_probabilities.copy()
        wrong[:, questions, self._true] = -numpy.inf
        with numpy.errstate(invalid="ignore"):  # of answers that have no probability
            return true, true - wrong.max(2)


def numbers_by_task(questions: Sequence[Question]) -> dict[str, list[int]]:
    """For each task of the questions the numbers of its questions."""
    numbers: dict[str, list[int]] = {}
    for number, question in enumerate(questions):
        numbers.setdefault(question.line.task, []).append(number)
    return numbers


def candidates_by_task(
    questions: Sequence[Question], vocabulary: Vocabulary, block: int
) -> dict[str, tuple[list[int], Candidates]]:
    """For each task of the questions: the numbers of its questions, and their candidates.

    A task with more than :data:`MOST_FACTS_COMPARED` facts is left out: its answers are not compared.
    """
    return {
        task: (mine, Candidates([questions[number] for number in mine], vocabulary, block))
        for task, mine in numbers_by_task(questions).items()
        if PARTS[task].bits != "facts" or len({questions[number].line for number in mine}) <= MOST_FACTS_COMPARED
    }


def covering_rows(contexts: Sequence[str]) -> tuple[list[str], dict[str, int]]:
    """Rows that cover all contexts, and for each context the number of its row, of which it is a beginning.

    A context that is a beginning of another shares its row.
    """
    rows: list[str] = []
    row_of: dict[str, int] = {}
    for context in sorted(set(contexts), reverse=True):  # in this order a context comes right after those it begins
        if not rows or not rows[-1].startswith(context):
            rows.append(context)
        row_of[context] = len(rows) - 1
    return rows, row_of
