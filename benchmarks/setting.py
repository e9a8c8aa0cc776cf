"""What a contestant is told: a cell, how many seeds of it, and the machine it may use."""

from __future__ import annotations

from dataclasses import dataclass

from capacity.experiment.cell import Cell, make_cell
from capacity.paper.protocol import Size


@dataclass(frozen=True)
class Setting:
    """One cell on one device.

    Attributes:
        size: such as ``n14`` or ``mlt``.
        task: ``arithmetic``, ``facts`` or ``joint``.
        seeds: networks that are trained, S.
        device: ``cpu`` or ``cuda``.
        threads: of the processor.
        precision: ``float32`` or ``bfloat16``; None leaves it to the implementation.
        compile, graph: whether our training step is compiled, and captured; None leaves it to the implementation.
    """

    size: str
    task: str
    seeds: int = 1
    device: str = "cpu"
    threads: int = 1
    precision: str | None = None
    compile: bool | None = None
    graph: bool | None = None

    @property
    def cell(self) -> Cell:
        return make_cell(self.task, Size.parse(self.size))

    @property
    def name(self) -> str:
        """The cell as it is written on the command line and in tables, such as ``n14-arithmetic``."""
        return f"{self.size}-{self.task}"

    @property
    def is_large(self) -> bool:
        """Whether the network has more than one layer: those are timed with one seed and on small samples."""
        return self.cell.size.layers > 1

    @property
    def evaluations(self) -> int:
        """Evaluations of a full run: before the first update, every so many updates, and after the last."""
        return -(-self.cell.iterations // self.cell.evaluation_interval) + 1
