"""How likely the true answer to a question is, and by what margin over the best wrong one.

Every answer to any question of a task is a candidate for each of its questions. Its probability is that of its
characters one after another, each given the true prompt and the characters before it.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from capacity.corpora.prefixes import Prefixes, prefixes_of
from capacity.evaluation.questions import Question, encode_padded
from capacity.model import transformer
from capacity.tasks.vocabulary import Vocabulary

ROWS_AT_ONCE = 1024  # of one forward pass: bounds the memory of an evaluation and changes no result


class Candidates:
    """Log-probabilities of C candidate answers to K questions of one task, teacher-forced.

    What candidates have in common is computed once.

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
        terminator = questions[0].line.terminator
        contexts: dict[str, int] = {}
        steps: list[list[tuple[int, int]]] = []
        for question in questions:
            for answer in self.answers:
                candidate = answer + terminator
                pairs = []
                for number, character in enumerate(candidate):
                    context = (question.prompt + candidate[:number])[-block:]
                    pairs.append((contexts.setdefault(context, len(contexts)), vocabulary.encode(character)[0]))
                steps.append(pairs)
        depth = max(len(pairs) for pairs in steps)
        padded = [pairs + [(0, -1)] * (depth - len(pairs)) for pairs in steps]
        self._steps = torch.tensor(padded).view(len(questions), len(self.answers), depth, 2)
        self._true = torch.tensor([self.answers.index(question.line.answer) for question in questions])
        self._pieces, self._order = _readings(list(contexts), vocabulary)

    def log_probabilities(self, parameters: transformer.Parameters, heads: int) -> Tensor:
        """(S, K, C), natural logarithms: question k answered by candidate c and its terminator."""
        device = str(parameters["token_embedding"].device)
        pieces = []
        for prefixes, ends in self._pieces:
            logits = transformer.forward_prefixes(parameters, prefixes.to(device), heads)
            pieces.append(logits[:, :, ends.to(device)].log_softmax(1))
        table = torch.cat(pieces, 2)[:, :, self._order.to(device)]  # (S, V, contexts)
        context, character = self._steps.to(device).unbind(-1)
        picked = table[:, character.clamp(min=0), context]
        return torch.where(character < 0, 0.0, picked).sum(-1)

    def margins(self, log_probabilities: Tensor) -> tuple[Tensor, Tensor]:
        """(S, K) each: the true answer's log-probability, and how far it lies above the best wrong candidate's."""
        index = self._true.to(log_probabilities.device).expand(len(log_probabilities), -1)[..., None]
        true = log_probabilities.gather(2, index).squeeze(2)
        wrong = log_probabilities.scatter(2, index, -torch.inf).amax(2)
        return true, true - wrong


def candidates_by_task(
    questions: Sequence[Question], vocabulary: Vocabulary, block: int
) -> dict[str, tuple[list[int], Candidates]]:
    """For each task of the questions: the numbers of its questions, and their candidates."""
    numbers: dict[str, list[int]] = {}
    for number, question in enumerate(questions):
        numbers.setdefault(question.line.task, []).append(number)
    return {
        task: (mine, Candidates([questions[number] for number in mine], vocabulary, block))
        for task, mine in numbers.items()
    }


def _readings(contexts: Sequence[str], vocabulary: Vocabulary) -> tuple[list[tuple[Prefixes, Tensor]], Tensor]:
    """Rows that cover all contexts: a context that is a prefix of another shares its row.

    Returns:
        Pieces of at most :data:`ROWS_AT_ONCE` rows, each as the prefixes of its rows and the numbers of the contexts
        among these prefixes; and for each context in the given order, its place in the concatenation of the pieces.
    """
    rows: list[str] = []
    row_of: dict[str, int] = {}
    for context in sorted(contexts, reverse=True):  # in this order a context comes right after those it begins
        if not rows or not rows[-1].startswith(context):
            rows.append(context)
        row_of[context] = len(rows) - 1
    tokens, _ = encode_padded(rows, vocabulary)
    pieces = []
    numbers = torch.tensor(list(row_of.values()))
    lengths = torch.tensor([len(context) for context in row_of])
    for first in range(0, len(rows), ROWS_AT_ONCE):
        prefixes = prefixes_of(tokens[first : first + ROWS_AT_ONCE])
        here = (numbers >= first) & (numbers < first + ROWS_AT_ONCE)
        pieces.append((prefixes, prefixes.rows[numbers[here] - first, lengths[here] - 1]))
    place = {context: number for number, context in enumerate(row_of)}
    return pieces, torch.tensor([place[context] for context in contexts])
