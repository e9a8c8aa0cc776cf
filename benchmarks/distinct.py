"""How much of a batch is distinct, and how many operations remain if nothing is computed twice."""

from __future__ import annotations

from dataclasses import dataclass

import numpy

from benchmarks.floor import PASSES
from capacity.corpora import corpus
from capacity.corpora.prefixes import prefixes_of
from capacity.corpora.streams import Stream
from capacity.experiment.cell import Cell
from capacity.training.draws import Draws

BATCHES = 20


@dataclass(frozen=True)
class Distinct:
    """Means over some batches.

    Attributes:
        inputs: distinct characters at a place.
        prefixes: distinct beginnings of rows.
        attended: places that the prefixes attend to, which is the sum of their lengths.
    """

    inputs: float
    prefixes: float
    attended: float


def distinct(cell: Cell) -> Distinct:
    """What is distinct in the batches of a cell's fixed stream, over the first of them with seed 0."""
    lines = corpus.build(cell)
    stream = Stream(corpus.stream_lines(lines), corpus.vocabulary(lines), cell.stream, cell.block, cell.mixing)
    draws = Draws(len(stream), cell.batch, 0)
    counts = []
    for _ in range(BATCHES):
        number = draws.next()
        prefixes = prefixes_of(stream.rows.inputs[draws.drawn[number]])
        lengths = prefixes.ends % cell.block + 1
        counts.append((len(prefixes.tokens), len(prefixes), lengths.sum()))
    return Distinct(*numpy.mean(counts, axis=0).tolist())


def operations(cell: Cell, vocabulary: int, counts: Distinct) -> float:
    """Floating-point operations of an update's matrix products, each computed once: two for each multiplication and
    addition, forward and backward.

    In the first layer, queries, keys and values (with the projection of the output, which is part of them there) are
    those of the distinct inputs; everything else is that of the distinct prefixes.
    """
    d, m, layers = cell.size.width, cell.size.mlp_factor, cell.size.layers
    projections = 4 * d * d * (counts.inputs + (layers - 1) * counts.prefixes)
    attention = layers * 2 * d * counts.attended
    others = counts.prefixes * (layers * 2 * m * d * d + vocabulary * d)
    return 2 * PASSES * (projections + attention + others)
