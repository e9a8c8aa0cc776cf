"""The batches that updates read, drawn for each seed by a generator of its own.

The rows that a seed draws depend neither on the device nor on the other seeds of its stack. They are drawn on the CPU,
for many updates at a time.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from capacity.corpora.prefixes import Prefixes, prefixes_of
from capacity.corpora.streams import Rows, Stream
from capacity.training.randomness import generator

UPDATES_AT_ONCE = 100  # number of updates whose rows are drawn together


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
        self._generators = [generator(seed, "data") for seed in seeds]
        self._rows = stream.rows.to(device)
        self._drawn = torch.empty(len(seeds), 0, batch, dtype=torch.long, device=device)
        self._next = 0
        self._states = [each.get_state() for each in self._generators]  # before the rows in _drawn were drawn

    def state(self) -> dict[str, Tensor]:
        """Return the states of the generators and the number of the next batch, by name, for :meth:`restore`."""
        all_used = self._next == self._drawn.shape[1]
        states = [each.get_state() for each in self._generators] if all_used else self._states
        named = {f"generator.{number}": value for number, value in enumerate(states)}
        return named | {"next": torch.tensor(0 if all_used else self._next)}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Continue with the batch that was the next one when ``state`` was taken."""
        for number, each in enumerate(self._generators):
            each.set_state(state[f"generator.{number}"])
        self._drawn, self._next = self._drawn[:, :0], 0
        if int(state["next"]):
            self._draw()
            self._next = int(state["next"])

    def rows(self) -> Rows:
        """Return the next batch of every seed as rows; each tensor is (S, N, T)."""
        if not self._stream.is_reshuffled:
            return self._rows[self._numbers()]
        drawn = [self._stream.draw(self._batch, each) for each in self._generators]
        parts = zip(*(rows.tensors() for rows in drawn), strict=True)
        return Rows(*(torch.stack(part).to(self._device) for part in parts))

    def prefixes(self) -> tuple[Prefixes, Tensor]:
        """Return the next batch of the only seed as its distinct prefixes and its :func:`target_counts`.

        A row that is drawn twice appears once and counts twice, which gives the same gradient for less work.
        """
        if self._stream.is_reshuffled:
            rows = self._stream.draw(self._batch, self._generators[0])
            prefixes = prefixes_of(rows.inputs)
            times = torch.ones(len(rows.inputs))
        else:
            drawn = torch.bincount(self._numbers()[0], minlength=len(self._stream))
            used = drawn.nonzero().squeeze(1)
            rows, times, prefixes = self._rows[used], drawn[used].float(), self._tree.select(used)
        return prefixes, target_counts(prefixes, rows, times, self._stream.characters)

    @functools.cached_property
    def _tree(self) -> Prefixes:
        return prefixes_of(self._rows.inputs)

    def _numbers(self) -> Tensor:
        """Return the numbers of the rows that each seed draws next, (S, N)."""
        if self._next == self._drawn.shape[1]:
            self._draw()
        self._next += 1
        return self._drawn[:, self._next - 1]

    def _draw(self) -> None:
        self._states = [each.get_state() for each in self._generators]
        shape = (UPDATES_AT_ONCE, self._batch)
        drawn = [torch.randint(len(self._stream), shape, generator=each) for each in self._generators]
        self._drawn, self._next = torch.stack(drawn).to(self._device), 0


def target_counts(prefixes: Prefixes, rows: Rows, times: Tensor, characters: int) -> Tensor:
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
    table = torch.zeros(characters * count, device=weights.device)
    return table.scatter_add_(0, places.flatten(), weights.flatten()).view(characters, count)
