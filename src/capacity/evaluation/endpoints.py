"""Stage 3: what the trained networks of one job know: JSON checked against a schema, and Parquet for single answers.

Three endpoints, each by name: the final iterate, the mean over the last 20 evaluations, and the checkpoint that the
paper's rule picks (the earliest maximum of an accuracy that includes the held-out expressions, so a choice made on
the test set: it is shown beside the others, and decides nothing).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy
import pyarrow as pa
import torch
from numpy.typing import NDArray
from torch import Tensor

from capacity.corpora import corpus
from capacity.errors import InputError
from capacity.evaluation import bits, floors, operands
from capacity.evaluation.margins import Candidates, candidates_by_task
from capacity.evaluation.questions import Examination, Item
from capacity.experiment.cell import Cell
from capacity.model import transformer
from capacity.storage import files
from capacity.tasks.lines import Line
from capacity.tasks.vocabulary import Vocabulary

AVERAGED_EVALUATIONS = 20  # of the paper's 121; a run with fewer evaluations averages the same share of them
PAPER_EVALUATIONS = 121
PAPER_RULE_SCORE = "combined_910"

# Prompts of one decode: bounds its memory, and is the same for every stack, so that a seed's answers are its own.
PROMPTS_AT_ONCE = 200


def evaluate(
    cell: Cell,
    lines: Sequence[Line],
    seeds: Sequence[int],
    parameters: transformer.Parameters,
    history: pa.Table,
    diverged_at: Sequence[int | None],
) -> dict[str, Any]:
    """The evaluation of every seed of a job, without its provenance; runs where the parameters are.

    ``diverged_at`` says of each seed what :class:`capacity.training.loop.Trained` does. Raises ValueError if a seed is missing
    from the history, or is said not to have diverged and has parameters that are not finite.
    """
    vocabulary = corpus.vocabulary(lines)
    examination = Examination(lines, vocabulary, cell.block)
    heads = cell.size.heads
    with torch.no_grad():
        answers = examination.ask(parameters, heads)
        questions = len(examination.items)
        log_probability = torch.full((len(seeds), questions), math.nan)
        margin = torch.full((len(seeds), questions), math.nan)
        tables = {}
        for task, (numbers, candidates) in candidates_by_task(examination.items, vocabulary, cell.block).items():
            table = candidates.log_probabilities(parameters, heads)
            true, above = candidates.margins(table)
            log_probability[:, numbers], margin[:, numbers] = true.cpu(), above.cpu()
            tables[task] = (numbers, candidates, table.cpu().numpy())
        operand_answers = beyond_digits(parameters, heads, lines, vocabulary, cell.block)
    scores = examination.scores(answers)
    totals = examination.totals()
    lowest = floors.loss_floors(cell, lines)
    characters = sum(len(line.text) for line in corpus.stream_lines(lines))
    missing = [name for name in totals if name not in history.column_names]
    if missing:
        raise InputError(f"the history of {cell.name} has no column {missing[0]!r}; {files.REMEDY}")
    rows = history.to_pylist()
    runs = []
    for number, seed in enumerate(seeds):
        evaluations = [row for row in rows if row["seed"] == seed]
        if not evaluations:
            raise InputError(f"the history of {cell.name} has no rows of seed {seed}")
        if diverged_at[number] is None and not is_finite(parameters, number):
            raise InputError(f"seed {seed} of {cell.name} has weights that are not finite, and no record of diverging")
        last = evaluations[-1]
        final = {name: _score(int(count[number]), totals[name]) for name, count in scores.items()}
        items = [
            {
                "question_task": item.line.task,
                "operation": item.line.operation,
                "split": item.line.split,
                "prompts": item.prompts,
                "prompt": item.prompt,
                "true": item.line.answer,
                "answer": answers.continuations[number][index],
                "right": bool(answers.right[number, index]),
                "log_probability": finite(log_probability[number, index]),
                "margin": finite(margin[number, index]),
            }
            for index, item in enumerate(examination.items)
        ]
        known = {
            task: memorized_bits(task, [examination.items[each] for each in numbers], candidates, table[number])
            for task, (numbers, candidates, table) in tables.items()
        }
        order = bits.order_bits(last["stream_loss"], lowest.order_unknown, characters, cell.stream)
        runs.append(
            {
                "seed": seed,
                "diverged": diverged_at[number] is not None,
                "diverged_at": diverged_at[number],
                "final": _endpoint([last], final),
                "time_average": _averaged(evaluations[-averaged_evaluations(len(evaluations)) :], totals),
                "paper_best": _averaged([paper_best(evaluations)], totals),
                "bits": finite_tree(
                    {"order": order, "arithmetic": known.get("arithmetic"), "facts": known.get("facts")}
                ),
                "answers": items,
                "operands": operand_answers[number],
            }
        )
    total, without_positions = transformer.count_parameters(cell.size, len(vocabulary), cell.block)
    return {
        "cell": cell.name,
        "parameters": total,
        "parameters_without_positions": without_positions,
        "stream_characters": characters,
        "loss_floors": {"order_known": lowest.order_known, "order_unknown": lowest.order_unknown},
        "operand_baselines": operands.baselines(lines),
        "runs": runs,
    }


def beyond_digits(
    parameters: transformer.Parameters, heads: int, lines: Sequence[Line], vocabulary: Vocabulary, block: int
) -> list[dict[str, Any] | None]:
    """What each of S networks answers to :mod:`capacity.evaluation.operands`: its scores by the way of asking, and every answer by
    its prompt.

    Args:
        parameters: of the stack.
        heads: attention heads.
        lines: of the corpus; only whether it has arithmetic counts.
        vocabulary: of the corpus.
        block: positions of the model; longer texts are cropped to their last ``block`` characters.

    Returns:
        For each network ``paper_prompts`` and ``trained_offset``, each with scores by name, and ``answers``; or None
        for a corpus without arithmetic. A network that is not finite answers like any other, and wrongly.
    """
    seeds = len(parameters["token_embedding"])
    if not any(line.task == "arithmetic" for line in lines):
        return [None] * seeds
    asked = operands.asked()
    said = _ask(parameters, heads, [line for each in asked.values() for line in each], vocabulary, block)
    return [operands.scores(asked, answers) | {"answers": answers} for answers in said]


def _ask(
    parameters: transformer.Parameters, heads: int, lines: Sequence[Line], vocabulary: Vocabulary, block: int
) -> list[dict[str, str]]:
    """For each network its answers by prompt, decoded greedily as in :mod:`capacity.evaluation.questions`."""
    answers: list[dict[str, str]] = [{} for _ in range(len(parameters["token_embedding"]))]
    for first in range(0, len(lines), PROMPTS_AT_ONCE):
        part = lines[first : first + PROMPTS_AT_ONCE]
        said = Examination(part, vocabulary, block).ask(parameters, heads).continuations
        for known, texts in zip(answers, said, strict=True):
            known |= {line.prompt: text for line, text in zip(part, texts, strict=True)}
    return answers


def memorized_bits(
    task: str, questions: Sequence[Item], candidates: Candidates, table: NDArray[numpy.float32]
) -> dict[str, Any]:
    """What :mod:`capacity.evaluation.bits` says of one network's answers to the K questions of a task.

    ``table`` is (K, C), natural logarithms: question k answered by candidate c of ``candidates``.
    """
    lines = [item.line for item in questions]
    if task == "arithmetic":
        return bits.arithmetic_bits(lines, candidates.answers, table)
    variants = {}
    for prompts in ("paper", "matched"):
        numbers = [number for number, item in enumerate(questions) if item.prompts == prompts]
        facts = [lines[number] for number in numbers]
        variants[f"{prompts}_prompts"] = bits.fact_bits(facts, candidates.answers, table[numbers])
    return variants


def finite_tree(value: Any) -> Any:
    """Numbers in nested mappings, for JSON: None in place of NaN, the infinities and None."""
    if isinstance(value, Mapping):
        return {name: finite_tree(each) for name, each in value.items()}
    return None if value is None else finite(value)


def averaged_evaluations(evaluations: int) -> int:
    """How many evaluations at the end of a run the time average takes: 20, or their share of a run with fewer."""
    return min(AVERAGED_EVALUATIONS, max(1, round(evaluations * AVERAGED_EVALUATIONS / PAPER_EVALUATIONS)))


def paper_best(evaluations: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The paper's checkpoint: the earliest evaluation with the largest 910-style accuracy, held-out items included."""
    return max(evaluations, key=lambda row: (row[PAPER_RULE_SCORE], -row["iteration"]))


def is_finite(parameters: transformer.Parameters, number: int) -> bool:
    """Whether every parameter of one network of a stack is finite."""
    return all(bool(value[number].isfinite().all()) for value in parameters.values())


def finite(value: float | Tensor) -> float | None:
    """A number for JSON: None in place of NaN and the infinities."""
    number = float(value)
    return number if math.isfinite(number) else None


def _score(correct: int, total: int) -> dict[str, float | int]:
    return {"correct": correct, "total": total, "fraction": correct / total}


def _endpoint(evaluations: Sequence[dict[str, Any]], scores: dict[str, Any]) -> dict[str, Any]:
    losses = [row["stream_loss"] for row in evaluations]
    return {
        "first_iteration": evaluations[0]["iteration"],
        "last_iteration": evaluations[-1]["iteration"],
        "evaluations": len(evaluations),
        "stream_loss": finite(sum(losses) / len(losses)),
        "scores": scores,
    }


def _averaged(evaluations: Sequence[dict[str, Any]], totals: dict[str, int]) -> dict[str, Any]:
    scores = {
        name: _score(sum(round(row[name] * total) for row in evaluations), total * len(evaluations))
        for name, total in totals.items()
    }
    return _endpoint(evaluations, scores)
