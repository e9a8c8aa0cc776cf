"""The evaluation of two random networks whose histories are made by hand."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy
import pyarrow as pa
from numpy.typing import NDArray

from capacity.corpora import corpus
from capacity.evaluation.job import evaluate_job
from capacity.evaluation.mechanism import mechanism
from capacity.evaluation.questions import QuestionSet
from capacity.experiment.cell import Cell, make_cell
from capacity.model.initialization import initialise
from capacity.paper.protocol import Size
from capacity.storage import provenance
from capacity.training.execution import Execution
from capacity.training.history import history_table
from tests.support.networks import networks_of

CELL = make_cell("joint", Size(1, 1, 8, 1), facts=3, iterations=600, evaluation_interval=200)
SEEDS = (0, 7)
LINES = corpus.build(CELL)
QUESTIONS = QuestionSet(LINES, corpus.vocabulary(LINES), CELL.block)
TOTALS = QUESTIONS.totals()


@functools.cache
def random_networks() -> dict[str, NDArray[numpy.float32]]:
    """Random networks of :data:`SEEDS`, far enough from their start that they do not all answer alike."""
    drawn = initialise(CELL.size, len(corpus.vocabulary(LINES)), CELL.block, SEEDS)
    return {name: value if name.endswith("norm") else value * numpy.float32(20) for name, value in drawn.items()}


def make_history(totals: Mapping[str, int], evaluations: int, seeds: Sequence[int] = SEEDS) -> list[dict[str, Any]]:
    """Histories by hand: at evaluation k, k questions of each score are right (or all of them), and the loss is k."""
    rows = []
    for seed in seeds:
        for number in range(evaluations):
            row: dict[str, Any] = {"seed": seed, "iteration": 200 * number}
            row |= {"learning_rate": 0.01, "training_loss": 1.0}
            row |= {"stream_loss": float(number)} | {name: min(number, n) / n for name, n in totals.items()}
            row["questions_right"] = "1" * len(QUESTIONS.questions)
            rows.append(row)
    return rows


def history(evaluations: int) -> pa.Table:
    """The history of :data:`CELL` by :func:`make_history`."""
    return history_table(make_history(TOTALS, evaluations))


def evaluation_record(cell: Cell, seeds: Sequence[int]) -> dict[str, Any]:
    """The provenance of an evaluation."""
    how = Execution().record("cpu") | {"device": "cpu", "diverged_at": [None] * len(seeds)}
    training = provenance.record("train", cell.settings(), cell=cell.name, seeds=list(seeds), **how)
    return dict(provenance.record("evaluate", cell.settings(), seeds=list(seeds), training=training))


@functools.cache
def random_mechanism() -> list[dict[str, float | None]]:
    """What the weights of :func:`random_networks` say; not to be changed."""
    return mechanism(random_networks(), CELL.size.heads, LINES, corpus.vocabulary(LINES), CELL.block)


@functools.cache
def random_evaluation() -> dict[str, Any]:
    """The evaluation of :func:`random_networks`, whose histories have four evaluations; not to be changed."""
    evaluation = evaluate_job(CELL, LINES, SEEDS, networks_of(random_networks(), CELL.size), history(4), (None, None))
    return evaluation | {"provenance": evaluation_record(CELL, SEEDS)}
