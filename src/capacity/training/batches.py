"""The batches that updates by torch read, drawn for each seed as :class:`capacity.training.draws.Draws` says."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy
import torch
from numpy.typing import NDArray
from torch import Tensor

from capacity.corpora.prefixes import Prefixes, prefixes_of
from capacity.corpora.streams import Rows, Stream
from capacity.model.transformer import PrefixTensors
from capacity.training.draws import Draws, Numbers


class Batches:
    """Batches of a stack of seeds, one after the other.

    Args:
        stream: the training rows.
        batch: number of rows of one batch.
        seeds: S of them.
        device: where the batches are needed.
    """

    def __init__(self, stream: Stream, batch: int, seeds: Sequence[int], device: str) -> None:
        self._stream = stream
        self._batch = batch
        self._device = device
        self._draws = [Draws(len(stream), batch, seed) for seed in seeds]
        self._rows = [torch.tensor(each, device=device) for each in _arrays(stream.rows)]
        self._moved: Numbers | None = None  # the first seed's numbers when ``_drawn`` was made
        self._drawn = torch.empty(0)

    def state(self) -> dict[str, NDArray[numpy.uint32]]:
        """Return the states of the draws of all seeds, by name, for :meth:`restore`."""
        return {
            f"{number}.{name}": value
            for number, draws in enumerate(self._draws)
            for name, value in draws.state().items()
        }

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Continue with the batch that was the next one when ``state`` was taken."""
        for number, draws in enumerate(self._draws):
            draws.restore({name: state[f"{number}.{name}"] for name in draws.state()})

    def rows(self) -> tuple[Tensor, Tensor, Tensor]:
        """Return inputs, targets and whether they count of the next batch of every seed; each tensor is (S, N, T)."""
        if not self._stream.is_reshuffled:
            numbers = self._numbers()
            inputs, targets, counted = (each[numbers] for each in self._rows)
            return inputs, targets, counted
        drawn = [self._stream.draw(self._batch, draws.generator) for draws in self._draws]
        parts = zip(*(_arrays(rows) for rows in drawn), strict=True)
        inputs, targets, counted = (torch.from_numpy(numpy.stack(part)).to(self._device) for part in parts)
        return inputs, targets, counted

    def prefixes(self) -> tuple[PrefixTensors, Tensor]:
        """Return the next batch of the only seed as its distinct prefixes and its :func:`target_counts`.

        A row that is drawn twice appears once and counts twice, which gives the same gradient for less work.
        """
        (draws,) = self._draws
        if self._stream.is_reshuffled:
            rows = self._stream.draw(self._batch, draws.generator)
            prefixes = prefixes_of(rows.inputs)
            times = numpy.ones(len(rows.inputs), dtype=numpy.float32)
        else:
            number = draws.next()
            drawn = numpy.bincount(draws.drawn[number], minlength=len(self._stream))
            used = drawn.nonzero()[0]
            rows, times = self._stream.rows[used], drawn[used].astype(numpy.float32)
            prefixes = self._tree.select(used)
        counts = target_counts(prefixes, rows, times, self._stream.characters)
        return PrefixTensors.of(prefixes, self._device), counts

    @functools.cached_property
    def _tree(self) -> Prefixes:
        return prefixes_of(self._stream.rows.inputs)

    def _numbers(self) -> Tensor:
        """Return the numbers of the rows that each seed draws next, (S, N)."""
        number = {draws.next() for draws in self._draws}.pop()  # all seeds of a stack draw in step
        newest = self._draws[0].drawn
        if self._moved is not newest:  # many updates' numbers move to the device at once
            self._moved = newest
            self._drawn = torch.from_numpy(numpy.stack([draws.drawn for draws in self._draws])).to(self._device)
        return self._drawn[:, number]


def target_counts(prefixes: Prefixes, rows: Rows, times: NDArray[numpy.float32], characters: int) -> Tensor:
    """Return how often each of V characters is a counted target after each of P prefixes, (V, P).

    Args:
        prefixes: the P distinct prefixes of the rows.
        rows: N rows.
        times: how often each row is in the batch, (N,).
        characters: V, the size of the vocabulary.
    """
    count = len(prefixes)
    places = rows.targets * count + prefixes.rows
    weights = rows.counted * times[:, None]
    table = numpy.bincount(places.ravel(), weights.ravel(), characters * count)
    return torch.from_numpy(table.astype(numpy.float32)).view(characters, count)


def _arrays(rows: Rows) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    return rows.inputs, rows.targets, rows.counted
