"""Columns of the history of training: of a job, and of a study."""

from __future__ import annotations

from dataclasses import replace

from capacity.dictionary import cells
from capacity.dictionary.column import INTEGER, NUMBER, TEXT, Column, Columns
from capacity.dictionary.jobs import SEED
from capacity.dictionary.measures import LOSS_UNIT, SCORES, score

_MEASURES: Columns = (
    SEED,
    Column("iteration", INTEGER, "Number of updates done before the evaluation.", "updates"),
    Column("learning_rate", NUMBER, "Learning rate of the update that follows.", nullable=False),
    Column(
        "training_loss",
        NUMBER,
        "Mean loss of the training batches since the evaluation before; empty at the first evaluation.",
        LOSS_UNIT,
    ),
    Column(
        "stream_loss",
        NUMBER,
        "Loss over all rows of the training stream; not finite once a run diverged.",
        LOSS_UNIT,
        nullable=False,
    ),
    *(replace(score(name, "at this evaluation", optional=True), nullable=False) for name in SCORES),
    Column(
        "held_out_margin",
        NUMBER,
        "Mean over the held-out expressions of how far the log-probability of the right answer lies above that of the "
        "best wrong one.",
        "nats",
        optional=True,
    ),
    Column(
        "held_out_smallest_margin",
        NUMBER,
        "Smallest of the margins whose mean is held_out_margin.",
        "nats",
        optional=True,
    ),
)

QUESTIONS_RIGHT = Column(
    "questions_right",
    TEXT,
    "Which questions are answered right: a digit for each, 1 if it is and 0 if not, in the order of the questions in "
    "answers.parquet.",
)

JOB_HISTORY: Columns = (*_MEASURES, QUESTIONS_RIGHT)
"""One row per run and evaluation. A task without a score has no column for it."""

HISTORY: Columns = (
    *cells.NAMES,
    *(replace(column, nullable=None) if column.optional else column for column in _MEASURES),
)
"""The histories of all jobs of a study, without their single answers; a score is empty in the rows of a task that has
none."""
