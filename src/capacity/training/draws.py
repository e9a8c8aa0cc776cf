"""The rows that the updates of a seed read, drawn by a generator of its own.

What a seed draws depends neither on the device nor on the other seeds of its job.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy
from numpy.typing import NDArray

from capacity.training.randomness import generator

UPDATES_AT_ONCE = 100  # number of updates whose rows are drawn together

Numbers = NDArray[numpy.int64]


class Draws:
    """The numbers of the rows of one batch after another, drawn uniformly with replacement.

    Args:
        rows: how many rows there are.
        batch: how many of them a batch has, N.
        seed: the seed.

    Attributes:
        generator: of the seed. A stream that is reshuffled draws from it directly.
        drawn: (:data:`UPDATES_AT_ONCE`, N), the batches that were drawn together.
    """

    def __init__(self, rows: int, batch: int, seed: int) -> None:
        self.generator = generator(seed, "data")
        self.drawn: Numbers = numpy.empty((0, batch), dtype=numpy.int64)
        self._rows = rows
        self._batch = batch
        self._next = 0
        self._before = self.generator.state()  # before the batches of ``drawn`` were drawn

    def next(self) -> int:
        """Return which of the batches in :attr:`drawn` is the next one; others are drawn if none is left."""
        if self._next == len(self.drawn):
            self._draw()
        self._next += 1
        return self._next - 1

    def state(self) -> dict[str, NDArray[numpy.uint32]]:
        """Return the state of the generator and the number of the next batch, by name, for :meth:`restore`."""
        all_used = self._next == len(self.drawn)
        before = self.generator.state() if all_used else self._before
        return {"generator": before, "next": numpy.array([0 if all_used else self._next], dtype=numpy.uint32)}

    def restore(self, state: Mapping[str, NDArray[numpy.uint32]]) -> None:
        """Continue with the batch that was the next one when ``state`` was taken."""
        self.generator.restore(state["generator"])
        self.drawn, self._next = self.drawn[:0], 0
        if state["next"][0]:
            self._draw()
            self._next = int(state["next"][0])

    def _draw(self) -> None:
        self._before = self.generator.state()
        self.drawn, self._next = self.generator.integers(self._rows, (UPDATES_AT_ONCE, self._batch)), 0
