"""The bounds of the Parquet files of cells and jobs: what their settings and seeds make of rows and columns."""

from __future__ import annotations

import functools

from capacity.dictionary import histories, jobs
from capacity.experiment.cell import Cell
from capacity.storage.parquet_bounds import Bounds, expected
from capacity.tasks.registry import TASKS

PROMPTS = 2
"""The most prompts that a line is asked with."""
OPERANDS = 20
"""Operands from 0 to 19, of which each pair is added and subtracted."""
TEXT_PER_ANSWER = 256
"""Bytes of the prompt, the answers and the names of one question."""


def evaluations(cell: Cell) -> int:
    """Return the number of evaluations of a run: before the first update, at every interval, after the last update."""
    return cell.iterations // cell.evaluation_interval + 1 + bool(cell.iterations % cell.evaluation_interval)


@functools.lru_cache(maxsize=1024)
def lines(cell: Cell) -> int:
    """Return the number of lines of the corpus of a cell."""
    return len(TASKS[cell.task].lines(**cell.line_settings))


def corpus(cell: Cell) -> Bounds:
    """Return the bounds of the corpus of a cell."""
    return expected(lines(cell), len(jobs.CORPUS))


def job_history(cell: Cell, seeds: int) -> Bounds:
    """Return the bounds of the history of a job of some seeds, of which each row has a digit for each question."""
    return expected(seeds * evaluations(cell), len(histories.JOB_HISTORY), text_per_row=PROMPTS * lines(cell))


def answers(cell: Cell, seeds: int) -> Bounds:
    """Return the bounds of the answers of a job of some seeds."""
    return expected(seeds * PROMPTS * lines(cell), len(jobs.ANSWERS), text_per_row=TEXT_PER_ANSWER)


def operands(seeds: int) -> Bounds:
    """Return the bounds of the answers of a job beyond the digits, to two kinds of prompts for each expression."""
    return expected(seeds * PROMPTS * 2 * OPERANDS**2, len(jobs.OPERANDS), text_per_row=TEXT_PER_ANSWER)


def mechanism(seeds: int) -> Bounds:
    """Return the bounds of what the weights of a job of some seeds say."""
    return expected(seeds, len(jobs.MECHANISM))
