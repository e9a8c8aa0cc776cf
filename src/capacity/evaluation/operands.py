"""Operands of 0 to 19: does a network that was trained on digits answer expressions beyond them?

The paper's extended evaluation (section 3.4) asks every ``a+b`` and ``a-b`` for a and b of 0 to 19: 400 expressions
per operation, 100 of them with digits alone. Here they are asked in two ways.

``paper_prompts``
    ``<a+b=`` from position 0 on, as the paper asks. ``=`` is at index 4 for two digits, as in training, at index 5
    where one operand has two digits (``<12+5=``), and at index 6 where both have (``<12+15=``).
``trained_offset``
    ``=`` is at index 4, as in every prompt with two digits, because the leading ``<`` is left out (``12+5=``). So only
    the expression is new, and not the position of ``=``. An expression whose operands both have two digits would have
    to lose a digit as well, and would then be another one (``2+15=``), so it is not asked in this way: there are 400
    expressions with exactly one operand above 9.

Both are about what is beyond training, so a corpus with larger operands of its own is not asked.

In the streams of random windows ``=`` is trained at every index, after the end of the line before it; with one line
per row (``aligned``, ``answer-only``) it is trained at index 4 alone.

The answers of networks are compared with answers that need no network: see :func:`baselines`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy

from capacity.tasks.arithmetic import ARITHMETIC, arithmetic_line
from capacity.tasks.task import Line

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


def has_digits_alone(lines: Sequence[Line]) -> bool:
    """Whether a corpus has arithmetic, and no operand above 9 in it: only then are larger ones beyond its training."""
    expressions = [line for line in lines if line.task == ARITHMETIC.name]
    return bool(expressions) and not any(map(_beyond, expressions))


def expressions() -> list[Line]:
    """All 800 expressions, additions first, each operation by its left and then its right operand."""
    operands = range(LARGEST_OPERAND + 1)
    return [
        arithmetic_line(left, operation, right)
        for operation in ("addition", "subtraction")
        for left in operands
        for right in operands
    ]


def at_trained_offset(lines: Sequence[Line]) -> list[Line]:
    """The expressions with exactly one operand above 9, with prompts that have ``=`` at index 4."""
    shortened = [(line, line.prompt[-TRAINED_PLACE - 1 :]) for line in lines if _beyond(line) == 1]
    return [replace(line, prompt=prompt, paper_prompt=prompt) for line, prompt in shortened]


def groups(lines: Sequence[Line]) -> dict[str, list[int]]:
    """The named scores, each as the numbers of the expressions it counts.

    ``digits``: both operands are digits. ``beyond_digits``: at least one is above 9, of which ``one_beyond_digits``
    has exactly one, and ``both_beyond_digits`` both. Each also by operation: ``digits_addition`` and so on.
    """
    numbers: dict[str, list[int]] = {}
    for number, line in enumerate(lines):
        beyond = _beyond(line)
        kinds = ["digits"] if not beyond else ["beyond_digits", f"{'one' if beyond == 1 else 'both'}_beyond_digits"]
        for kind in kinds:
            for name in (kind, f"{kind}_{line.operation}"):
                numbers.setdefault(name, []).append(number)
    return numbers


def asked() -> dict[str, list[Line]]:
    """The expressions that are asked in each of the two ways, by the name of the way."""
    lines = expressions()
    return {"paper_prompts": lines, "trained_offset": at_trained_offset(lines)}


def scores(questions: Mapping[str, Sequence[Line]], answers: Mapping[str, str]) -> dict[str, dict[str, Score]]:
    """The scores of one network in each way of asking, from what was :func:`asked` and its answers by prompt."""
    by_way = {}
    for way, lines in questions.items():
        right = [ARITHMETIC.is_right(line, answers[line.prompt]) for line in lines]
        by_way[way] = {
            name: _score(sum(right[number] for number in numbers), len(numbers))
            for name, numbers in groups(lines).items()
        }
    return by_way


def baselines(lines: Sequence[Line]) -> dict[str, dict[str, Score]] | None:
    """Scores of answers that need no network, on every group of :func:`groups`; None unless :func:`has_digits_alone`.

    ``zero`` always answers 0. ``constant`` always gives the answer that is right most often in its group, the smallest
    of several; it is chosen with the right answers in hand, so no constant does better. ``nearest_seen`` gives the
    answer of the seen expression of the same operation with the nearest operands (Euclidean distance; of several, the
    one with the smaller left and then right operand), which is the best that a memory of the table alone can do.
    """
    seen = [line for line in lines if line.task == ARITHMETIC.name and line.split == "seen"]
    if not seen or not has_digits_alone(lines):
        return None
    every = expressions()
    nearest = nearest_seen(every, seen)
    scores_by_baseline: dict[str, dict[str, Score]] = {"zero": {}, "constant": {}, "nearest_seen": {}}
    for name, numbers in groups(every).items():
        answer, count = best_constant([every[number] for number in numbers])
        zeros = sum(every[number].answer == "0" for number in numbers)
        scores_by_baseline["zero"][name] = _score(zeros, len(numbers))
        scores_by_baseline["constant"][name] = _score(count, len(numbers)) | {"answer": answer}
        right = sum(nearest[number] == every[number].answer for number in numbers)
        scores_by_baseline["nearest_seen"][name] = _score(right, len(numbers))
    return scores_by_baseline


def best_constant(lines: Sequence[Line]) -> tuple[int, int]:
    """The answer that is right for most of some expressions (the smallest of several), and for how many it is."""
    counts = Counter(int(line.answer) for line in lines)
    best = min(counts, key=lambda answer: (-counts[answer], answer))
    return best, counts[best]


def columns(
    run: Mapping[str, Any] | None, baselines: Mapping[str, Mapping[str, Score]] | None
) -> dict[str, float | None]:
    """The columns :data:`MEASURES` of one run and :data:`BASELINES`, as shares right; None where nothing was asked."""
    shares: dict[str, float | None] = {}
    for scores_by_way, names in ((run, MEASURES), (baselines, BASELINES)):
        for column, (way, score) in names.items():
            shares[column] = None if scores_by_way is None else scores_by_way[way][score]["fraction"]
    return shares


def nearest_seen(asked: Sequence[Line], seen: Sequence[Line]) -> list[str]:
    """For each expression the answer of the nearest seen one of its operation.

    Raises ValueError naming the operation of which none is seen.
    """
    answers = [""] * len(asked)
    for operation in dict.fromkeys(line.operation for line in asked):
        candidates = sorted((line for line in seen if line.operation == operation), key=_operands)
        if not candidates:
            raise ValueError(f"nearest seen expression: the corpus has no seen {operation}; it needs one or more")
        numbers = [number for number, line in enumerate(asked) if line.operation == operation]
        places = numpy.array([_operands(line) for line in candidates])
        targets = numpy.array([_operands(asked[number]) for number in numbers])
        distances = ((targets[:, None] - places) ** 2).sum(2)  # squared: the order is the same, and ties are exact
        for number, index in zip(numbers, distances.argmin(1), strict=True):  # the first of several, in order
            answers[number] = candidates[index].answer
    return answers


def _score(correct: int, total: int) -> Score:
    return {"correct": correct, "total": total, "fraction": correct / total}


def _operands(line: Line) -> tuple[int, int]:
    if line.operands is None:
        raise ValueError(f"line {line.text!r} has no operands; an expression such as <1+2= is needed")
    return line.operands


def _beyond(line: Line) -> int:
    """How many operands of an expression are above 9."""
    return sum(operand > LARGEST_DIGIT for operand in _operands(line))
