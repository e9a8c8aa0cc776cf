"""The lines of the two tasks, as pure functions (paper, section 3.1).

``arithmetic`` is every sum and difference of two digits, ``facts`` is "Capital of X is Y", and ``joint`` is the
arithmetic text followed by the facts.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterable
from dataclasses import dataclass

from capacity.tasks.capitals import _PAPER_PROMPT_NAMES, CAPITALS

ARITHMETIC_TERMINATOR = ">"
FACTS_TERMINATOR = " \n"
ARITHMETIC_LINE_LENGTH = 9


@dataclass(frozen=True)
class Line:
    """One line of a corpus, its newline included.

    Attributes:
        text: the whole line, as it is trained on.
        prompt: what is asked, a prefix of ``text`` (the matched prompt, for facts).
        paper_prompt: what the paper asks; differs from ``prompt`` for two facts.
        answer: what is to follow the prompt.
        terminator: what follows the answer in ``text``.
        task: ``arithmetic`` or ``facts``.
        operation: ``addition``, ``subtraction`` or ``recall``.
        operands: the two digits, or None for a fact.
        split: ``seen`` or ``held_out``.
        position: number of the line in the training stream, or None if it is held out.
    """

    text: str
    prompt: str
    paper_prompt: str
    answer: str
    terminator: str
    task: str
    operation: str
    operands: tuple[int, int] | None
    split: str
    position: int | None = None


def arithmetic_line(left: int, operation: str, right: int, held_out: bool = False) -> Line:
    """``<a+b=c>`` or ``<a-b=c>``, padded with a space to nine characters where the answer has one character."""
    sign, value = ("+", left + right) if operation == "addition" else ("-", left - right)
    prompt = f"<{left}{sign}{right}="
    text = f"{prompt}{value}{ARITHMETIC_TERMINATOR}".ljust(ARITHMETIC_LINE_LENGTH - 1) + "\n"
    split = "held_out" if held_out else "seen"
    return Line(text, prompt, prompt, str(value), ARITHMETIC_TERMINATOR, "arithmetic", operation, (left, right), split)


def fact_line(country: str, capital: str) -> Line:
    """``Capital of X is Y`` and a space before the newline, as the paper writes it."""
    prompt = f"Capital of {country} is "
    paper_prompt = f"Capital of {_PAPER_PROMPT_NAMES.get(country, country)} is "
    text = f"{prompt}{capital}{FACTS_TERMINATOR}"
    return Line(text, prompt, paper_prompt, capital, FACTS_TERMINATOR, "facts", "recall", None, "seen")


def lines(task: str, held_out: Iterable[tuple[int, int]], facts: int) -> list[Line]:
    """Every line of a task, held-out ones included, before any shuffling.

    ``held_out`` holds unordered pairs of digits: {i, j} holds out i+j, j+i, i-j and j-i. ``facts`` is how many of
    the paper's capitals are taken, from the first on. Raises ValueError if there are not that many.
    """
    if not 1 <= facts <= len(CAPITALS):
        raise ValueError(f"facts: {facts} is not between 1 and {len(CAPITALS)}, the number of capitals in the paper")
    pairs = {frozenset(pair) for pair in held_out}
    arithmetic = [
        arithmetic_line(left, operation, right, held_out=frozenset((left, right)) in pairs)
        for operation in ("addition", "subtraction")
        for left in range(10)
        for right in range(10)
    ]
    capitals = [fact_line(*pair) for pair in CAPITALS[:facts]]
    return {"arithmetic": arithmetic, "facts": capitals, "joint": arithmetic + capitals}[task]


def corpus(task: str, held_out: Iterable[tuple[int, int]], facts: int, seed: int) -> list[Line]:
    """The lines of a corpus: seen lines in stream order with their positions, then the held-out ones.

    The arithmetic lines are shuffled once by ``seed``; the facts keep the paper's order and follow them.
    """
    every = lines(task, held_out, facts)
    arithmetic = [line for line in every if line.task == "arithmetic" and line.split == "seen"]
    random.Random(seed).shuffle(arithmetic)
    stream = arithmetic + [line for line in every if line.task == "facts"]
    numbered = [Line(**{**vars(line), "position": number}) for number, line in enumerate(stream)]
    return numbered + [line for line in every if line.split == "held_out"]


def is_right(line: Line, continuation: str) -> bool:
    """Whether what follows the prompt is the answer.

    Arithmetic: the integer right after ``=`` equals the true one. Facts: the first line, stripped, is the capital,
    whatever its case.
    """
    if line.task == "arithmetic":
        match = re.match(r"-?\d+", continuation)
        return match is not None and int(match[0]) == int(line.answer)
    return continuation.split("\n", 1)[0].strip().lower() == line.answer.lower()
