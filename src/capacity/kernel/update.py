"""One update of a network: its batch, its loss and gradients, and a step of AdamW, in one compiled call."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from capacity.kernel.cache import entry, within
from capacity.kernel.memory import Memory, Parameters, Shape, aligned, count, memory, split
from capacity.kernel.network import loss_and_gradients
from capacity.kernel.optimizer import PARTS, adamw
from capacity.kernel.prefixes import Batch, Tree, collect, empty_batch, empty_tree, whole_blocks
from capacity.kernel.steps import Floats, Integers


class Rows(NamedTuple):
    """The rows of a stream.

    Attributes:
        codes: the characters of all rows, one row after another or overlapping.
        starts: (R,), where in ``codes`` each row begins.
        first: (R,), the first place of each row whose target counts.
        end: (R,), the place after the last one whose target counts.
    """

    codes: Integers
    starts: Integers
    first: Integers
    end: Integers


class Settings(NamedTuple):
    """What stays the same from update to update: the settings of AdamW (:func:`capacity.kernel.optimizer.adamw`)."""

    weight_decay: float
    beta1: float
    beta2: float
    largest: float


class Learner(NamedTuple):
    """A network in training, and the arrays that it is trained in.

    Attributes:
        weights: (W,), the parameters, one after another.
        gradient: (W,), their gradient.
        first: (W,), AdamW's running mean of gradients.
        second: (W,), AdamW's running mean of their squares.
        decayed: (W,), 1 where the weight decay acts: on matrices and embeddings, not on norms (paper, section 3.3).
        parameters: the parts of ``weights``.
        gradients: the parts of ``gradient``.
        memory: where the network computes.
        batch: room for the prefixes of a batch.
        tree: room for the tree that they are found by.
        drawn: the rows of the batch, without characters.
        last: (N,), the number of the longest prefix of each row.
        numbers: the numbers from 0 on.
        parts: room for :func:`capacity.kernel.optimizer.clip_scale`.
    """

    weights: Floats
    gradient: Floats
    first: Floats
    second: Floats
    decayed: Floats
    parameters: Parameters
    gradients: Parameters
    memory: Memory
    batch: Batch
    tree: Tree
    drawn: Rows
    last: Integers
    numbers: Integers
    parts: Floats


def learner(shape: Shape, rows: int) -> Learner:
    """Return a network in training, with all parameters 0, for batches of so many rows."""
    weights, gradient, first, second, decayed = (aligned(count(shape)) for _ in range(5))
    for name, part in split(decayed, shape)._asdict().items():
        part[:] = 0.0 if name.endswith("_norm") else 1.0
    deep = shape.layers > 1
    drawn = Rows(*(np.zeros(rows, np.int32) for _ in range(4)))
    return Learner(
        weights,
        gradient,
        first,
        second,
        decayed,
        split(weights, shape),
        split(gradient, shape),
        memory(shape, rows * shape.places, backward=True),
        empty_batch(rows, shape.places, deep),
        empty_tree(rows, shape.places),
        drawn,
        np.zeros(rows, np.int32),
        np.arange(whole_blocks(rows * shape.places), dtype=np.int32),
        np.zeros(PARTS, np.float32),
    )


@within
def collect_rows(learner: Learner, rows: Rows, drawn: Integers) -> tuple[int, int, int]:
    """Make the batch of the rows whose numbers are ``drawn``, (N,); return the numbers that :func:`collect` returns."""
    all_starts, all_first, all_end = rows.starts, rows.first, rows.end
    starts, first, end = learner.drawn.starts, learner.drawn.first, learner.drawn.end
    for place in range(drawn.size):
        row = drawn[place]
        starts[place], first[place], end[place] = all_starts[row], all_first[row], all_end[row]
    return collect(learner.batch, learner.tree, rows.codes, starts, first, end, learner.last)


@entry
def update(
    shape: Shape,
    learner: Learner,
    rows: Rows,
    drawn: Integers,
    settings: Settings,
    rate: float,
    power1: float,
    power2: float,
) -> float:
    """Make one update of a network, and return the loss before it, in nats per counted character.

    Args:
        shape: of the network.
        learner: the network.
        rows: of the stream.
        drawn: (N,), the numbers of the rows of the batch.
        settings: of AdamW.
        rate: the learning rate.
        power1: AdamW's first beta to the power of the number of this update, counted from 1.
        power2: its second beta to the same power.
    """
    prefixes, chosen, whole = collect_rows(learner, rows, drawn)
    loss = loss_and_gradients(
        shape,
        learner.parameters,
        learner.gradients,
        learner.memory,
        learner.batch,
        rows.codes,
        prefixes,
        chosen,
        whole,
        learner.numbers,
    )
    adamw(
        learner.weights,
        learner.gradient,
        learner.first,
        learner.second,
        learner.decayed,
        rate,
        settings.weight_decay,
        settings.beta1,
        settings.beta2,
        power1,
        power2,
        settings.largest,
        learner.parts,
    )
    return loss
