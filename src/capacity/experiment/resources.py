"""What a job needs of a machine, for schedulers that end what takes more: memory, time, a GPU.

Estimates on the safe side, from jobs that were measured on one CPU core (docs/performance.md). A job that needs more
after all asks for more in its next attempt, and goes on from its snapshot. Nothing here imports torch: these are asked
for each job of a plan.
"""

from __future__ import annotations

import math
from pathlib import Path

from capacity.experiment.cell import Cell

BASE_MB = 450  # the interpreter, its libraries, and the examination of a small network
MARGIN = 1.3
VOCABULARY = 80  # characters, at most
ROWS_AT_ONCE = 1024  # of an examination: capacity.scoring.ROWS_AT_ONCE
COPIES = 5  # of the parameters: themselves, gradients, two moments, and what a snapshot writes

START_MINUTES = 10
SLOWER = 2.0  # than the core that was measured
LONGEST_MINUTES = 24 * 60  # many partitions allow no more; what takes longer goes on in the next attempt
EXAMINED = 24_000  # positions of an update that take as long as one examination

GPUS = Path("/proc/driver/nvidia/gpus")  # is there where the driver of a GPU is


def gpus(device: str) -> int | None:
    """GPUs that a job asks for: one for ``cuda``, and for ``auto`` where this machine has any. Snakemake would ask for
    none of them, 0, as well, so that is None."""
    return 1 if device == "cuda" or (device == "auto" and GPUS.exists()) else None


def training_mb(cell: Cell, attempt: int = 1) -> int:
    """Memory of a training job, in MB. On a CPU the number of seeds has no say: one network trains at a time."""
    states = cell.batch * cell.block * (cell.size.layers * _numbers_of_layer(cell) + 4 * VOCABULARY)
    return _mb(COPIES * _parameters(cell) + max(states, _numbers_examined(cell)), attempt)


def evaluation_mb(cell: Cell, seeds: int, attempt: int = 1) -> int:
    """Memory of an evaluation, in MB: every network, and an examination."""
    return _mb(2 * seeds * _parameters(cell) + _numbers_examined(cell), attempt)


def training_minutes(cell: Cell, seeds: int, attempt: int = 1) -> int:
    """Time limit of a training job, in minutes."""
    evaluations = cell.iterations // cell.evaluation_interval + 1
    return _minutes(cell, seeds * (cell.iterations * cell.batch * cell.block + evaluations * EXAMINED), attempt)


def evaluation_minutes(cell: Cell, seeds: int, attempt: int = 1) -> int:
    """Time limit of an evaluation, in minutes: of every expression with operands to 19, every answer is weighed."""
    return _minutes(cell, seeds * 10 * EXAMINED, attempt)


def _numbers_of_layer(cell: Cell) -> int:
    """That an update keeps of one position in one layer until its gradient is taken."""
    size = cell.size
    return (16 + 4 * size.mlp_factor) * size.width + 4 * size.heads * cell.block


def _numbers_examined(cell: Cell) -> int:
    """That an examination keeps: so many rows at a time, in one layer after the other."""
    return ROWS_AT_ONCE * cell.block * (_numbers_of_layer(cell) + 4 * VOCABULARY)


def _parameters(cell: Cell) -> int:
    size = cell.size
    return size.matrix_weights + (VOCABULARY + cell.block) * size.width


def _mb(numbers: int, attempt: int) -> int:
    """Of float32, rounded up to whole hundreds."""
    return math.ceil(MARGIN * attempt * (BASE_MB + 4 * numbers / 1e6) / 100) * 100


def _minutes(cell: Cell, positions: int, attempt: int) -> int:
    """For the updates of so many positions: memory traffic that grows with the width, and multiplications."""
    seconds = positions * (0.12e-6 * cell.size.layers * cell.size.width + 6 * _parameters(cell) / 40e9)
    return min(LONGEST_MINUTES, math.ceil(attempt * (START_MINUTES + SLOWER * seconds / 60)))
