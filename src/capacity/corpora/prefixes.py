"""The distinct prefixes of a set of rows, so that a causal network computes each of its states once.

The state of a causal network at a position depends only on the characters up to it, and before the first attention
only on the *input* there: the character and its place. Windows drawn from a short text repeat each other and share
their beginnings: the 7,938 positions of an arithmetic batch end about 3,900 distinct prefixes and have 153 distinct
inputs.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Prefixes:
    """N rows of T positions as their P distinct prefixes and Q distinct inputs.

    Attributes:
        rows: (N, T), the number of the prefix that ends at each position.
        row_inputs: (N, T), the number of the input at each position.
        ends: (P,), for each prefix the first of the N T positions, counted row by row, at which it ends.
        last_inputs: (P,), the input with which each prefix ends.
        tokens: (Q,), the character of each input.
        places: (Q,), the place of each input in its row.
    """

    rows: Tensor
    row_inputs: Tensor
    ends: Tensor
    last_inputs: Tensor
    tokens: Tensor
    places: Tensor

    def __len__(self) -> int:
        return len(self.ends)

    def to(self, device: str) -> Prefixes:
        """The same prefixes on another device."""
        return Prefixes(**{name: value.to(device) for name, value in vars(self).items()})

    def select(self, index: Tensor) -> Prefixes:
        """The prefixes of the rows that ``index`` selects; the inputs keep their numbers."""
        rows, row_inputs = self.rows[index], self.row_inputs[index]
        ends = _first_places(rows.flatten(), len(self))
        kept = (ends < rows.numel()).nonzero().squeeze(1)
        numbers = torch.empty_like(ends)
        numbers[kept] = torch.arange(len(kept), device=kept.device)
        return Prefixes(numbers[rows], row_inputs, ends[kept], self.last_inputs[kept], self.tokens, self.places)


def prefixes_of(rows: Tensor) -> Prefixes:
    """The prefixes of (N, T) rows of numbers of characters."""
    length = rows.shape[1]
    characters = int(rows.max()) + 1
    numbers = torch.empty_like(rows)
    shorter = torch.zeros_like(rows[:, 0])
    total = 0
    for place in range(length):
        distinct, shorter = torch.unique(shorter * characters + rows[:, place], return_inverse=True)
        numbers[:, place] = total + shorter
        total += len(distinct)
    ends = _first_places(numbers.flatten(), total)
    inputs = rows + characters * torch.arange(length, device=rows.device)
    distinct, row_inputs = torch.unique(inputs, return_inverse=True)
    last_inputs = row_inputs.flatten()[ends]
    return Prefixes(numbers, row_inputs, ends, last_inputs, distinct % characters, distinct // characters)


def _first_places(numbers: Tensor, total: int) -> Tensor:
    """(total,), the first place of each number from 0 to ``total`` - 1, or ``len(numbers)`` where it is absent."""
    places = torch.arange(len(numbers), device=numbers.device)
    return torch.full((total,), len(numbers), device=numbers.device).scatter_reduce_(0, numbers, places, "amin")
