"""The questions of a corpus: asked in one batched greedy decode over all prompts and networks, and scored.

Paper, section 3.4, with greedy decoding in place of ten samples at temperature 0.01. Prompts start at position 0 and
are cropped to the last ``block`` characters.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy
from numpy.typing import NDArray

from capacity.evaluation.decoding import Prompts
from capacity.model.networks import Networks
from capacity.tasks.registry import PARTS, is_right
from capacity.tasks.task import Line
from capacity.tasks.vocabulary import Vocabulary


@dataclass(frozen=True)
class Question:
    """A line asked with one of its prompts.

    Attributes:
        line: The line, which has the true answer.
        prompts: Which prompt it is asked with: ``paper`` or ``matched``.
    """

    line: Line
    prompts: str

    @property
    def prompt(self) -> str:
        """The text that is to be continued."""
        return self.line.prompt_of(self.prompts)


def questions_of(lines: Sequence[Line]) -> list[Question]:
    """Every question of a corpus: task by task, each line with each kind of prompts that its task has.

    A line that the text has several times is asked once, and filler is not asked.
    """
    asked = {(line.task, line.text): line for line in reversed(lines) if line.split != "filler"}
    distinct = list(asked.values())[::-1]
    return [
        Question(line, prompts)
        for task in PARTS.values()
        for prompts in task.prompts
        for line in distinct
        if line.task == task.name
    ]


def score_groups(questions: Sequence[Question]) -> dict[str, list[int]]:
    """For each score the numbers of the questions that it counts, of which its denominator is the number."""
    groups: dict[str, list[int]] = {}
    for number, question in enumerate(questions):
        for score in PARTS[question.line.task].scores_of(question.line, question.prompts):
            groups.setdefault(score, []).append(number)
    return groups


@dataclass(frozen=True)
class Answers:
    """Answers of S networks to K questions.

    Attributes:
        continuations: S lists of K texts, each cut after its first newline.
        right: (S, K), whether each text is right.
    """

    continuations: list[list[str]]
    right: NDArray[numpy.bool_]


class QuestionSet:
    """The questions of a corpus, encoded once to be asked at every evaluation.

    Args:
        lines: Every line of the corpus, held-out ones included.
        vocabulary: Characters of the corpus.
        block: Positions of the model.

    Attributes:
        questions: The K questions.
        groups: For each score, the numbers of the questions that it counts.
    """

    def __init__(self, lines: Sequence[Line], vocabulary: Vocabulary, block: int) -> None:
        self.questions = questions_of(lines)
        self.groups = score_groups(self.questions)
        self._columns = {name: numpy.array(numbers) for name, numbers in self.groups.items()}
        texts: dict[str, dict[str, None]] = {}
        for question in self.questions:
            texts.setdefault(question.line.task, {})[question.prompt] = None
        self._texts = {task: list(distinct) for task, distinct in texts.items()}
        self._prompts = {
            task: Prompts(distinct, vocabulary, block, PARTS[task].new_characters)
            for task, distinct in self._texts.items()
        }

    def totals(self) -> dict[str, int]:
        """The denominator of each score."""
        return {name: len(numbers) for name, numbers in self.groups.items()}

    def ask(self, networks: Networks) -> Answers:
        """The answers of every network to every question, decoded greedily."""
        by_prompt: list[dict[tuple[str, str], str]] = [{} for _ in range(len(networks))]
        for task, prompts in self._prompts.items():
            for said, texts in zip(by_prompt, prompts.continuations(networks), strict=True):
                said |= {(task, prompt): text for prompt, text in zip(self._texts[task], texts, strict=True)}
        answers = [[said[each.line.task, each.prompt] for each in self.questions] for said in by_prompt]
        right = [[is_right(each.line, text) for each, text in zip(self.questions, row, strict=True)] for row in answers]
        return Answers(answers, numpy.array(right))

    def scores(self, answers: Answers) -> dict[str, NDArray[numpy.int64]]:
        """For each score the number of questions answered right, (S,)."""
        return {name: answers.right[:, numbers].sum(1) for name, numbers in self._columns.items()}
