"""What a contestant is told: a cell, how many seeds of it, and the machine it may use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from capacity.experiment.cell import Cell, make_cell
from capacity.paper.protocol import Size


@dataclass(frozen=True)
class Setting:
    """One cell on one device.

    Attributes:
        size: the name of a size, such as ``n14``, ``mlt`` or ``l2h4d56m4``.
        task: ``arithmetic``, ``facts`` or ``joint``.
        seeds: networks that are trained, S.
        device: ``cpu`` or ``cuda``.
        threads: of the processor.
        first_processor: the first of the processors that are used, counted among those that this process may use.
        kernel: which of our programs trains, ``numba`` or ``torch``, even where it is the slower one; None leaves it to
            the implementation.
        precision: ``float32`` or ``bfloat16``; None leaves it to the implementation.
        compile, graph: whether our training step is compiled, and captured; None leaves it to the implementation.
        axes: what departs from the paper's cell, such as ``(("stream", "reshuffled"),)``.
    """

    size: str
    task: str
    seeds: int = 1
    device: str = "cpu"
    threads: int = 1
    first_processor: int = 0
    kernel: str | None = None
    precision: str | None = None
    compile: bool | None = None
    graph: bool | None = None
    axes: tuple[tuple[str, Any], ...] = ()

    @property
    def cell(self) -> Cell:
        return make_cell(self.task, Size.parse(self.size), **dict(self.axes))

    @property
    def name(self) -> str:
        """The cell as it is written on the command line and in tables, such as ``n14-arithmetic``."""
        return "-".join([self.size, self.task, *(f"{axis}-{value}" for axis, value in self.axes)])

    @property
    def is_large(self) -> bool:
        """Whether the network has more than one layer: those are timed with one seed and on small samples."""
        return self.cell.size.layers > 1

    @property
    def evaluations(self) -> int:
        """Evaluations of a full run: before the first update, every so many updates, and after the last."""
        return -(-self.cell.iterations // self.cell.evaluation_interval) + 1
