"""Evaluations and histories made by hand, small enough to check what is made of them with a pencil."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd
import pyarrow as pa

from capacity.corpora import corpus
from capacity.dictionary import mechanism
from capacity.dictionary.column import names
from capacity.experiment.cell import Cell, make_cell
from capacity.model import initialization
from capacity.paper.protocol import SIZES
from capacity.storage import provenance
from capacity.tables.histories import history_table
from capacity.tables.runs import run_rows, runs_frame, sorted_runs
from capacity.tables.summary import summary_frame
from capacity.training.execution import Execution

SEEN, HELD_OUT, FACTS = 196, 4, 50


def score(correct: int, total: int) -> dict[str, Any]:
    return {"correct": correct, "total": total, "fraction": correct / total}


def asked(cell: Cell, seen: int = SEEN, held_out: int = HELD_OUT, facts: int = FACTS) -> dict[str, Any]:
    """Some scores of a task by the number of right answers; facts are known equally well by both prompts."""
    arithmetic = {
        "seen": score(seen, SEEN),
        "seen_addition": score(seen // 2, SEEN // 2),
        "seen_subtraction": score(seen // 2, SEEN // 2),
        "held_out": score(held_out, HELD_OUT),
    }
    recall = {"facts_paper_prompts": score(facts, FACTS), "facts_matched_prompts": score(facts, FACTS)}
    return {"arithmetic": arithmetic, "facts": recall, "joint": arithmetic | recall}[cell.task]


LOSS_FLOORS = {"order_known": 0.25, "order_unknown": 0.75}


def bits(
    cell: Cell, order: float | None = 100.0, explained: float | None = 600.0, memorized: float | None = 250.0
) -> dict[str, Any]:
    """Bits of a run: of the order, of the seen arithmetic (the held-out: a hundredth) and of the facts.

    ``memorized`` is against the list; against the unigram model it is twice that, against the uniform four times.
    """

    def times(value: float | None, factor: float) -> float | None:
        return None if value is None else value * factor

    arithmetic = {
        "seen": {"baseline": 790.0, "code_length": 190.0, "explained": explained},
        "held_out": {"baseline": 15.0, "code_length": 9.0, "explained": times(explained, 0.01)},
    }
    fact = {
        "code_length": 30.0,
        "memorized": {"list": memorized, "unigram": times(memorized, 2), "uniform": times(memorized, 4)},
        "key_specific": times(memorized, 0.5),
    }
    return {
        "order": order,
        "arithmetic": arithmetic if cell.task != "facts" else None,
        "facts": {"paper_prompts": fact, "matched_prompts": fact} if cell.task != "arithmetic" else None,
    }


def endpoint(cell: Cell, scores: Mapping[str, Any], loss: float | None) -> dict[str, Any]:
    return {
        "first_iteration": cell.iterations,
        "last_iteration": cell.iterations,
        "evaluations": 1,
        "stream_loss": loss,
        "scores": dict(scores),
    }


def run(cell: Cell, seed: int, loss: float | None = 0.5, diverged: bool = False, **right: int) -> dict[str, Any]:
    """One run whose three endpoints agree; ``right`` are the arguments of :func:`asked`. A diverged one has no bits."""
    found = endpoint(cell, asked(cell, **right), loss)
    answer = {
        "question_task": "facts" if cell.task == "facts" else "arithmetic",
        "operation": "recall" if cell.task == "facts" else "addition",
        "split": "seen",
        "prompts": "paper",
        "prompt": "<1+1=",
        "true": "2",
        "answer": "2>",
        "right": True,
        "log_probability": -0.1,
        "margin": 2.0,
    }
    known = bits(cell, None, None, None) if diverged else bits(cell)
    ends = {name: dict(found) for name in ("final", "time_average", "paper_best")}
    at = cell.iterations if diverged else None
    return {
        "seed": seed,
        "diverged": diverged,
        "diverged_at": at,
        **ends,
        "bits": known,
        "answers": [answer],
        "operands": None,
    }


def evaluation(cell: Cell, runs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The evaluation of a job, with its provenance."""
    total, without_positions = initialization.count_parameters(
        cell.size, len(corpus.vocabulary(corpus.build(cell))), cell.block
    )
    seeds = [one["seed"] for one in runs]
    how, at = Execution().record("cpu"), [one["diverged_at"] for one in runs]
    training = provenance.record(
        "train", cell.settings(), cell=cell.name, seeds=seeds, device="cpu", diverged_at=at, **how
    )
    return {
        "cell": cell.name,
        "parameters": total,
        "parameters_without_positions": without_positions,
        "stream_characters": 1764,
        "loss_floors": dict(LOSS_FLOORS),
        "operand_baselines": None,
        "runs": [dict(one) for one in runs],
        "provenance": provenance.record("evaluate", cell.settings(), seeds=seeds, training=training),
    }


MECHANISM = dict.fromkeys(names(mechanism.MECHANISM), 0.5)
"""What the weights of a run say, unless its key ``mechanism`` says otherwise."""


def mechanisms(evaluation: Mapping[str, Any]) -> dict[int, dict[str, float | None]]:
    """What the weights of the runs of an evaluation say, by seed: nothing of facts alone."""
    none = dict.fromkeys(MECHANISM) if evaluation["cell"].startswith("task=facts/") else {}
    return {one["seed"]: MECHANISM | none | one.get("mechanism", {}) for one in evaluation["runs"]}


def frames(evaluations: Iterable[Mapping[str, Any]]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The runs and the summary of some evaluations, every seed wanted."""
    rows = [
        row for each in evaluations for row in run_rows(each, [one["seed"] for one in each["runs"]], mechanisms(each))
    ]
    runs = sorted_runs(runs_frame(rows))
    return runs, summary_frame(runs)


def history_rows(cell: Cell, seeds: Iterable[int], iterations: Iterable[int]) -> list[dict[str, Any]]:
    """Histories in which the loss halves and the shares rise; the one question of :func:`run` is right from then on."""
    rows = []
    for seed in seeds:
        for step, iteration in enumerate(iterations):
            share = 1 - 0.5**step
            row: dict[str, Any] = {"seed": seed, "iteration": iteration}
            row |= {"learning_rate": 0.01, "training_loss": math.nan}
            row |= {"stream_loss": 2.0 * 0.5**step} | dict.fromkeys(asked(cell), share)
            row["questions_right"] = "0" if share < 0.5 else "1"
            rows.append(row)
    return rows


def history_frame(cells: Iterable[Cell], seeds: Sequence[int]) -> pd.DataFrame:
    """The history of a study, as the stage of tables writes it."""
    parts = []
    for cell in cells:
        steps = [round(cell.iterations * share / 4) for share in range(5)]
        table = pa.Table.from_pylist(history_rows(cell, seeds, steps))
        parts.append(history_table(table, cell, seeds).to_pandas())
    return pd.concat(parts, ignore_index=True)


PAPER = make_cell("arithmetic", SIZES["n14"])
# Seen expressions right of 196, held-out ones of 4, and the loss; the run of seed 2 diverged.
FOUR_RUNS = [
    run(PAPER, 0, loss=0.25, seen=196, held_out=4),
    run(PAPER, 1, loss=0.75, seen=195, held_out=2),
    run(PAPER, 2, loss=None, diverged=True, seen=0, held_out=0),
    run(PAPER, 1337, loss=0.5, seen=98, held_out=4),
]
"""Four runs of :data:`PAPER`, by seed 0, 1, 2 and 1337."""
