"""Columns of the tables of a study: of its runs, cells, times and expressions."""

from __future__ import annotations

from dataclasses import replace

from capacity.dictionary import cells, measures, mechanism
from capacity.dictionary.column import FLAG, INTEGER, NUMBER, TEXT, Column, Columns
from capacity.dictionary.jobs import DIVERGED, OPERATION, SEED, SPLIT

_DIVERGED_AT = Column(
    "diverged_at",
    NUMBER,
    "Updates done when the loss or a parameter of the run first was not finite; empty if the run did not diverge.",
    "updates",
)

RUNS: Columns = (
    *cells.NAMES,
    *cells.SETTINGS,
    *cells.COUNTS,
    *cells.FLOORS,
    SEED,
    DIVERGED,
    _DIVERGED_AT,
    *measures.ENDPOINT_COLUMNS,
    *measures.OPERAND_MEASURES,
    *measures.OPERAND_BASELINES,
    *measures.OUTCOMES,
    *measures.BITS,
    *mechanism.MECHANISM,
)
"""One row per run: a cell and a seed."""

RUN_COUNT = Column("n", INTEGER, "Number of runs, those that diverged included.", "runs")
DIVERGED_COUNT = Column("diverged", INTEGER, "Number of runs that diverged.", "runs")
SEEDS = Column("seeds", TEXT, "Seeds of the runs, with spaces between.")


def _within(meaning: str) -> str:
    """A meaning as the second half of a sentence."""
    return meaning[0].lower() + meaning[1:]


def averaged(column: Column) -> Columns:
    """The mean of a measure over the runs of a cell, and the ends of its interval."""
    meanings = {
        "mean": "Mean over the runs of the cell that have a value",
        "low": "Lower end of the 95 % bootstrap interval of the mean, empty for fewer than two runs",
        "high": "Upper end of the 95 % bootstrap interval of the mean, empty for fewer than two runs",
    }
    return tuple(
        Column(f"{column.name}_{part}", NUMBER, f"{meaning}: {_within(column.meaning)}", column.unit)
        for part, meaning in meanings.items()
    )


def counted(column: Column) -> Columns:
    """The number and share of the runs of a cell that have an outcome, and the ends of the interval of the share."""
    return (
        Column(
            f"{column.name}_count",
            INTEGER,
            f"Number of runs with the outcome: {_within(column.meaning)}",
            "runs",
            nullable=True,
        ),
        *(
            Column(f"{column.name}_{part}", NUMBER, f"{meaning}: {_within(column.meaning)}", measures.SHARE)
            for part, meaning in {
                "share": "Share of runs with the outcome",
                "low": "Lower end of the exact (Clopper-Pearson) 95 % interval of the share of runs with the outcome",
                "high": "Upper end of the exact (Clopper-Pearson) 95 % interval of the share of runs with the outcome",
            }.items()
        ),
    )


SUMMARY: Columns = (
    *cells.NAMES,
    *cells.SETTINGS,
    *cells.COUNTS,
    *cells.FLOORS,
    replace(_DIVERGED_AT, meaning=f"Of the first run of the cell: {_within(_DIVERGED_AT.meaning)}"),
    *measures.OPERAND_BASELINES,
    RUN_COUNT,
    DIVERGED_COUNT,
    SEEDS,
    *(column for measure in measures.MEASURES for column in averaged(measure)),
    *(column for outcome in measures.OUTCOMES for column in counted(outcome)),
)
"""One row per cell. A mean is over the runs that have a value; an outcome counts every run."""

DYNAMICS: Columns = (
    *cells.NAMES,
    SEED,
    Column("evaluations", INTEGER, "Number of evaluations of the run.", "evaluations"),
    Column("last_iteration", INTEGER, "Updates done at the last evaluation.", "updates"),
    Column(
        "t_fit",
        INTEGER,
        "Updates done at the first evaluation with at least 99 % of the seen expressions right; empty if there is "
        "none.",
        "updates",
        nullable=True,
    ),
    Column(
        "t_fit_facts",
        INTEGER,
        "Updates done at the first evaluation with all facts right on the matched prompts; empty if there is none.",
        "updates",
        nullable=True,
    ),
    Column(
        "t_gen",
        INTEGER,
        "Updates done at the first evaluation with all held-out expressions right; empty if there is none.",
        "updates",
        nullable=True,
    ),
    Column(
        "t_lose",
        INTEGER,
        "Updates done at the first evaluation after t_gen at which not all held-out expressions are right; empty if "
        "there is none.",
        "updates",
        nullable=True,
    ),
    Column("diverged", FLAG, "Whether the loss is not finite at the last evaluation."),
    Column("generalizes_ever", FLAG, "Whether all held-out expressions are right at some evaluation.", nullable=True),
    Column(
        "generalizes_final",
        FLAG,
        "Whether all held-out expressions are right at the last evaluation of a run that did not diverge.",
        nullable=True,
    ),
    Column(
        "kept_share",
        NUMBER,
        "Share of the evaluations after t_gen at which all held-out expressions are right; empty where there are none.",
        measures.SHARE,
    ),
)
"""One row per run: when it fits, generalizes and loses it again."""

_OPERANDS: Columns = (
    Column("left", INTEGER, "Left operand."),
    Column("right", INTEGER, "Right operand."),
)

EXPRESSIONS: Columns = (
    *cells.NAMES,
    OPERATION,
    *_OPERANDS,
    SPLIT,
    RUN_COUNT,
    Column("count", INTEGER, "Number of runs that answer the expression right at the final iterate.", "runs"),
    DIVERGED_COUNT,
    Column("share", NUMBER, "Share of the runs that answer the expression right at the final iterate.", measures.SHARE),
)
"""One row per cell and expression."""

EXPRESSION_HISTORIES: Columns = (
    *cells.NAMES,
    SEED,
    _DIVERGED_AT,
    OPERATION,
    *_OPERANDS,
    SPLIT,
    Column("evaluations", INTEGER, "Number of evaluations of the run during training.", "evaluations"),
    Column(
        "first_answered",
        NUMBER,
        "Updates done at the first evaluation at which the expression is answered right; empty if there is none.",
        "updates",
    ),
    Column(
        "answered_share",
        NUMBER,
        "Share of the evaluations at which the expression is answered right.",
        measures.SHARE,
    ),
    Column(
        "changes",
        INTEGER,
        "Number of evaluations at which the answer is right and was wrong at the evaluation before, or the reverse.",
        "evaluations",
    ),
    Column("last_change", NUMBER, "Updates done at the last of the changes; empty if there is none.", "updates"),
    Column("answered_at_end", FLAG, "Whether the expression is answered right at the last evaluation."),
    Column(
        "answered",
        TEXT,
        "Whether the expression is answered right at each evaluation, in their order: a digit for each, 1 if it is and "
        "0 if not. Evaluation k, from 0 on, comes after k times evaluation_interval updates, and the last after all.",
    ),
)
"""One row per run and expression: when it is answered right over training."""
