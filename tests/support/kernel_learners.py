"""A compiled network in training on rows of a short corpus, and the same loss and gradient by the plain network."""

from __future__ import annotations

from dataclasses import dataclass

import numpy
import torch
from numpy.typing import NDArray
from torch.nn import functional

from capacity.corpora import corpus
from capacity.corpora.streams import Stream
from capacity.experiment.cell import Cell
from capacity.kernel.memory import Shape
from capacity.kernel.update import Learner, Rows, Settings, learner, update
from capacity.model.kernel_networks import flatten, network_shape
from capacity.training.kernel_training import rows_of
from tests.support.plain_transformer import plain_from_stack, random_stack

SETTINGS = Settings(0.0, 0.9, 0.99, 1.0)


@dataclass
class Example:
    """A compiled network with random weights, and a stream."""

    cell: Cell
    stream: Stream
    shape: Shape
    learner: Learner
    rows: Rows
    parameters: dict[str, torch.Tensor]

    def loss_and_gradient(self, drawn: NDArray[numpy.int64]) -> tuple[float, NDArray[numpy.float32]]:
        """The loss and the gradient, flat, of some rows. An update at rate 0 changes no weight."""
        loss = update(self.shape, self.learner, self.rows, drawn, SETTINGS, 0.0, 0.9, 0.99)
        return loss, self.learner.gradient

    def plain_loss_and_gradient(self, drawn: NDArray[numpy.int64]) -> tuple[float, NDArray[numpy.float32]]:
        """The same by the plain network in double precision, every position of every row."""
        network = plain_from_stack(self.parameters, 0, self.cell.size)
        rows = self.stream.rows[drawn]
        logits = network(torch.tensor(rows.inputs)).flatten(0, 1)
        losses = functional.cross_entropy(logits, torch.tensor(rows.targets).flatten(), reduction="none")
        counted = torch.tensor(rows.counted, dtype=torch.float64).flatten()
        loss = (losses * counted).sum() / counted.sum()
        loss.backward()
        gradients = {
            name.removesuffix(".weight"): value.grad[None].numpy() for name, value in network.named_parameters()
        }
        return loss.item(), flatten(gradients, self.shape)


def example(cell: Cell, deviation: float = 0.3) -> Example:
    """An example of a cell; its weights are float32 and written as float64 in ``parameters``."""
    lines = corpus.build(cell)
    vocabulary = corpus.vocabulary(lines)
    stream = Stream(corpus.stream_lines(lines), vocabulary, cell.stream, cell.block, cell.mixing)
    shape = network_shape(cell.size, len(vocabulary), cell.block)
    drawn = random_stack(cell.size, len(vocabulary), cell.block, 1, deviation)
    parameters = {name: value.float() for name, value in drawn.items()}
    made = learner(shape, cell.batch)
    made.weights[:] = flatten({name: value.numpy() for name, value in parameters.items()}, shape)
    exact = {name: value.double() for name, value in parameters.items()}
    return Example(cell, stream, shape, made, rows_of(stream), exact)
