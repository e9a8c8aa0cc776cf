"""Arithmetic: every sum and difference of two digits (paper, section 3.1), some of them held out.

The answers of the trained lines may be permuted, so that there is nothing to learn but the table.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from capacity.paper import protocol
from capacity.tasks.task import Line, Task

TERMINATOR = ">"
LINE_LENGTH = 9
NAME = "arithmetic"


def arithmetic_line(left: int, operation: str, right: int, held_out: bool = False) -> Line:
    """``<a+b=c>`` or ``<a-b=c>``, padded with a space to nine characters where the answer has one character."""
    sign, value = ("+", left + right) if operation == "addition" else ("-", left - right)
    prompt = f"<{left}{sign}{right}="
    split = "held_out" if held_out else "seen"
    text = _text(prompt, str(value))
    return Line(text, prompt, prompt, str(value), TERMINATOR, NAME, operation, (left, right), split)


def _text(prompt: str, answer: str) -> str:
    return f"{prompt}{answer}{TERMINATOR}".ljust(LINE_LENGTH - 1) + "\n"


def arithmetic_lines(
    held_out: Iterable[tuple[int, int]], answers: str = "correct", corpus_seed: int = protocol.CORPUS_SEED
) -> list[Line]:
    """All 200 expressions, additions first, each operation by its left and then its right operand.

    Args:
        held_out: Unordered pairs of digits: {i, j} holds out i+j, j+i, i-j and j-i.
        answers: One of :data:`capacity.paper.protocol.ANSWERS`; see :func:`permute_answers`.
        corpus_seed: Decides the permutation.
    """
    pairs = {frozenset(pair) for pair in held_out}
    lines = [
        arithmetic_line(left, operation, right, held_out=frozenset((left, right)) in pairs)
        for operation in ("addition", "subtraction")
        for left in range(10)
        for right in range(10)
    ]
    return permute_answers(lines, corpus_seed) if answers == "permuted" else lines


def permute_answers(lines: Sequence[Line], corpus_seed: int) -> list[Line]:
    """The same expressions, where the answers of the seen ones are permuted within each operation.

    The permutation is uniform, so that some lines keep a true answer: 1 in 15 additions on average, as answers are
    shared. The held-out expressions keep their true answers. So the seen answers to an operation are the same ones, as
    often each, and nothing but the table tells which belongs where. The generator is one of its own, so that the order
    of the lines is that of the corpus with the same seed and correct answers.
    """
    generator = random.Random(f"answers {corpus_seed}")
    answers = [line.answer for line in lines]
    for operation in dict.fromkeys(line.operation for line in lines):
        seen = [number for number, line in enumerate(lines) if (line.operation, line.split) == (operation, "seen")]
        shuffled = [answers[number] for number in seen]
        generator.shuffle(shuffled)
        for number, answer in zip(seen, shuffled, strict=True):
            answers[number] = answer
    return [
        replace(line, text=_text(line.prompt, answer), answer=answer)
        for line, answer in zip(lines, answers, strict=True)
    ]


def is_right(line: Line, continuation: str) -> bool:
    """Whether the integer right after ``=`` equals the answer of the line, whatever follows it."""
    match = re.match(r"-?\d+", continuation)
    return match is not None and int(match[0]) == int(line.answer)


def scores_of(line: Line, prompts: str) -> list[str]:
    """The scores that count an expression.

    ``*_1000`` are over all 100 expressions of an operation, as in the released evaluator (times ten samples). ``*_910``
    leave out the pairs (a, 0) for a = 1..9, as the published counts do. ``combined_910`` is what the paper's choice of
    a checkpoint looks at: both operations 910-style, and in the joint task the facts on the paper's prompts.
    """
    names = [line.split, f"{line.split}_{line.operation}", f"{line.operation}_1000"]
    if line.operands is not None and (line.operands[1] != 0 or line.operands[0] == 0):
        names += [f"{line.operation}_910", "combined_910"]
    return names


ARITHMETIC = Task(
    name=NAME,
    block=protocol.BLOCK[NAME],
    batch=protocol.BATCH[NAME],
    axes=("held_out", "answers", "corpus_seed"),
    make_lines=arithmetic_lines,
    is_shuffled=True,
    operations=("addition", "subtraction"),
    new_characters=4,
    is_right=is_right,
    scores=(
        "seen",
        "seen_addition",
        "seen_subtraction",
        "held_out",
        "held_out_addition",
        "held_out_subtraction",
        "addition_910",
        "subtraction_910",
        "addition_1000",
        "subtraction_1000",
        "combined_910",
    ),
    scores_of=scores_of,
    has_operands=True,
    bits="answers",
)
