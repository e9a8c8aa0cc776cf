"""The evaluation of a job: what its trained networks answer, score and remember.

It becomes the files of :mod:`capacity.storage.evaluations`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy
import pyarrow as pa
from numpy.typing import NDArray

from capacity.corpora import corpus
from capacity.errors import InputError
from capacity.evaluation import bits, floors, operands
from capacity.evaluation.beyond_digits import answer_beyond_digits
from capacity.evaluation.endpoints import average, averaged_evaluations, endpoint, finite, paper_best, score
from capacity.evaluation.margins import Logarithms, candidates_by_task, numbers_by_task
from capacity.evaluation.questions import Answers, Question, QuestionSet
from capacity.evaluation.true_texts import true_answers, whole_lines
from capacity.experiment.cell import Cell
from capacity.model.initialization import count_parameters
from capacity.model.networks import Networks
from capacity.paper.protocol import RANDOM_FACT_KINDS
from capacity.storage import files
from capacity.tasks.registry import PARTS
from capacity.tasks.task import Line


def evaluate_job(
    cell: Cell,
    lines: Sequence[Line],
    seeds: Sequence[int],
    networks: Networks,
    history: pa.Table,
    diverged_at: Sequence[int | None],
    source: str | Path = "the history",
) -> dict[str, Any]:
    """The evaluation of every seed of a job, without its provenance.

    Args:
        cell: The cell that was trained.
        lines: Its corpus.
        seeds: The S seeds of the job.
        networks: The S networks after training.
        history: The evaluations during training.
        diverged_at: For each seed the update at which it diverged, or None.
        source: What messages call the history.

    Raises InputError if the history lacks a seed or a score.
    """
    vocabulary = corpus.vocabulary(lines)
    question_set = QuestionSet(lines, vocabulary, cell.block)
    questions = question_set.questions
    answers = question_set.ask(networks)
    log_probability = numpy.full((len(seeds), len(questions)), math.nan)
    margin = numpy.full((len(seeds), len(questions)), math.nan)
    by_task = numbers_by_task(questions)
    compared = candidates_by_task(questions, vocabulary, cell.block)
    tables = {}
    for task, numbers in by_task.items():
        if task in compared:
            _, candidates = compared[task]
            tables[task] = candidates.log_probabilities(networks)
            log_probability[:, numbers], margin[:, numbers] = candidates.margins(tables[task])
        else:
            asked = [questions[number] for number in numbers]
            true = true_answers(asked, vocabulary, cell.block)
            log_probability[:, numbers] = true.log_probabilities(networks)
    drawn = random_lines(cell, questions)
    of_lines = whole_lines(drawn, vocabulary, cell.block).log_probabilities(networks) if drawn else None
    operand_answers = answer_beyond_digits(networks, lines, vocabulary, cell.block)
    scores = question_set.scores(answers)
    totals = question_set.totals()
    lowest = floors.loss_floors(cell, lines)
    characters = sum(len(line.text) for line in corpus.stream_lines(lines))
    missing = [name for name in totals if name not in history.column_names]
    if missing:
        raise InputError(f"{source} has no column {missing[0]!r}, a score of {cell.name}; {files.REMEDY}")
    rows = history.to_pylist()
    runs = []
    for number, seed in enumerate(seeds):
        evaluations = [row for row in rows if row["seed"] == seed]
        if not evaluations:
            raise InputError(f"{source} has no rows of seed {seed} of {cell.name}; {files.REMEDY}")
        final = {name: score(int(count[number]), totals[name]) for name, count in scores.items()}
        order = bits.order_bits(evaluations[-1]["stream_loss"], lowest.order_unknown, characters, cell.stream)
        memorized: dict[str, Any] = dict.fromkeys(bits.MEASURED)
        for task, mine in by_task.items():
            asked = [questions[each] for each in mine]
            answers_compared = (compared[task][1].answers, tables[task][number]) if task in compared else None
            if PARTS[task].bits == "facts":
                are_random = cell.fact_kind in RANDOM_FACT_KINDS
                of_task = log_probability[number, mine]
                memorized[task] = fact_bits_by_prompts(asked, of_task, are_random, answers_compared)
            elif PARTS[task].bits == "answers" and answers_compared is not None:
                memorized[task] = bits.answer_bits([each.line for each in asked], *answers_compared)
        if of_lines is not None:
            memorized["lines"] = bits.line_bits(drawn, of_lines[number])
        runs.append(
            {
                "seed": seed,
                "diverged": diverged_at[number] is not None,
                "diverged_at": diverged_at[number],
                "final": endpoint(evaluations[-1:], final),
                "time_average": average(evaluations[-averaged_evaluations(len(evaluations)) :], totals),
                "paper_best": average([paper_best(evaluations)], totals),
                "bits": finite_tree({"order": order, **memorized}),
                "answers": answer_rows(questions, answers, log_probability, margin, number),
                "operands": operand_answers[number],
            }
        )
    total, without_positions = count_parameters(cell.size, len(vocabulary), cell.block)
    return {
        "cell": cell.name,
        "parameters": total,
        "parameters_without_positions": without_positions,
        "stream_characters": characters,
        "loss_floors": {"order_known": lowest.order_known, "order_unknown": lowest.order_unknown},
        "operand_baselines": operands.baselines(lines),
        "runs": runs,
    }


def answer_rows(
    questions: Sequence[Question], answers: Answers, log_probability: Logarithms, margin: Logarithms, number: int
) -> list[dict[str, Any]]:
    """For each of K questions what one network answered, with the columns of ``answers.parquet`` except those of a run.

    ``log_probability`` of the true answers and ``margin`` are (S, K); ``number`` is that of the network among the S.
    """
    return [
        {
            "question_task": question.line.task,
            "operation": question.line.operation,
            "split": question.line.split,
            "prompts": question.prompts,
            "prompt": question.prompt,
            "true": question.line.answer,
            "answer": answers.continuations[number][index],
            "right": bool(answers.right[number, index]),
            "log_probability": finite(log_probability[number, index]),
            "margin": finite(margin[number, index]),
        }
        for index, question in enumerate(questions)
    ]


def fact_bits_by_prompts(
    questions: Sequence[Question],
    log_probability: Logarithms,
    are_random: bool,
    compared: tuple[Sequence[str], Logarithms] | None,
) -> dict[str, Any]:
    """What :mod:`capacity.evaluation.bits` measures of one network's answers to K questions about facts.

    Args:
        questions: The K questions, with each kind of prompts.
        log_probability: (K,), natural logarithms of the probabilities of the true answers.
        are_random: Whether the answers are random letters.
        compared: The C candidates and a table (K, C), question k answered by candidate c; None where answers were not
            compared, so that there are no key-specific bits.
    """
    by_prompts = {}
    for prompts in dict.fromkeys(question.prompts for question in questions):
        numbers = [number for number, question in enumerate(questions) if question.prompts == prompts]
        facts = [questions[number].line for number in numbers]
        if compared is None:
            measured = bits.recalled_bits(facts, log_probability[numbers], are_random) | {"key_specific": math.nan}
        else:
            measured = bits.fact_bits(facts, compared[0], compared[1][numbers], are_random)
        by_prompts[f"{prompts}_prompts"] = measured
    return by_prompts


def random_lines(cell: Cell, questions: Sequence[Question]) -> list[Line]:
    """The lines of random letters whose bits are measured as a whole; none where windows do not cross lines.

    A row that begins with its line never shows what follows a newline.
    """
    if cell.fact_kind not in RANDOM_FACT_KINDS or cell.stream not in bits.STREAMS_WITH_ORDER:
        return []
    return [each.line for each in questions if PARTS[each.line.task].bits == "facts" and each.prompts == "matched"]


def finite_tree(value: Any) -> Any:
    """The numbers in nested mappings, with None in place of NaN and the infinities, which JSON cannot hold."""
    if isinstance(value, Mapping):
        return {name: finite_tree(each) for name, each in value.items()}
    return None if value is None else finite(value)


def check_finite(
    cell: Cell,
    seeds: Sequence[int],
    parameters: Mapping[str, NDArray[numpy.float32]],
    diverged_at: Sequence[int | None],
) -> None:
    """Check that a seed whose weights are not finite is recorded as diverged.

    ``parameters`` are those of the S networks after training; the other arguments are those of :func:`evaluate_job`.
    Raises InputError naming the seed and the cell.
    """
    for number, seed in enumerate(seeds):
        is_finite = all(bool(numpy.isfinite(value[number]).all()) for value in parameters.values())
        if diverged_at[number] is None and not is_finite:
            raise InputError(f"seed {seed} of {cell.name} has weights that are not finite, and no record of diverging")
