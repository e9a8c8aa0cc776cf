"""TODO evaluation.margins."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from capacity.corpora.prefixes import Prefixes, prefixes_of
from capacity.evaluation.questions import NEW_CHARACTERS, ROWS_AT_ONCE, Item, _padded
from capacity.model import transformer
from capacity.tasks.vocabulary import Vocabulary


class Candidates:
    """Log-probabilities of every candidate answer to every question of one task, teacher-forced.

    The candidates are the distinct answers to ``every`` question of the task, each with its terminator; ``chosen``
    picks the questions to ask (all of them if it is None). What candidates have in common is computed once.
    """

    def __init__(
        self, every: Sequence[Item], vocabulary: Vocabulary, block: int, chosen: Sequence[int] | None = None
    ) -> None:
        questions = list(every) if chosen is None else [every[number] for number in chosen]
        self.answers = list(dict.fromkeys(item.line.answer for item in every))
        terminator = questions[0].line.terminator
        contexts: dict[str, int] = {}
        steps: list[list[tuple[int, int]]] = []
        for item in questions:
            for answer in self.answers:
                candidate = answer + terminator
                pairs = []
                for number, character in enumerate(candidate):
                    context = (item.prompt + candidate[:number])[-block:]
                    pairs.append((contexts.setdefault(context, len(contexts)), vocabulary.encode(character)[0]))
                steps.append(pairs)
        depth = max(len(pairs) for pairs in steps)
        padded = [pairs + [(0, -1)] * (depth - len(pairs)) for pairs in steps]
        self._steps = torch.tensor(padded).view(len(questions), len(self.answers), depth, 2)
        self._true = torch.tensor([self.answers.index(item.line.answer) for item in questions])
        self._pieces, self._order = _read(list(contexts), vocabulary)

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
    questions: Sequence[Item], vocabulary: Vocabulary, block: int
) -> dict[str, tuple[list[int], Candidates]]:
    """For each task asked: the numbers of its questions, and their candidates."""
    found = {}
    for task in NEW_CHARACTERS:
        numbers = [number for number, item in enumerate(questions) if item.line.task == task]
        if numbers:
            found[task] = (numbers, Candidates([questions[number] for number in numbers], vocabulary, block))
    return found


def _read(contexts: Sequence[str], vocabulary: Vocabulary) -> tuple[list[tuple[Prefixes, Tensor]], Tensor]:
    """Contexts as rows to read, without rows of their own for those that others begin with.

    Returns:
        Pieces, each the prefixes of some rows and the numbers of the contexts among them; and for each context in the
        given order, its place in the concatenation of the pieces.
    """
    rows: list[str] = []
    row_of: dict[str, int] = {}
    for context in sorted(contexts, reverse=True):  # in this order a context comes right after those it begins
        if not rows or not rows[-1].startswith(context):
            rows.append(context)
        row_of[context] = len(rows) - 1
    tokens, _ = _padded(rows, vocabulary)
    pieces = []
    read = list(row_of)
    numbers = torch.tensor(list(row_of.values()))
    lengths = torch.tensor([len(context) for context in read])
    for first in range(0, len(rows), ROWS_AT_ONCE):
        prefixes = prefixes_of(tokens[first : first + ROWS_AT_ONCE])
        here = (numbers >= first) & (numbers < first + ROWS_AT_ONCE)
        pieces.append((prefixes, prefixes.rows[numbers[here] - first, lengths[here] - 1]))
    place = {context: number for number, context in enumerate(read)}
    return pieces, torch.tensor([place[context] for context in contexts])
