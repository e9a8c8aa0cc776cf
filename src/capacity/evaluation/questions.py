"""The questions of a corpus: asked in one batched greedy decode over all prompts and seeds, and scored.

Paper, section 3.4, with greedy decoding in place of ten samples at temperature 0.01. Prompts start at position 0 and
are cropped to the last ``block`` characters.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from capacity.model import transformer
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
    """Every question of a corpus: task by task, each line with each kind of prompts that its task has."""
    return [
        Question(line, prompts)
        for task in PARTS.values()
        for prompts in task.prompts
        for line in lines
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
    right: Tensor


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
        self._vocabulary = vocabulary
        self._block = block
        prompts: dict[str, dict[str, None]] = {}
        for question in self.questions:
            prompts.setdefault(question.line.task, {})[question.prompt] = None
        self._prompts = {task: list(distinct) for task, distinct in prompts.items()}
        self._encoded = {task: encode_padded(distinct, vocabulary) for task, distinct in self._prompts.items()}

    def totals(self) -> dict[str, int]:
        """The denominator of each score."""
        return {name: len(numbers) for name, numbers in self.groups.items()}

    def ask(self, parameters: transformer.Parameters, heads: int) -> Answers:
        """The answers of every network of a stack to every question, decoded greedily."""
        seeds = len(parameters["token_embedding"])
        continuations: list[dict[tuple[str, str], str]] = [{} for _ in range(seeds)]
        for task, prompts in self._prompts.items():
            for by_prompt, texts in zip(continuations, self._decode(parameters, heads, task, "\n"), strict=True):
                by_prompt |= {(task, prompt): text for prompt, text in zip(prompts, texts, strict=True)}
        answers = [[by_prompt[each.line.task, each.prompt] for each in self.questions] for by_prompt in continuations]
        right = [[is_right(each.line, text) for each, text in zip(self.questions, row, strict=True)] for row in answers]
        return Answers(answers, torch.tensor(right))

    def scores(self, answers: Answers) -> dict[str, Tensor]:
        """For each score the number of questions answered right, (S,)."""
        return {name: answers.right[:, numbers].sum(1) for name, numbers in self.groups.items()}

    def _decode(self, parameters: transformer.Parameters, heads: int, task: str, stop: str) -> list[list[str]]:
        """Greedy continuations of the P prompts of a task by S networks, until each has ``stop`` or is long enough."""
        device = parameters["token_embedding"].device
        seeds = len(parameters["token_embedding"])
        characters = PARTS[task].new_characters
        prompts, lengths = (each.to(device) for each in self._encoded[task])
        text = functional.pad(prompts, (0, characters)).repeat(seeds, 1, 1)  # (S, P, longest prompt + characters)
        stop_code = self._vocabulary.encode(stop)[0]
        stopped = torch.zeros(seeds, len(prompts), dtype=torch.bool, device=device)
        produced = 0
        while produced < characters and not bool(stopped.all()):
            written = lengths + produced
            window = min(self._block, int(written.max()))
            start = (written - window).clamp(min=0)
            columns = (start[:, None] + torch.arange(window, device=device)).expand(seeds, -1, -1)
            ends = window * torch.arange(len(prompts), device=device) + written - start - 1
            logits = transformer.forward(parameters, text.gather(2, columns), heads, places=ends.expand(seeds, -1))
            following = logits.argmax(1)
            text.scatter_(2, written.expand(seeds, -1)[..., None], following[..., None])
            stopped |= following == stop_code
            produced += 1
        codes, starts = text.tolist(), lengths.tolist()
        return [
            [self._until(stop, row[first : first + produced]) for row, first in zip(rows, starts, strict=True)]
            for rows in codes
        ]

    def _until(self, stop: str, codes: Sequence[int]) -> str:
        """The text cut after its first ``stop``, so that it does not depend on how long other texts went on."""
        text, ending, _ = self._vocabulary.decode(codes).partition(stop)
        return text + ending


def encode_padded(texts: Sequence[str], vocabulary: Vocabulary) -> tuple[Tensor, Tensor]:
    """P texts as rows of numbers of characters, padded with zeros to (P, longest), and their lengths, (P,)."""
    tokens = torch.zeros(len(texts), max(map(len, texts)), dtype=torch.long)
    for number, text in enumerate(texts):
        tokens[number, : len(text)] = torch.tensor(vocabulary.encode(text))
    return tokens, torch.tensor([len(text) for text in texts])
