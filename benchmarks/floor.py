"""What an update costs at the least: its arithmetic and its memory traffic over what this machine can do.

Counted is the plain dense batch, every position of every row, attention over all T x T pairs. An implementation that
computes repeated rows once, or half of the pairs, does less than that. The bandwidth is that of main memory; an
update whose data stays in the caches may move it faster.

Letters: d width, m MLP factor, H heads, L layers, V vocabulary, T positions, N rows, P parameters.
"""

from __future__ import annotations

from dataclasses import dataclass

from capacity.experiment.cell import Cell

BYTES_OF_A_NUMBER = {"float32": 4, "bfloat16": 2}
PASSES = 3
"""Matrix products of an update, in units of the forward pass: the backward pass makes two for each of its one."""


@dataclass(frozen=True)
class Work:
    """What one update of one network does.

    Attributes:
        operations: floating-point operations of its matrix products, forward and backward.
        bytes_moved: parameters, gradients and both moments read and written once (float32), and the activations
            that the backward pass needs moved once.
    """

    operations: int
    bytes_moved: int


@dataclass(frozen=True)
class Rates:
    """What the machine does at best, in operations per second by precision, and bytes per second."""

    operations: dict[str, float]
    bytes_moved: float

    def seconds(self, work: Work, precision: str) -> float:
        """The least time of some work: arithmetic or memory, whichever takes longer."""
        return max(work.operations / self.operations[precision], work.bytes_moved / self.bytes_moved)


def parameters(cell: Cell, vocabulary: int) -> int:
    """Numbers of parameters of one network, positions included."""
    d, m = cell.size.width, cell.size.mlp_factor
    layer = d + 3 * d * d + d * d + d + 2 * m * d * d
    return vocabulary * d + cell.block * d + cell.size.layers * layer + d


def forward_operations(cell: Cell, vocabulary: int) -> int:
    """Floating-point operations of a forward pass's matrix products: two for each multiplication and addition."""
    d, m, block = cell.size.width, cell.size.mlp_factor, cell.block
    projections = 3 * d * d + d * d  # queries, keys and values; and back
    attention = 2 * block * d  # scores, and the mean of the values
    mlp = 2 * m * d * d
    multiplications = cell.size.layers * (projections + attention + mlp) + vocabulary * d
    return 2 * cell.batch * block * multiplications


def activations(cell: Cell, vocabulary: int) -> int:
    """Numbers that the forward pass leaves for the backward pass: what each product and function has read."""
    d, m = cell.size.width, cell.size.mlp_factor
    attention = d + 3 * d + cell.size.heads * cell.block + d  # normalised, projected, weights, mixed
    mlp = d + 2 * m * d  # normalised, before GELU and after it
    return cell.batch * cell.block * (cell.size.layers * (attention + mlp) + d + vocabulary)


def work(cell: Cell, vocabulary: int, precision: str) -> Work:
    """The work of one update, with activations in ``precision``."""
    state = 2 * 4 * BYTES_OF_A_NUMBER["float32"] * parameters(cell, vocabulary)
    kept = BYTES_OF_A_NUMBER[precision] * activations(cell, vocabulary)
    return Work(PASSES * forward_operations(cell, vocabulary), state + kept)
