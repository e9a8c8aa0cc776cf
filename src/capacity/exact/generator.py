"""The random numbers of torch's generator on a CPU, without torch and the same on every machine."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy
from numpy.typing import NDArray

from capacity.exact import elementary

WORDS = 624
"""The 32-bit words of the state of a Mersenne Twister."""

LARGEST_BOUND = 2**28 - 1
"""The largest bound for which torch takes a random integer from 32 bits."""

BLOCK = 16
"""Values that torch makes normal together: 8 radii, and an angle for each."""

CHUNK = 2048
"""Blocks that are made normal at a time, so that they stay in a processor's cache."""


class Generator:
    """The Mersenne Twister (MT19937), with the draws of ``torch.Generator().manual_seed(seed)``.

    Integers and permutations are torch's to the bit. Normal numbers are torch's but for its rounding to float32 in
    between, which differs between processors.

    Args:
        seed: Any integer; its lowest 32 bits count.
    """

    def __init__(self, seed: int) -> None:
        self._twister = numpy.random.MT19937(0)
        seeded = numpy.random.RandomState(seed & 0xFFFFFFFF).get_state(legacy=False)["state"]
        self._set_twister(seeded["key"], seeded["pos"])
        self._second_normal: float | None = None

    def raw(self, number: int) -> NDArray[numpy.uint32]:
        """Return the next ``number`` outputs of the twister, uniform in all 32 bits."""
        return self._twister.random_raw(number).astype(numpy.uint32)

    def integers(self, bound: int, shape: int | Sequence[int]) -> NDArray[numpy.int64]:
        """Return uniform integers from 0 to ``bound - 1``, of a shape, as ``torch.randint`` draws them.

        Raises ValueError if the bound is not from 1 to :data:`LARGEST_BOUND`.
        """
        if not 1 <= bound <= LARGEST_BOUND:
            raise ValueError(f"bound: {bound} is not from 1 to {LARGEST_BOUND}")
        sides = (shape,) if isinstance(shape, int) else tuple(shape)
        return (self.raw(math.prod(sides)) % numpy.uint32(bound)).astype(numpy.int64).reshape(sides)

    def permutation(self, number: int) -> NDArray[numpy.int64]:
        """Return the integers from 0 to ``number - 1`` in uniformly random order, as ``torch.randperm`` does.

        This is the shuffle of Fisher and Yates, from the first place on.
        """
        places = numpy.arange(number, dtype=numpy.uint32)[:-1]
        partners = places + self.raw(len(places)) % (numpy.uint32(number) - places)
        order = list(range(number))
        for place, partner in enumerate(partners.tolist()):
            order[place], order[partner] = order[partner], order[place]
        return numpy.array(order, dtype=numpy.int64)

    def normal(self, shape: int | Sequence[int], deviation: float) -> NDArray[numpy.float32]:
        """Return normal numbers of mean 0 and a standard deviation, as ``Tensor.normal_`` draws them.

        They are computed in float64 and rounded once. From 16 values on, torch turns blocks of 16 uniform numbers of
        24 bits into normal ones by the method of Box and Muller, and draws a last, partial block again as the last 16
        values. Fewer values come one at a time from pairs of 53 bits, and the second of a pair waits for its turn.
        """
        sides = (shape,) if isinstance(shape, int) else tuple(shape)
        number = math.prod(sides)
        if number < BLOCK:
            values = numpy.array([self._one_normal() for _ in range(number)], dtype=numpy.float64)
        else:
            whole = number - number % BLOCK
            values = numpy.empty(number)
            self._fill_with_normals(values[:whole], self.raw(number)[:whole])
            if whole < number:
                self._fill_with_normals(values[-BLOCK:], self.raw(BLOCK))
        return (deviation * values).astype(numpy.float32).reshape(sides)

    def skip(self, number: int) -> None:
        """Leave out the next ``number`` outputs: the draws of so many uniform float32 numbers."""
        self._twister.random_raw(number, output=False)

    def state(self) -> NDArray[numpy.uint32]:
        """Return all that decides the next draws, as 628 numbers: the twister's words and place in them, and the second
        normal number of a pair with whether one waits."""
        twister = self._twister.state["state"]
        waits = self._second_normal is not None
        second = numpy.array([self._second_normal or 0.0]).view(numpy.uint32)
        return numpy.concatenate([twister["key"], [twister["pos"], waits], second]).astype(numpy.uint32)

    def restore(self, state: NDArray[numpy.uint32]) -> None:
        """Go on as the generator would have that gave this :meth:`state`."""
        words, (place, waits), second = numpy.split(numpy.array(state, dtype=numpy.uint32), [WORDS, WORDS + 2])
        self._set_twister(words, int(place))
        self._second_normal = float(second.view(numpy.float64)[0]) if waits else None

    def _set_twister(self, words: NDArray[numpy.uint32], place: int) -> None:
        self._twister.state = {"bit_generator": "MT19937", "state": {"key": words, "pos": place}}

    def _fill_with_normals(self, values: NDArray[numpy.float64], raw: NDArray[numpy.uint32]) -> None:
        """Write a standard normal number for each output; the number of them is a multiple of 16."""
        blocks, uniform = values.reshape(-1, 2, BLOCK // 2), (raw & numpy.uint32(2**24 - 1)).reshape(-1, 2, BLOCK // 2)
        for first in range(0, len(blocks), CHUNK):
            part = uniform[first : first + CHUNK].astype(numpy.float64) * 2.0**-24
            blocks[first : first + CHUNK] = _box_muller(1.0 - part[:, 0], part[:, 1])

    def _one_normal(self) -> float:
        if self._second_normal is not None:
            value, self._second_normal = self._second_normal, None
            return value
        high_1, low_1, high_2, low_2 = (int(each) for each in self.raw(4))
        turn, rest = ((high << 32 | low) % 2**53 * 2.0**-53 for high, low in ((high_1, low_1), (high_2, low_2)))
        first, second = _box_muller(numpy.array([1 - rest]), numpy.array([turn])).ravel()
        self._second_normal = float(second)
        return float(first)


def _box_muller(radii: NDArray[numpy.float64], turns: NDArray[numpy.float64]) -> NDArray[numpy.float64]:
    """Turn uniform numbers, (..., n) in (0, 1] and (..., n) in [0, 1), into independent normal ones, (..., 2, n)."""
    radius = numpy.sqrt(-2.0 * elementary.log(radii))
    sine, cosine = elementary.sincospi(2.0 * turns)
    return numpy.stack([radius * cosine, radius * sine], axis=-2)
