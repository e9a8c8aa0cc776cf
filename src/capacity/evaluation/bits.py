"""What a run has memorized, in bits: the order of the lines, the facts, whole lines, and answers to expressions.

The code length of an answer is what it takes to send it to someone who has the network: minus the base-2 logarithm of
the probability that the network gives the answer and its terminator after the prompt, which starts at position 0. The
bits memorized of an answer are those by which this is shorter than a code that knows nothing of the prompt, or 0.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy
from numpy.typing import NDArray

from capacity.exact.elementary import LOG_2, log, log2, log_sum_exp
from capacity.tasks.random_facts import LETTERS
from capacity.tasks.registry import PARTS
from capacity.tasks.task import Line

Bits = NDArray[numpy.float64]

STREAMS_WITH_ORDER = ("fixed", "reshuffled")
"""The streams whose windows cross lines: only there can the order of lines lower the loss."""

MEASURED = tuple(name for name, task in PARTS.items() if task.bits)
"""The tasks whose answers have their code lengths measured."""


def order_bits(loss: float, floor: float | None, characters: int, stream: str) -> float | None:
    """What a run knows of the order of the lines, in bits: the sum over the stream of log2 p_model - log2 p_rule.

    The rule is that of :func:`capacity.evaluation.floors.order_unknown` for the trained lines. A character of the
    stream is read at every place of a window, and all places count alike: the sum is the mean gain per character, over
    all windows, times the characters of the stream. It is not clipped, so it is negative for a run that does not know
    the lines. It is at most the value for the loss ``Floors.order_known``: 600.6 bits for the arithmetic of the paper.

    Args:
        loss: Of the run over every row of the stream, in nats per character.
        floor: :attr:`capacity.evaluation.floors.Floors.order_unknown` of its cell.
        characters: Length of the stream.
        stream: Value of the stream axis; None is returned for one whose rows do not cross lines.
    """
    if stream not in STREAMS_WITH_ORDER or floor is None:
        return None
    return (floor - loss) / LOG_2 * characters


def code_lengths(log_probabilities: NDArray[Any]) -> Bits:
    """Bits, of any shape, from natural logarithms of probabilities."""
    return numpy.asarray(log_probabilities, dtype=numpy.float64) / -LOG_2


def memorized(baseline: Bits, lengths: Bits) -> Bits:
    """(K,), bits memorized of each answer: B - min(B, CL) for a baseline B and a code length CL; NaN where CL is."""
    return baseline - numpy.minimum(baseline, lengths)


def fact_baselines(facts: Sequence[Line]) -> dict[str, Bits]:
    """Bits of the answers to K facts in three codes that know nothing of the prompts, each (K,).

    ``list`` is a uniform choice from the list of the distinct answers: log2 50 for each of the paper's 50, 282.2 in
    all. ``unigram`` sends character by character, terminator included, by the frequencies of characters in these
    answers: 2,039.9 in all. ``uniform`` sends character by character, uniformly over the 51 characters of the facts:
    2,535.6 in all.
    """
    written = [line.answer + line.terminator for line in facts]
    counts = Counter("".join(written))
    frequencies = numpy.array(list(counts.values())) / counts.total()
    cost = dict(zip(counts, (-log2(frequencies)).tolist(), strict=True))
    characters = len(set().union(*(line.text for line in facts)))
    answers = len({line.answer for line in facts})
    return {
        "list": numpy.full(len(facts), log2(float(answers))),
        "unigram": numpy.array([math.fsum(cost[character] for character in text) for text in written]),
        "uniform": numpy.array([len(text) for text in written]) * log2(float(characters)),
    }


def letter_codes(texts: Sequence[str]) -> dict[str, Bits]:
    """Bits of the letters a to z of K texts in two codes for single letters, each (K,); other characters cost nothing.

    ``unigram`` sends a letter by the frequencies in these texts, and ``uniform`` by log2 26 bits.
    """
    letters = ["".join(character for character in text if character in LETTERS) for text in texts]
    counts = Counter("".join(letters))
    cost = dict(zip(counts, (-log2(numpy.array(list(counts.values())) / counts.total())).tolist(), strict=True))
    return {
        "unigram": numpy.array([math.fsum(cost[letter] for letter in text) for text in letters]),
        "uniform": numpy.array([len(text) for text in letters]) * log2(float(len(LETTERS))),
    }


def memorized_of_letters(texts: Sequence[str], lengths: Bits) -> dict[str, float]:
    """Bits memorized of K texts of random letters, all together, under each of :func:`letter_codes`.

    All are one message: what some of them cost more is held against the others. Of each by itself, with less than 0
    taken for 0, chance would add up over many texts that are hardly known.

    Args:
        texts: K texts.
        lengths: (K,), bits of each.
    """
    codes = letter_codes(texts)
    return {name: float(memorized(baseline.sum(), lengths.sum())) for name, baseline in codes.items()}


def line_bits(lines: Sequence[Line], log_probabilities: NDArray[Any]) -> dict[str, float | dict[str, float]]:
    """Bits memorized of K whole lines of random letters, under each of :func:`letter_codes`.

    Nothing tells which line comes next, so a line costs at least log2 K bits: the most is the sum of the baseline, less
    K log2 K. That is the information in a set of lines, less 1.44 bits a line at most.

    Args:
        lines: K different lines.
        log_probabilities: (K,), natural logarithms of the probability of each line, to its newline, after another line.
    """
    lengths = code_lengths(log_probabilities)
    of_letters = memorized_of_letters([line.text for line in lines], lengths)
    return {"code_length": float(lengths.sum()), "memorized": of_letters}


def true_columns(lines: Sequence[Line], answers: Sequence[str]) -> list[int]:
    """For each of K lines the number of its answer among C candidates. Raises ValueError if it is not one of them."""
    number = {answer: column for column, answer in enumerate(answers)}
    if missing := {line.answer for line in lines} - set(number):
        raise ValueError(f"answer {min(missing)!r} is not among the candidates")
    return [number[line.answer] for line in lines]


def key_specific_bits(log_probabilities: NDArray[Any], true: Sequence[int]) -> float:
    """Bits known of which answer goes with which question: the sum of log2[p(a_i | q_i) / mean_j p(a_i | q_j)].

    The sum is over K questions. It needs no baseline: a network that knows the answers, but not to which questions they
    belong, has 0 bits. The most is K log2 K: 282.2 for 50 facts.

    Args:
        log_probabilities: (K, C), natural logarithms: question k answered by candidate c.
        true: For each question the number of its answer among the candidates.
    """
    table = numpy.asarray(log_probabilities, dtype=numpy.float64)[:, list(true)]  # (K, K): log p(a_i | q_j) at [j, i]
    return float((table.diagonal() - log_sum_exp(table, axis=0) + log(float(len(table)))).sum() / LOG_2)


def answer_baseline(lines: Sequence[Line], known: Sequence[Line]) -> Bits:
    """(K,), bits of the answer to each of K lines when its operation is known and its prompt is not.

    They are those under the distribution of the answers to the ``known`` lines of the same operation: 790.6 bits in all
    for the 196 trained expressions of the paper under their own distribution. Raises ValueError for an answer that no
    known line of the operation has.
    """
    answers = Counter((line.operation, line.answer) for line in known)
    totals = Counter(line.operation for line in known)
    for line in lines:
        if not answers[line.operation, line.answer]:
            raise ValueError(f"answer {line.answer!r} to {line.prompt!r} is to no known {line.operation}")
    shares = [answers[line.operation, line.answer] / totals[line.operation] for line in lines]
    return -log2(numpy.array(shares, dtype=numpy.float64))


def answer_bits(
    lines: Sequence[Line], answers: Sequence[str], log_probabilities: NDArray[Any]
) -> dict[str, dict[str, float] | None]:
    """Bits of a table of answers that a run explains, for the seen and the held-out lines; None where there are none.

    The baseline of the seen lines is under the answers to the seen lines. That of the held-out ones is under the
    answers to all lines, as a held-out answer may be that of no seen line: only 0-9 is -9.

    Args:
        lines: K lines of one task.
        answers: C candidates, every true answer among them.
        log_probabilities: (K, C), natural logarithms: question k answered by candidate c and its terminator.
    """
    lengths = _true_code_lengths(lines, answers, log_probabilities)
    by_split: dict[str, dict[str, float] | None] = {"seen": None, "held_out": None}
    for split in by_split:
        numbers = [number for number, line in enumerate(lines) if line.split == split]
        chosen = [lines[number] for number in numbers]
        baseline = answer_baseline(chosen, chosen if split == "seen" else lines)
        if numbers:
            by_split[split] = {
                "baseline": float(baseline.sum()),
                "code_length": float(lengths[numbers].sum()),
                "explained": float(memorized(baseline, lengths[numbers]).sum()),
            }
    return by_split


def fact_bits(
    facts: Sequence[Line], answers: Sequence[str], log_probabilities: NDArray[Any], are_random: bool = False
) -> dict[str, float | dict[str, float]]:
    """Bits memorized of K facts, all asked with one kind of prompts: under each baseline, and key-specific.

    The arguments are those of :func:`answer_bits` and :func:`recalled_bits`.
    """
    true = true_columns(facts, answers)
    recalled = recalled_bits(facts, log_probabilities[numpy.arange(len(facts)), true], are_random)
    return recalled | {"key_specific": key_specific_bits(log_probabilities, true)}


def recalled_bits(
    facts: Sequence[Line], log_probabilities: NDArray[Any], are_random: bool = False
) -> dict[str, float | dict[str, float]]:
    """Bits memorized of K facts, all asked with one kind of prompts, under each baseline.

    Args:
        facts: K lines.
        log_probabilities: (K,), natural logarithms of the probability of each true answer and its terminator.
        are_random: Whether the answers are random letters, all equally many. Then the unigram and the uniform code are
            those of :func:`memorized_of_letters`, so that nothing is saved by knowing where an answer ends.
    """
    lengths = code_lengths(log_probabilities)
    saved = {name: float(memorized(baseline, lengths).sum()) for name, baseline in fact_baselines(facts).items()}
    if are_random:
        saved |= memorized_of_letters([line.answer for line in facts], lengths)
    return {"code_length": float(lengths.sum()), "memorized": saved}


def _true_code_lengths(lines: Sequence[Line], answers: Sequence[str], log_probabilities: NDArray[Any]) -> Bits:
    """(K,), bits of the true answer to each line; the arguments are those of :func:`answer_bits`."""
    true = true_columns(lines, answers)
    return code_lengths(log_probabilities[numpy.arange(len(lines)), true])
