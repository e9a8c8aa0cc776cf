"""The questions of the paper's corpora, for tests of asking and answering them."""

from __future__ import annotations

from capacity.corpora import corpus
from capacity.evaluation.questions import QuestionSet
from capacity.tasks.task import Line
from capacity.tasks.vocabulary import Vocabulary


def make_question_set(task: str, block: int, facts: int = 50) -> tuple[QuestionSet, list[Line], Vocabulary]:
    """The questions of a task with the paper's held-out pair, its lines and its vocabulary."""
    lines = corpus.corpus_lines(task, [(5, 7)], facts, 1337)
    vocabulary = corpus.vocabulary(lines)
    return QuestionSet(lines, vocabulary, block), lines, vocabulary
