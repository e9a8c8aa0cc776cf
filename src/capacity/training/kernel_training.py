"""Training by the compiled network of :mod:`capacity.kernel`: one seed on a CPU, without dropout."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy
from numpy.typing import NDArray

from capacity.corpora import corpus
from capacity.corpora.streams import Stream
from capacity.experiment.cell import Cell
from capacity.kernel import streams
from capacity.kernel.update import Rows, Settings, learner, update
from capacity.model import initialization
from capacity.model.kernel_networks import KernelNetworks, flatten, network_shape, unflatten
from capacity.paper import protocol
from capacity.tasks.task import Line
from capacity.training.draws import Draws
from capacity.training.evaluator import Evaluator, Measures
from capacity.training.schedule import learning_rate

NEVER = -1


class KernelTraining:
    """A network in training: :class:`capacity.training.loop.Training` for one seed.

    Args:
        cell: the cell, without dropout.
        lines: the lines of its corpus.
        seed: the seed.
    """

    def __init__(self, cell: Cell, lines: Sequence[Line], seed: int) -> None:
        vocabulary = corpus.vocabulary(lines)
        stream = Stream(corpus.stream_lines(lines), vocabulary, cell.stream, cell.block, cell.mixing)
        self._cell = cell
        self._draws = Draws(len(stream), cell.batch, seed)
        self._rows = rows_of(stream)
        self._shape = network_shape(cell.size, len(vocabulary), cell.block)
        self._learner = learner(self._shape, cell.batch)
        initial = initialization.initialise(cell.size, len(vocabulary), cell.block, [cell.seed_of_weights(seed)])
        self._learner.weights[:] = flatten(initial, self._shape)
        self._settings = Settings(
            cell.weight_decay, protocol.ADAM_BETA1, protocol.ADAM_BETA2, float(protocol.GRADIENT_CLIP)
        )
        self._powers = (1.0, 1.0)
        self._reshuffled = stream if stream.is_reshuffled else None
        self._networks = KernelNetworks(self._shape, [self._learner.weights])
        self._evaluator = Evaluator(lines, stream, cell)
        self._loss = math.nan
        self._sum = 0.0
        self._diverged_at = NEVER

    def update(self, iteration: int) -> None:
        """Make one update, counted from 0; none if the network has diverged."""
        if self._diverged_at == NEVER:
            rate = learning_rate(self._cell, iteration)
            self._powers = (self._powers[0] * protocol.ADAM_BETA1, self._powers[1] * protocol.ADAM_BETA2)
            drawn = self._next_rows()
            self._loss = update(self._shape, self._learner, self._rows, drawn, self._settings, rate, *self._powers)
            if not math.isfinite(self._loss):
                self._diverged_at = iteration
        self._sum += self._loss

    def losses(self) -> NDArray[numpy.float64]:
        """Return the loss before the latest update, (1,), in nats."""
        return numpy.array([self._loss])

    def take_sums(self) -> NDArray[numpy.float64]:
        """Return the sum of the losses since it was last taken, (1,)."""
        taken, self._sum = self._sum, 0.0
        return numpy.array([taken])

    def diverged_at(self) -> list[int | None]:
        """Return how many updates were done when the loss was not finite for the first time; None if it always was."""
        return [None if self._diverged_at == NEVER else self._diverged_at]

    def measure(self) -> Measures:
        """Return each measure of :class:`Evaluator` by name, with one value."""
        return self._evaluator.measure(self._networks)

    def parameters(self) -> dict[str, NDArray[numpy.float32]]:
        """Return the parameters by name, each with a leading axis of 1."""
        return unflatten(self._learner.weights, self._shape)

    def state(self) -> dict[str, NDArray[Any]]:
        """Return everything that updates change, by name, for :meth:`restore`."""
        tracked = numpy.array([self._loss, self._sum, *self._powers])
        return {
            **{f"draws.{name}": value for name, value in self._draws.state().items()},
            "weights": self._learner.weights,
            "first": self._learner.first,
            "second": self._learner.second,
            "tracked": tracked,
            "diverged_at": numpy.array([self._diverged_at]),
        }

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Continue the training from which ``state`` was taken: one of the same cell and seed."""
        self._draws.restore({name: state[f"draws.{name}"] for name in self._draws.state()})
        for name in ("weights", "first", "second"):
            getattr(self._learner, name)[:] = state[name]
        self._loss, self._sum, *powers = state["tracked"].tolist()
        self._powers = (powers[0], powers[1])
        self._diverged_at = int(state["diverged_at"][0])

    def _next_rows(self) -> NDArray[numpy.int64]:
        """Return the numbers of the rows of the next batch, (N,). Lines that are reshuffled are in a new order then."""
        stream = self._reshuffled
        if stream is None:
            number = self._draws.next()
            batch: NDArray[numpy.int64] = self._draws.drawn[number]
            return batch
        generator = self._draws.generator
        drawn = generator.integers(len(stream), self._cell.batch)
        parts = numpy.array(stream.parts)
        raw = generator.raw(int((parts - 1).sum()))
        order = numpy.empty_like(stream.starts)
        streams.reshuffle(self._rows.codes, stream.text, stream.starts, stream.lengths, parts, raw, order)
        return drawn


def rows_of(stream: Stream) -> Rows:
    """Return the rows of a stream as the compiled network reads them.

    Raises ValueError if what counts in a row is not one run of places.
    """
    counted = stream.rows.counted > 0
    count, length = counted.shape
    first = counted.argmax(1)
    end = length - counted[:, ::-1].argmax(1)
    if (counted.sum(1) != end - first).any():
        raise ValueError("the counted targets of a row are not one after another")
    if stream.is_reshuffled:  # a row begins at each character of the text, which changes
        codes, starts = stream.text.copy(), numpy.arange(count)
    else:
        codes = numpy.concatenate([stream.rows.inputs, stream.rows.targets[:, -1:]], axis=1).ravel()
        starts = (length + 1) * numpy.arange(count)
    return Rows(*(numpy.ascontiguousarray(each, dtype=numpy.int32) for each in (codes, starts, first, end)))
