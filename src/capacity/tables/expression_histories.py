"""When each run answers each expression over training: a table of a study.

One row per run, operation and pair of operands. Cells without arithmetic have no rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from capacity.dictionary import column as columns_of
from capacity.dictionary.histories import QUESTIONS_RIGHT
from capacity.dictionary.studies import EXPRESSION_HISTORIES
from capacity.errors import InputError
from capacity.experiment import file_bounds
from capacity.experiment.cell import Cell, parse_cell
from capacity.experiment.table_plan import Job
from capacity.storage import evaluations, files, parquet
from capacity.tables import runs
from capacity.tables.cells import name_columns
from capacity.tables.expressions import operands_of
from capacity.tasks.registry import TASKS

_TYPES = {
    columns_of.TEXT: pa.large_string(),
    columns_of.INTEGER: pa.int64(),
    columns_of.NUMBER: pa.float64(),
    columns_of.FLAG: pa.bool_(),
}
SCHEMA = columns_of.arrow_schema(EXPRESSION_HISTORIES, _TYPES)
DIGITS = "01"
ROWS_AT_ONCE = 20_000  # in one row group, of some hundred bytes each


def has_digits(text: str, number: int) -> bool:
    """Return whether a text is so many digits, each a 0 or a 1."""
    return len(text) == number and not text.strip(DIGITS)


def questions_right(texts: Sequence[str], questions: int) -> NDArray[numpy.bool_]:
    """Read the digits of the evaluations of a run.

    Args:
        texts: one for each of E evaluations, with a digit for each question.
        questions: K, the number of them.

    Returns (E, K). Raises ValueError if a text does not have a 0 or a 1 for each question.
    """
    for number, text in enumerate(texts):
        if not has_digits(text, questions):
            raise ValueError(
                f"evaluation {number} of the history says {text[:40]!r} of {questions} questions; it has to have "
                "a 0 or a 1 for each"
            )
    digits = numpy.frombuffer("".join(texts).encode("ascii"), numpy.uint8)
    right: NDArray[numpy.bool_] = digits.reshape(len(texts), questions) == ord("1")
    return right


def checked_histories(histories: pd.DataFrame) -> pd.DataFrame:
    """Return the table as it is. Raises InputError naming the value that is no operation, or no digits of a run."""
    operations = [operation for task in TASKS.values() for part in task.parts for operation in part.operations]
    for operation in histories["operation"].unique():
        if operation not in operations:
            raise InputError(
                f"the tables of expression histories have the operation {operation!r}, which has to be one of "
                f"{', '.join(dict.fromkeys(operations))}; {files.REMEDY}"
            )
    for answered, evaluations_done in zip(histories["answered"], histories["evaluations"], strict=True):
        if not has_digits(answered, evaluations_done):
            raise InputError(
                f"the tables of expression histories say {answered[:40]!r} of {evaluations_done} evaluations, which "
                f"has to be a 0 or a 1 for each; {files.REMEDY}"
            )
    return histories


def changes_of(answered: NDArray[numpy.bool_], iterations: NDArray[numpy.int64]) -> dict[str, Any]:
    """Summarize when one run answers its expressions.

    Args:
        answered: (E, A), whether each of A expressions is answered right at each evaluation.
        iterations: (E,), updates done at each evaluation, in rising order.

    Returns the columns of the table that follow from them, each of A values.
    """
    changed = answered[1:] != answered[:-1]
    places = numpy.arange(1, len(answered))[:, None]
    last = numpy.where(changed, places, 0).max(0, initial=0)
    ever = answered.any(0)
    return {
        "evaluations": [len(answered)] * answered.shape[1],
        "first_answered": pa.array(iterations[answered.argmax(0)].astype(float), mask=~ever),
        "answered_share": answered.mean(0),
        "changes": changed.sum(0),
        "last_change": pa.array(iterations[last].astype(float), mask=last == 0),
        "answered_at_end": answered[-1],
        "answered": ["".join(DIGITS[each] for each in row) for row in answered.T.astype(int).tolist()],
    }


def expression_histories_table(
    cell: Cell, seed: int, history: pa.Table, answers: pa.Table, diverged_at: int | None
) -> pa.Table:
    """Return the rows of one run, in the order in which the expressions are asked.

    Args:
        cell: the cell.
        seed: of the run.
        history: of the run, with the columns of a job's history.
        answers: of the run, whose order is that of the digits in the history.
        diverged_at: the number of updates done when the run diverged, or None.

    Raises ValueError if the history has not one digit for each question.
    """
    history = history.sort_by("iteration")
    right = questions_right(history[QUESTIONS_RIGHT.name].to_pylist(), len(answers))
    are_asked = pc.equal(answers["question_task"], "arithmetic")
    asked = answers.filter(are_asked)
    if not len(asked):
        return SCHEMA.empty_table()
    operands = [operands_of(prompt) for prompt in asked["prompt"].to_pylist()]
    repeated = {**name_columns(cell), "seed": seed, "diverged_at": diverged_at}
    columns = {name: [value] * len(asked) for name, value in repeated.items()} | {
        "operation": asked["operation"],
        "left": [left for left, _ in operands],
        "right": [right for _, right in operands],
        "split": asked["split"],
    }
    columns |= changes_of(right[:, are_asked.to_numpy()], history["iteration"].to_numpy())
    return pa.table({name: columns[name] for name in SCHEMA.names}, schema=SCHEMA)


def expression_histories_tables(jobs: Sequence[Job], origins: list[dict[str, Any]]) -> Iterator[pa.Table]:
    """Yield the rows of some jobs, in tables of about :data:`ROWS_AT_ONCE` rows.

    For each job that has been read, where its runs come from is added to ``origins``. Raises InputError naming the file
    of a history or of answers that are damaged, or of other runs.
    """
    kept: list[pa.Table] = [SCHEMA.empty_table()]
    for job in jobs:
        kept += _tables_of_job(job, origins)
        if sum(map(len, kept)) >= ROWS_AT_ONCE:
            yield pa.concat_tables(kept).combine_chunks()
            kept = []
    if kept:
        yield pa.concat_tables(kept).combine_chunks()


def _tables_of_job(job: Job, origins: list[dict[str, Any]]) -> Iterator[pa.Table]:
    """Yield the rows of each run that the table takes from a job."""
    cell, seeds = parse_cell(job.cell), len(job.trained)
    path, answers_path = job.file("history"), job.file("answers")
    history = evaluations.read_history(path, cell.name, job.trained, file_bounds.job_history(cell, seeds))
    answers = evaluations.read_answers(answers_path, cell.name, job.trained, file_bounds.answers(cell, seeds))
    training = parquet.provenance_of(history)
    runs.check_run(job, path, training, pc.unique(history["seed"]).to_pylist())
    runs.check_run(
        job, answers_path, parquet.provenance_of(answers)["training"], pc.unique(answers["seed"]).to_pylist()
    )
    origins.append(runs.origin(training))
    diverged = dict(zip(training["seeds"], training["diverged_at"], strict=True))
    for seed in job.seeds:
        history_of_run, answers_of_run = (table.filter(pc.equal(table["seed"], seed)) for table in (history, answers))
        try:
            yield expression_histories_table(cell, seed, history_of_run, answers_of_run, diverged[seed])
        except ValueError as error:
            raise InputError(f"{path}, seed {seed}: {error}; {files.REMEDY}") from error
