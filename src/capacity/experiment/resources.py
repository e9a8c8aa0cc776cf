"""What a job needs of a machine, for schedulers that end what takes more: memory, time, a GPU.

These are estimates on the safe side, from jobs that were measured on one CPU core (docs/performance.md). A job that
needs more asks for more in its next attempt, and goes on from its snapshot.
"""

from __future__ import annotations

import math
from pathlib import Path

from capacity.experiment.cell import Cell
from capacity.paper.protocol import LARGEST_OPERAND

BASE_MB = 450
"""Memory of the interpreter, its libraries, and the examination of a small network."""
MARGIN = 1.3
VOCABULARY = 80
"""Characters of the largest vocabulary."""
ROWS_AT_ONCE = 1024
"""Rows of an examination that are computed together: :data:`capacity.evaluation.readings.ROWS_AT_ONCE`."""
PROMPTS_AT_ONCE = 2048
"""Prompts that are encoded together: :data:`capacity.evaluation.margins.PROMPTS_AT_ONCE`."""
STEPS = 6
"""Characters of all answers to expressions, for each operand; those of one beginning count once."""
NUMBERS_OF_STEP = 125
"""What it takes to ask for a character after a prompt, of which most is the text."""
COPIES = 5
"""Arrays as large as the parameters: these, their gradients, two moments, and what a snapshot writes."""

START_MINUTES = 10
SLOWER = 2.0
"""How much slower a core may be than the one that was measured."""
LONGEST_MINUTES = 24 * 60
"""Many partitions of clusters allow no more. A job that takes longer goes on in its next attempt."""
EXAMINED = 24_000
"""Positions of an update that take as long as one examination of the paper's cells."""

GPUS = Path("/proc/driver/nvidia/gpus")
"""A folder that exists where the driver of a GPU is loaded."""


def gpus(device: str) -> int | None:
    """Return the number of GPUs that a job asks for: one for ``cuda``, and for ``auto`` where this machine has any.

    No GPU is None, because Snakemake would pass on a 0 to the scheduler.
    """
    return 1 if device == "cuda" or (device == "auto" and GPUS.exists()) else None


def training_mb(cell: Cell, attempt: int = 1) -> int:
    """Return the memory of a training job, in MB.

    The number of seeds does not matter, because on a CPU one network trains at a time.
    """
    states = cell.batch * cell.block * (cell.size.layers * _numbers_of_layer(cell) + 4 * VOCABULARY)
    return _mb(COPIES * _parameters(cell) + max(states, _numbers_examined(cell)), attempt)


def evaluation_mb(cell: Cell, seeds: int, attempt: int = 1) -> int:
    """Return the memory of an evaluation, in MB, which holds every network and examines one after the other."""
    return _mb(2 * seeds * _parameters(cell) + _numbers_examined(cell), attempt)


def training_seconds(cell: Cell, seeds: int) -> float:
    """Return how long a training job takes on the core that was measured."""
    evaluations = cell.iterations // cell.evaluation_interval + 1
    return _seconds(cell, seeds * (cell.iterations * cell.batch * cell.block + evaluations * _examined(cell)))


def training_minutes(cell: Cell, seeds: int, attempt: int = 1) -> int:
    """Return the time limit of a training job, in minutes."""
    return _minutes(training_seconds(cell, seeds), attempt)


def evaluation_minutes(cell: Cell, seeds: int, attempt: int = 1) -> int:
    """Return the time limit of an evaluation, in minutes.

    It takes as long as ten examinations, as it scores every answer to every expression with operands to 19.
    """
    return _minutes(_seconds(cell, seeds * 10 * _examined(cell)), attempt)


def work(cell: Cell, seeds: int) -> int:
    """Return roughly the floating-point operations of a training job, in billions.

    It is the priority of the job, because the longest jobs should start first.
    """
    return 6 * cell.size.matrix_weights * cell.batch * cell.block * cell.iterations * seeds // 10**9


def _examined(cell: Cell) -> int:
    """Return the positions of an update that take as long as one examination, which has every expression."""
    return EXAMINED * (cell.largest_operand + 1) ** 2 // (LARGEST_OPERAND + 1) ** 2


def _numbers_of_layer(cell: Cell) -> int:
    """Return how many numbers an update keeps per position and layer until the backward pass."""
    size = cell.size
    return (16 + 4 * size.mlp_factor) * size.width + 4 * size.heads * cell.block


def _numbers_examined(cell: Cell) -> int:
    """Return how many numbers an examination keeps: those of one layer, for the rows that it computes together."""
    return ROWS_AT_ONCE * cell.block * (_numbers_of_layer(cell) + 4 * VOCABULARY) + _numbers_of_answers(cell)


def _numbers_of_answers(cell: Cell) -> int:
    """Return how many numbers it takes to ask for every answer after the prompts that are encoded together."""
    operands = cell.largest_operand + 1
    return min(2 * operands**2, PROMPTS_AT_ONCE) * STEPS * operands * NUMBERS_OF_STEP


def _parameters(cell: Cell) -> int:
    size = cell.size
    return size.matrix_weights + (VOCABULARY + cell.block) * size.width


def _mb(numbers: int, attempt: int) -> int:
    """Return the memory of so many float32 numbers, in MB, rounded up to whole hundreds."""
    return math.ceil(MARGIN * attempt * (BASE_MB + 4 * numbers / 1e6) / 100) * 100


def _seconds(cell: Cell, positions: int) -> float:
    """Return the seconds that updates of so many positions take: memory traffic, and multiplications."""
    return positions * (0.08e-6 * cell.size.layers * cell.size.width + 6 * _parameters(cell) / 40e9)


def _minutes(seconds: float, attempt: int) -> int:
    return min(LONGEST_MINUTES, math.ceil(attempt * (START_MINUTES + SLOWER * seconds / 60)))
