"""A trained network that can be asked: its answer to a prompt, its logits and its attention."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy
from numpy.typing import NDArray

from capacity.corpora import corpus
from capacity.errors import InputError
from capacity.evaluation.decoding import STOP
from capacity.experiment.cell import Cell
from capacity.model.one_network import Reading, forward
from capacity.tasks.registry import PARTS, is_right

MOST_CHARACTERS = 100
"""Characters of a continuation, unless fewer are asked for: more than any answer of a task has."""


@dataclass(frozen=True)
class Step:
    """One character of a continuation.

    Attributes:
        character: The likeliest one, which the network goes on with.
        probabilities: Of every character of the vocabulary, the likeliest first.
    """

    character: str
    probabilities: Mapping[str, float]


@dataclass(frozen=True)
class Answer:
    """What a network says after a prompt.

    Attributes:
        prompt: What was asked.
        text: The continuation, up to and with its first newline.
        steps: One for each character of it.
        right_answer: What the corpus has after the prompt; None if it does not ask this.
        split: ``seen`` or ``held_out``; None likewise.
        right: Whether the continuation is right, by the rule of the task; None likewise.
    """

    prompt: str
    text: str
    steps: tuple[Step, ...]
    right_answer: str | None
    split: str | None
    right: bool | None

    def __str__(self) -> str:
        return self.text


class Network:
    """One trained network.

    Args:
        cell: What it was trained by.
        seed: Of its run.
        parameters: By name, as :mod:`capacity.model.one_network` takes them.

    Attributes:
        cell, seed, parameters: The same.
        block: Characters that it reads at a time.
        characters: Its vocabulary, in the order of logits.
    """

    def __init__(self, cell: Cell, seed: int, parameters: Mapping[str, NDArray[numpy.float32]]) -> None:
        self.cell = cell
        self.seed = seed
        self.parameters = parameters
        self.block = cell.block
        self._lines = corpus.build(cell)
        self._vocabulary = corpus.vocabulary(self._lines)
        self.characters = self._vocabulary.characters

    def __repr__(self) -> str:
        return f"<{self.cell.name}, seed {self.seed}: {self.parameter_count:,} parameters>"

    @property
    def parameter_count(self) -> int:
        """The number of parameters, those of the positions included."""
        return sum(value.size for value in self.parameters.values())

    def ask(self, prompt: str, most_characters: int = MOST_CHARACTERS) -> Answer:
        """Continue a prompt with the likeliest character, again and again, until a line ends.

        Args:
            prompt: Such as ``<5+7=``. Of a longer text than the block, the last characters are read.
            most_characters: Of the continuation.

        Raises InputError naming the character if one is not in the vocabulary, or if the prompt is empty.
        """
        read = self._encoded(prompt)
        steps: list[Step] = []
        while len(steps) < most_characters:
            logits = self._read(read[-self.block :]).logits[-1]
            shares = numpy.exp(logits - logits.max())
            shares = shares / shares.sum()
            order = numpy.argsort(-shares, kind="stable")
            steps.append(
                Step(self.characters[order[0]], {self.characters[each]: float(shares[each]) for each in order})
            )
            read.append(int(order[0]))
            if steps[-1].character == STOP:
                break
        text = "".join(step.character for step in steps)
        line = next((line for line in self._lines if prompt in map(line.prompt_of, PARTS[line.task].prompts)), None)
        if line is None:
            return Answer(prompt, text, tuple(steps), None, None, None)
        return Answer(prompt, text, tuple(steps), line.answer, line.split, is_right(line, text))

    def logits(self, text: str) -> NDArray[numpy.float32]:
        """The logits of the character that follows each of the T characters of a text, (T, V).

        Raises InputError if a character is not in the vocabulary, or the text is empty or longer than the block.
        """
        return self._read(self._encoded_within_block(text)).logits

    def attention(self, text: str) -> NDArray[numpy.float32]:
        """How much each of the T characters of a text looks at itself and those before it: (layers, heads, T, T).

        Raises InputError as :meth:`logits` does.
        """
        return self._read(self._encoded_within_block(text)).attention

    def _read(self, numbers: list[int]) -> Reading:
        return forward(self.parameters, numbers, self.cell.size.heads)

    def _encoded(self, text: str) -> list[int]:
        if not text:
            raise InputError("the prompt is empty; it needs at least one character, such as <5+7=")
        if unknown := [character for character in text if character not in self.characters]:
            raise InputError(
                f"the prompt {text!r} has the character {unknown[0]!r}, which {self.cell.task} does not have; "
                f"its characters are {self.characters!r}"
            )
        return self._vocabulary.encode(text)

    def _encoded_within_block(self, text: str) -> list[int]:
        numbers = self._encoded(text)
        if len(numbers) > self.block:
            raise InputError(
                f"the text {text!r} has {len(numbers)} characters, and {self.cell.name} reads at most {self.block} "
                "at a time"
            )
        return numbers
