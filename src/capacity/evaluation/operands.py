"""Operands 0 to 19: does a network that was trained on digits answer beyond them?

The paper's extended evaluation (section 3.4) asks every ``a+b`` and ``a-b`` for a and b of 0 to 19: 400 expressions
per operation, 100 of them of digits alone. It is asked here in two ways.

``paper_prompts``
    ``<a+b=`` from position 0 on, as the paper asks. ``=`` stands at index 4 for two digits, as in training, at index 5
    where one operand has two digits (``<12+5=``), and at index 6 where both have (``<12+15=``).
``trained_offset``
    ``=`` at index 4, where every prompt of two digits has it: the leading ``<`` is left out (``12+5=``). So only what
    the expression says is new, and not the place of ``=`` among the positions. Where both operands have two digits,
    the prompt would have to lose a digit as well, and then ask something else (``2+15=``): those are not asked so.
    What is asked are the 400 expressions with exactly one operand above 9.

In the streams of random windows ``=`` is trained at every index, with the end of the line before it on its left; with
one line per row (``aligned``, ``answer-only``) it is trained at index 4 alone.

Beside the networks stand answers that need none: see :func:`baselines`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy

from capacity.tasks.lines import Line, arithmetic_line, is_right

LARGEST_OPERAND = 19
LARGEST_DIGIT = 9
TRAINED_PLACE = 4
"""Index of ``=`` in every prompt of two digits, ``<1+2=``."""

Score = dict[str, Any]

# Columns of the tables: which score of which way of asking, and which baseline on which score.
MEASURES = {
    "final_operands_0_19_digits": ("paper_prompts", "digits"),
    "final_operands_0_19_beyond_digits": ("paper_prompts", "beyond_digits"),
    "final_operands_0_19_beyond_digits_addition": ("paper_prompts", "beyond_digits_addition"),
    "final_operands_0_19_beyond_digits_subtraction": ("paper_prompts", "beyond_digits_subtraction"),
    "final_operands_0_19_one_beyond_digits": ("paper_prompts", "one_beyond_digits"),
    "final_operands_0_19_beyond_digits_trained_offset": ("trained_offset", "one_beyond_digits"),
}
BASELINES = {
    "operands_0_19_beyond_digits_zero": ("zero", "beyond_digits"),
    "operands_0_19_beyond_digits_constant": ("constant", "beyond_digits"),
    "operands_0_19_beyond_digits_nearest_seen": ("nearest_seen", "beyond_digits"),
}


def expressions() -> list[Line]:
    """All 800, additions first, each operation by its left and then its right operand; prompts are the paper's."""
    operands = range(LARGEST_OPERAND + 1)
    return [
        arithmetic_line(left, operation, right)
        for operation in ("addition", "subtraction")
        for left in operands
        for right in operands
    ]


def at_trained_offset(lines: Sequence[Line]) -> list[Line]:
    """The expressions with exactly one operand above 9, with prompts that have ``=`` at index 4."""
    return [replace(line, prompt=line.prompt[-TRAINED_PLACE - 1 :]) for line in lines if _beyond(line) == 1]


def groups(lines: Sequence[Line]) -> dict[str, list[int]]:
    """The named scores, each as the numbers of the expressions it counts.

    ``digits``: both operands are digits. ``beyond_digits``: at least one is above 9, of which ``one_beyond_digits``
    has exactly one, and ``both_beyond_digits`` both. Each also by operation: ``digits_addition`` and so on.
    """
    found: dict[str, list[int]] = {}
    for number, line in enumerate(lines):
        beyond = _beyond(line)
        kinds = ["digits"] if not beyond else ["beyond_digits", f"{'one' if beyond == 1 else 'both'}_beyond_digits"]
        for kind in kinds:
            for name in (kind, f"{kind}_{line.operation}"):
                found.setdefault(name, []).append(number)
    return found


def asked() -> dict[str, list[Line]]:
    """What is asked in each of the two ways."""
    lines = expressions()
    return {"paper_prompts": lines, "trained_offset": at_trained_offset(lines)}


def scores(questions: Mapping[str, Sequence[Line]], answers: Mapping[str, str]) -> dict[str, dict[str, Score]]:
    """The scores of one network on what was :func:`asked`, in each way, from its answers by prompt."""
    found = {}
    for way, lines in questions.items():
        right = [is_right(line, answers[line.prompt]) for line in lines]
        found[way] = {
            name: _score(sum(right[number] for number in numbers), len(numbers))
            for name, numbers in groups(lines).items()
        }
    return found


def baselines(lines: Sequence[Line]) -> dict[str, dict[str, Score]] | None:
    """What can be had without a network, on every score of :func:`groups`; None for a corpus without arithmetic.

    ``zero`` always answers 0. ``constant`` always gives the answer that is right most often in that group (the
    smallest of several), chosen with the right answers in hand: no constant does better. ``nearest_seen`` gives the
    answer of the seen expression of the same operation whose operands are nearest (Euclidean distance; the smaller
    left and then right operand of several), which is what remembering the table and nothing else can do.
    """
    seen = [line for line in lines if line.task == "arithmetic" and line.split == "seen"]
    if not seen:
        return None
    every = expressions()
    nearest = nearest_seen(every, seen)
    found: dict[str, dict[str, Score]] = {"zero": {}, "constant": {}, "nearest_seen": {}}
    for name, numbers in groups(every).items():
        answer, count = best_constant([every[number] for number in numbers])
        found["zero"][name] = _score(sum(every[number].answer == "0" for number in numbers), len(numbers))
        found["constant"][name] = _score(count, len(numbers)) | {"answer": answer}
        right = sum(nearest[number] == every[number].answer for number in numbers)
        found["nearest_seen"][name] = _score(right, len(numbers))
    return found


def best_constant(lines: Sequence[Line]) -> tuple[int, int]:
    """The answer that is right for most of some expressions, the smallest of several, and for how many."""
    counts = Counter(int(line.answer) for line in lines)
    best = min(counts, key=lambda answer: (-counts[answer], answer))
    return best, counts[best]


def columns(
    run: Mapping[str, Any] | None, baselines: Mapping[str, Mapping[str, Score]] | None
) -> dict[str, float | None]:
    """The shares right of :data:`MEASURES` for one run and of :data:`BASELINES`; None where there is no arithmetic."""
    found: dict[str, float | None] = {}
    for source, wanted in ((run, MEASURES), (baselines, BASELINES)):
        for column, (first, score) in wanted.items():
            found[column] = None if source is None else source[first][score]["fraction"]
    return found


def nearest_seen(asked: Sequence[Line], seen: Sequence[Line]) -> list[str]:
    """For each expression the answer of the nearest seen one of its operation.

    Raises ValueError naming the operation of which none is seen.
    """
    answers = [""] * len(asked)
    for operation in dict.fromkeys(line.operation for line in asked):
        known = sorted((line for line in seen if line.operation == operation), key=_operands)
        if not known:
            raise ValueError(f"nearest seen expression: the corpus has no seen {operation}; it needs one or more")
        numbers = [number for number, line in enumerate(asked) if line.operation == operation]
        places = numpy.array([_operands(line) for line in known])
        targets = numpy.array([_operands(asked[number]) for number in numbers])
        distances = ((targets[:, None] - places) ** 2).sum(2)  # squared: the order is the same, and ties are exact
        for number, index in zip(numbers, distances.argmin(1), strict=True):  # the first of several: known is in order
            answers[number] = known[index].answer
    return answers


def _score(correct: int, total: int) -> Score:
    return {"correct": correct, "total": total, "fraction": correct / total}


def _operands(line: Line) -> tuple[int, int]:
    if line.operands is None:
        raise ValueError(f"line {line.text!r} has no operands; an expression such as <1+2= is needed")
    return line.operands


def _beyond(line: Line) -> int:
    """How many operands are above 9."""
    return sum(operand > LARGEST_DIGIT for operand in _operands(line))
