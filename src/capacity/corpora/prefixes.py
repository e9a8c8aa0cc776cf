"""The distinct prefixes of a set of rows: what a causal network has to compute, each state once.

A causal network's state at a position depends only on the characters up to it, and before the first attention only on
the *input* there: the character and its place. Windows drawn from a short text repeat themselves and share their
beginnings: of the 7,938 positions of an arithmetic batch, about 3,900 end in a prefix of their own, and there are 153
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
        found: (P,), for each prefix the first position where it ends, as a number into the N T.
        last_inputs: (P,), the input with which each prefix ends.
        tokens: (Q,), the character of each input.
        places: (Q,), the place of each input in its row.
    """

    rows: Tensor
    row_inputs: Tensor
    found: Tensor
    last_inputs: Tensor
    tokens: Tensor
    places: Tensor

    def __len__(self) -> int:
        return len(self.found)

    def to(self, device: str) -> Prefixes:
        """The same on another device."""
        return Prefixes(**{name: value.to(device) for name, value in vars(self).items()})

    def select(self, index: Tensor) -> Prefixes:
        """The prefixes of the rows that ``index`` names; the inputs stay as they are."""
        rows, row_inputs = self.rows[index], self.row_inputs[index]
        found = _first_places(rows.flatten(), len(self))
        kept = (found < rows.numel()).nonzero().squeeze(1)
        numbers = torch.empty_like(found)
        numbers[kept] = torch.arange(len(kept), device=kept.device)
        return Prefixes(numbers[rows], row_inputs, found[kept], self.last_inputs[kept], self.tokens, self.places)


def prefixes_of(rows: Tensor) -> Prefixes:
    """The prefixes of (N, T) rows of character numbers."""
    length = rows.shape[1]
    characters = int(rows.max()) + 1
    numbers = torch.empty_like(rows)
    shorter = torch.zeros_like(rows[:, 0])
    total = 0
    for place in range(length):
        distinct, shorter = torch.unique(shorter * characters + rows[:, place], return_inverse=True)
        numbers[:, place] = total + shorter
        total += len(distinct)
    found = _first_places(numbers.flatten(), total)
    inputs = rows + characters * torch.arange(length, device=rows.device)
    distinct, row_inputs = torch.unique(inputs, return_inverse=True)
    last_inputs = row_inputs.flatten()[found]
    return Prefixes(numbers, row_inputs, found, last_inputs, distinct % characters, distinct // characters)


def _first_places(numbers: Tensor, total: int) -> Tensor:
    """(total,), where each number first stands in ``numbers``, and their length for one that does not."""
    places = torch.arange(len(numbers), device=numbers.device)
    return torch.full((total,), len(numbers), device=numbers.device).scatter_reduce_(0, numbers, places, "amin")
