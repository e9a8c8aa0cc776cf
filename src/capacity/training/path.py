"""Which program trains: the one place where it is decided.

The compiled network of :mod:`capacity.kernel` trains a network without dropout on a CPU, as far as it is the faster
one. torch trains everything else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy
from numpy.typing import NDArray

from capacity.experiment.cell import Cell
from capacity.model.networks import why_no_numba
from capacity.tasks.task import Line
from capacity.training.evaluator import Measures
from capacity.training.execution import Execution

LARGEST_WIDTH, LARGEST_HIDDEN = 192, 384  # features of a state and of an MLP in the compiled network


class Training(Protocol):
    """A stack of S networks in training, all of which take part in each update."""

    def update(self, iteration: int) -> None:
        """Make one update, counted from 0, of every network. A GPU is not waited for."""
        ...

    def losses(self) -> NDArray[Any]:
        """Return the losses before the latest update, (S,), in nats; NaN before the first one."""
        ...

    def take_sums(self) -> NDArray[Any]:
        """Return the sums of the losses of all updates since they were last taken, (S,)."""
        ...

    def diverged_at(self) -> list[int | None]:
        """Return for each network how many updates were done when its loss was not finite for the first time."""
        ...

    def measure(self) -> Measures:
        """Return each measure of :class:`capacity.training.evaluator.Evaluator` by name, with one value per seed."""
        ...

    def parameters(self) -> dict[str, NDArray[numpy.float32]]:
        """Return the parameters by name, each with a leading axis of S."""
        ...

    def state(self) -> dict[str, NDArray[Any]]:
        """Return everything that updates change, by name, for :meth:`restore`."""
        ...

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Continue the training from which ``state`` was taken: one of the same cell, seeds and device."""
        ...


def kernel_of(cell: Cell, device: str, execution: Execution) -> str:
    """Return the program that trains a cell: ``numba``, the compiled network, or ``torch``."""
    return "numba" if is_for_kernel(cell, device, execution) and why_no_numba() is None else "torch"


def is_for_kernel(cell: Cell, device: str, execution: Execution) -> bool:
    """Return whether the compiled network should train a cell: whether it can, and is the faster program."""
    chosen = execution.kernel == "auto" and execution.precision == "float32" and not execution.compile
    return chosen and device == "cpu" and cell.dropout == 0.0 and is_small(cell)


def is_small(cell: Cell) -> bool:
    """Return whether a network is so small that the compiled network is faster than torch's matrix products.

    As measured with one thread (docs/performance.md): up to a width of 192 it takes 0.1 to 0.6 of torch's time,
    whatever the layers, heads and batch, and up to 0.9 on an older machine; at a width of 384, up to 2.4 times.
    """
    width = cell.size.width
    return width <= LARGEST_WIDTH and cell.size.mlp_factor * width <= LARGEST_HIDDEN


def training_of(cell: Cell, lines: Sequence[Line], seeds: Sequence[int], device: str, execution: Execution) -> Training:
    """Return the training of a stack of seeds of a cell, before its first update.

    Args:
        cell: the cell.
        lines: the lines of its corpus.
        seeds: S of them; on a CPU a single one.
        device: ``cpu`` or ``cuda``.
        execution: how updates are executed.

    Raises InputError if the execution is not possible here.
    """
    execution.check(device)
    if kernel_of(cell, device, execution) == "numba" and len(seeds) == 1:
        from capacity.training.kernel_training import KernelTraining

        return KernelTraining(cell, lines, seeds[0])
    from capacity.training.torch_training import TorchTraining  # takes longer to load than a small network to train

    return TorchTraining(cell, lines, seeds, device, execution)
