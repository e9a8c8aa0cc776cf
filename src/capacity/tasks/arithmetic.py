"""Arithmetic: every sum and difference of two digits (paper, section 3.1) or larger operands, some of them held out.

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
NAME = "arithmetic"
OPERAND_LIMIT = 99
"""The largest operand that a corpus may have, so that no operand has more than two digits."""
NEW_CHARACTERS = len(f"{2 * OPERAND_LIMIT}{TERMINATOR}")
"""Characters of the longest answer with its terminator, ``198>``; those of ``-99>`` are as many."""


def line_length(largest_operand: int) -> int:
    """The characters of every line: so many that the longest prompt has room for the longest answer.

    They are 9 for digits, as in the paper, and 12 for larger operands, whichever answer belongs to which prompt.
    """
    prompt = f"<{largest_operand}+{largest_operand}="
    answer = max(f"{2 * largest_operand}", f"-{largest_operand}", key=len)
    return len(f"{prompt}{answer}{TERMINATOR}\n")


def arithmetic_line(
    left: int,
    operation: str,
    right: int,
    held_out: bool = False,
    largest_operand: int = protocol.LARGEST_OPERAND,
) -> Line:
    """``<a+b=c>`` or ``<a-b=c>``, padded with spaces to the length of all lines of a corpus with a largest operand."""
    sign, value = ("+", left + right) if operation == "addition" else ("-", left - right)
    prompt = f"<{left}{sign}{right}="
    split = "held_out" if held_out else "seen"
    text = _text(prompt, str(value), line_length(largest_operand))
    return Line(text, prompt, prompt, str(value), TERMINATOR, NAME, operation, (left, right), split)


def _text(prompt: str, answer: str, length: int) -> str:
    return f"{prompt}{answer}{TERMINATOR}".ljust(length - 1) + "\n"


def arithmetic_lines(
    held_out: Iterable[tuple[int, int]],
    answers: str = "correct",
    corpus_seed: int = protocol.CORPUS_SEED,
    largest_operand: int = protocol.LARGEST_OPERAND,
) -> list[Line]:
    """Every expression, additions first, each operation by its left and then its right operand: 200 of digits.

    Args:
        held_out: Unordered pairs of operands: {i, j} holds out i+j, j+i, i-j and j-i.
        answers: One of :data:`capacity.paper.protocol.ANSWERS`; see :func:`permute_answers`.
        corpus_seed: Decides the permutation.
        largest_operand: Operands are 0 to this number L, so that there are 2 * (L + 1)**2 expressions.
    """
    pairs = {frozenset(pair) for pair in held_out}
    operands = range(largest_operand + 1)
    lines = [
        arithmetic_line(left, operation, right, frozenset((left, right)) in pairs, largest_operand)
        for operation in ("addition", "subtraction")
        for left in operands
        for right in operands
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
        replace(line, text=_text(line.prompt, answer, len(line.text)), answer=answer)
        for line, answer in zip(lines, answers, strict=True)
    ]


def is_right(line: Line, continuation: str) -> bool:
    """Whether the integer right after ``=`` equals the answer of the line, whatever follows it."""
    match = re.match(r"-?\d+", continuation)
    return match is not None and int(match[0]) == int(line.answer)


def scores_of(line: Line, prompts: str) -> list[str]:
    """The scores that count an expression.

    ``*_1000`` are over all expressions of an operation, 100 of digits, as in the released evaluator (times ten
    samples). ``*_910`` leave out the pairs (a, 0) for a > 0, as the published counts do, so that 91 are left of digits.
    ``combined_910`` is what the paper's choice of a checkpoint looks at: both operations 910-style, and in the joint
    task the facts on the paper's prompts.
    """
    names = [line.split, f"{line.split}_{line.operation}", f"{line.operation}_1000"]
    if line.operands is not None and (line.operands[1] != 0 or line.operands[0] == 0):
        names += [f"{line.operation}_910", "combined_910"]
    return names


ARITHMETIC = Task(
    name=NAME,
    block=protocol.BLOCK[NAME],
    batch=protocol.BATCH[NAME],
    axes=("largest_operand", "held_out", "answers", "corpus_seed"),
    make_lines=arithmetic_lines,
    is_shuffled=True,
    operations=("addition", "subtraction"),
    new_characters=NEW_CHARACTERS,
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
