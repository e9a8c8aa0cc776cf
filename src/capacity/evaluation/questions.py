"""Asking a trained stack: one batched greedy decode over all prompts and seeds, scores and margins.

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
from capacity.tasks.lines import Line, is_right
from capacity.tasks.vocabulary import Vocabulary

NEW_CHARACTERS = {"arithmetic": 4, "facts": 20}
# Rows of one forward pass: bounds the memory of an evaluation, changes no result.
ROWS_AT_ONCE = 1024


@dataclass(frozen=True)
class Item:
    """One question: a line asked with one prompt. ``prompts`` says which: ``paper`` or ``matched``."""

    line: Line
    prompt: str
    prompts: str


def items(lines: Sequence[Line]) -> list[Item]:
    """Every question of a corpus: each expression once, each fact with the paper's prompt and with the matched one."""
    arithmetic = [Item(line, line.prompt, "paper") for line in lines if line.task == "arithmetic"]
    facts = [line for line in lines if line.task == "facts"]
    asked = [Item(line, line.paper_prompt, "paper") for line in facts]
    matched = [Item(line, line.prompt, "matched") for line in facts]
    return arithmetic + asked + matched


def score_groups(questions: Sequence[Item]) -> dict[str, list[int]]:
    """The named scores, each as the numbers of the questions it counts; its denominator is their number.

    ``*_910`` leave out the pairs (a, 0) for a = 1..9, as the published counts do (91 expressions per operation, times
    ten samples), ``*_1000`` are over all 100, as in the released evaluator. ``combined_910`` is what the paper's
    choice of a checkpoint looks at: both operations 910-style, and the facts on the paper's prompts.
    """
    groups: dict[str, list[int]] = {}

    def add(name: str, number: int) -> None:
        groups.setdefault(name, []).append(number)

    for number, item in enumerate(questions):
        line = item.line
        if line.operands is not None:
            left, right = line.operands
            add(line.split, number)
            add(f"{line.split}_{line.operation}", number)
            add(f"{line.operation}_1000", number)
            if right != 0 or left == 0:
                add(f"{line.operation}_910", number)
                add("combined_910", number)
        else:
            add(f"facts_{item.prompts}_prompts", number)
            if item.prompts == "paper":
                add("combined_910", number)
    return groups


@dataclass(frozen=True)
class Answers:
    """Answers of S networks to K questions.

    Attributes:
        continuations: S lists of K texts, each cut after its first newline.
        right: (S, K), whether each is right.
    """

    continuations: list[list[str]]
    right: Tensor


class Examination:
    """The questions of a corpus, encoded once and asked as often as wanted.

    Args:
        lines: every line of the corpus, held-out ones included.
        vocabulary: of the corpus.
        block: positions of the model.
    """

    def __init__(self, lines: Sequence[Line], vocabulary: Vocabulary, block: int) -> None:
        self.items = items(lines)
        self.groups = score_groups(self.items)
        self._vocabulary = vocabulary
        self._block = block
        self._prompts = {
            task: list(dict.fromkeys(item.prompt for item in self.items if item.line.task == task))
            for task in NEW_CHARACTERS
        }
        self._encoded = {task: _padded(prompts, vocabulary) for task, prompts in self._prompts.items() if prompts}

    def totals(self) -> dict[str, int]:
        """The denominator of each score."""
        return {name: len(numbers) for name, numbers in self.groups.items()}

    def ask(self, parameters: transformer.Parameters, heads: int) -> Answers:
        """Every question, answered greedily by every network of the stack."""
        seeds = len(parameters["token_embedding"])
        continuations: list[dict[tuple[str, str], str]] = [{} for _ in range(seeds)]
        for task in self._encoded:
            decoded = self._decode(parameters, heads, task, stop="\n")
            for seed in range(seeds):
                found = zip(self._prompts[task], decoded[seed], strict=True)
                continuations[seed] |= {(task, prompt): text for prompt, text in found}
        texts = [[known[item.line.task, item.prompt] for item in self.items] for known in continuations]
        right = [[is_right(item.line, text) for item, text in zip(self.items, row, strict=True)] for row in texts]
        return Answers(texts, torch.tensor(right))

    def scores(self, answers: Answers) -> dict[str, Tensor]:
        """For each score, (S,), the number of questions answered right."""
        return {name: answers.right[:, numbers].sum(1) for name, numbers in self.groups.items()}

    def _decode(self, parameters: transformer.Parameters, heads: int, task: str, stop: str) -> list[list[str]]:
        """Greedy continuations, for S seeds and P prompts; they end once all have reached ``stop``."""
        device = parameters["token_embedding"].device
        seeds = len(parameters["token_embedding"])
        characters = NEW_CHARACTERS[task]
        prompts, lengths = (each.to(device) for each in self._encoded[task])
        text = functional.pad(prompts, (0, characters)).repeat(seeds, 1, 1)  # (S, P, longest prompt + characters)
        stop_code = self._vocabulary.encode(stop)[0]
        stopped = torch.zeros(seeds, len(prompts), dtype=torch.bool, device=device)
        produced = 0
        while produced < characters and not bool(stopped.all()):
            known = lengths + produced
            window = min(self._block, int(known.max()))
            start = (known - window).clamp(min=0)
            columns = (start[:, None] + torch.arange(window, device=device)).expand(seeds, -1, -1)
            ends = window * torch.arange(len(prompts), device=device) + known - start - 1
            logits = transformer.forward(parameters, text.gather(2, columns), heads, places=ends.expand(seeds, -1))
            following = logits.argmax(1)
            text.scatter_(2, known.expand(seeds, -1)[..., None], following[..., None])
            stopped |= following == stop_code
            produced += 1
        codes, starts = text.tolist(), lengths.tolist()
        return [
            [self._until(stop, row[first : first + produced]) for row, first in zip(rows, starts, strict=True)]
            for rows in codes
        ]

    def _until(self, stop: str, codes: Sequence[int]) -> str:
        """The text, cut after the first ``stop``: how long others in the stack went on leaves no trace."""
        text, found, _ = self._vocabulary.decode(codes).partition(stop)
        return text + found


def _padded(texts: Sequence[str], vocabulary: Vocabulary) -> tuple[Tensor, Tensor]:
    """Texts as rows of character numbers with zeros behind, (P, longest), and their lengths, (P,)."""
    tokens = torch.zeros(len(texts), max(map(len, texts)), dtype=torch.long)
    for number, text in enumerate(texts):
        tokens[number, : len(text)] = torch.tensor(vocabulary.encode(text))
    return tokens, torch.tensor([len(text) for text in texts])
