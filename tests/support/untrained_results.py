"""Results of a job as its stages write them, of networks that were not trained and of which one diverged."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy
import pyarrow as pa
from numpy.typing import NDArray

from capacity.corpora import corpus
from capacity.evaluation.job import evaluate_job
from capacity.evaluation.mechanism import mechanism
from capacity.evaluation.questions import QuestionSet
from capacity.experiment.cell import Cell, make_cell
from capacity.model import weights
from capacity.model.initialization import initialise
from capacity.paper.protocol import Size
from capacity.storage import evaluations, json_files, parquet, provenance
from capacity.tasks.task import Line
from capacity.training.history import history_table
from tests.support.networks import networks_of

Parameters = dict[str, NDArray[numpy.float32]]

CELL = make_cell("facts", Size(1, 1, 2, 1), facts=3, block=9, iterations=600, evaluation_interval=200)
SEEDS = (0, 7)
LINES = corpus.build(CELL)
REMEDY = "delete it and run the same command again"


def history_of(cell: Cell, seeds: Sequence[int], lines: Sequence[Line] = LINES) -> pa.Table:
    """A history as training writes it, of a seed that went well and others that diverged at iteration 400."""
    question_set = QuestionSet(lines, corpus.vocabulary(lines), cell.block)
    totals, digits = question_set.totals(), "0" * len(question_set.questions)
    rows = []
    for seed in seeds:
        for iteration in range(0, 601, 200):
            loss = math.nan if seed and iteration >= 400 else 2.5
            row = {"seed": seed, "iteration": iteration, "learning_rate": 0.01, "training_loss": None}
            row |= {"stream_loss": loss} | dict.fromkeys(totals, 0.5)
            rows.append(row | {"questions_right": digits})
    return history_table(rows)


def stack_of(cell: Cell, seeds: Sequence[int], lines: Sequence[Line] = LINES) -> Parameters:
    """The parameters with which the networks of a job start, all finite."""
    return initialise(cell.size, len(corpus.vocabulary(lines)), cell.block, seeds)


def diverged_stack() -> Parameters:
    """The stack of :data:`CELL`, whose second network has diverged."""
    parameters = stack_of(CELL, SEEDS)
    for value in parameters.values():
        value[1] = math.nan
    return parameters


def write_job(folder: Path, corpus_file: Path, cell: Cell, lines: Sequence[Line], parameters: Parameters) -> None:
    """Write the corpus, history, weights, record and evaluation of a job of :data:`SEEDS`; the second one diverged."""
    parquet.write_parquet(corpus_file, corpus.to_table(lines), {"stage": "corpus"})
    record = provenance.record("train", cell.settings(), cell=cell.name, seeds=list(SEEDS))
    record |= {
        "device": "cpu",
        "threads": 1,
        "kernel": "torch",
        "precision": "float32",
        "compile": False,
        "graph": False,
    }
    record |= {"diverged_at": [None, 400]}
    history = history_of(cell, SEEDS, lines)
    parquet.write_parquet(folder / "history.parquet", history, record)
    weights.save(folder / "weights.safetensors", parameters, cell, SEEDS)
    json_files.write_json(folder / "run.json", record)
    evaluation = evaluate_job(cell, lines, SEEDS, networks_of(parameters, cell.size), history, (None, 400))
    origin = provenance.record("evaluate", cell.settings(), seeds=list(SEEDS), training=record)
    of_weights = mechanism(parameters, cell.size.heads, lines, corpus.vocabulary(lines), cell.block)
    evaluations.write(folder, evaluation | {"provenance": origin}, of_weights)


def parameters_as_bytes(parameters: Parameters) -> dict[str, tuple[tuple[int, ...], bytes]]:
    """The shape of each tensor and its values to the bit, NaN included."""
    return {name: (tuple(value.shape), value.tobytes()) for name, value in parameters.items()}
