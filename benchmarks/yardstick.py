"""One update of the network that small training programs compare themselves by: microgpt's default.

One layer, width 16, 4 heads, 64 hidden features, 27 characters, 16 places; a batch is 16 short names. Ours has 3,808
parameters and microgpt 4,192: ours reads its output from the embedding, as the paper's networks do, and has weights in
its norms. The names are random letters, since only their lengths matter.
"""

from __future__ import annotations

from functools import partial

import numpy

from benchmarks.measure import Sample, peak_resident_bytes, timed
from benchmarks.setting import Setting
from capacity.imports import keep_from_loading
from capacity.kernel import memory
from capacity.kernel.memory import Shape
from capacity.kernel.update import Rows, Settings, learner, update

NAMES = 2_000
ROWS = 16
SHAPE = Shape(layers=1, heads=4, width=16, hidden=64, characters=27, places=16)
LENGTHS = (3, 8)  # of a name, which begins and ends with the 27th character
RATE, SETTINGS = 1e-2, Settings(weight_decay=0.0, beta1=0.85, beta2=0.99, largest=1.0)


def enter(setting: Setting) -> Yardstick:
    keep_from_loading("train")
    return Yardstick()


class Yardstick:
    """The network in training."""

    def __init__(self) -> None:
        random = numpy.random.default_rng(0)
        self._random = random
        self._rows = _rows(random)
        self._learner = learner(SHAPE, ROWS)
        self._learner.weights[:] = random.normal(0.0, 0.02, memory.count(SHAPE))
        for name, part in self._learner.parameters._asdict().items():
            if name.endswith("_norm"):
                part[:] = 1.0
        self._powers = (1.0, 1.0)

    def parameters(self) -> int:
        return memory.count(SHAPE)

    def update(self, updates: int, untimed: int = 0) -> Sample:
        drawn = self._random.integers(0, NAMES, (untimed + updates, ROWS))
        self._advance(drawn[:untimed])
        return timed(partial(self._advance, drawn[untimed:]))

    def peak_bytes(self) -> int:
        return peak_resident_bytes()

    def _advance(self, drawn: numpy.typing.NDArray[numpy.int64]) -> None:
        for batch in drawn:
            self._powers = (self._powers[0] * SETTINGS.beta1, self._powers[1] * SETTINGS.beta2)
            update(SHAPE, self._learner, self._rows, batch, SETTINGS, RATE, *self._powers)


def _rows(random: numpy.random.Generator) -> Rows:
    """Names, each a row that begins with the 27th character and counts all letters and the one that ends it."""
    lengths = random.integers(LENGTHS[0], LENGTHS[1] + 1, NAMES)
    codes = random.integers(0, SHAPE.characters - 1, (NAMES, SHAPE.places + 1))
    codes[:, 0] = codes[numpy.arange(NAMES), lengths + 1] = SHAPE.characters - 1
    starts = (SHAPE.places + 1) * numpy.arange(NAMES)
    parts = (codes.ravel(), starts, numpy.zeros(NAMES), lengths + 1)
    return Rows(*(numpy.ascontiguousarray(part, dtype=numpy.int32) for part in parts))
