"""Networks to be asked: of parameters that lie in memory, or without any."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy
import torch
from numpy.typing import NDArray

from capacity.corpora.prefixes import Prefixes
from capacity.model.torch_networks import TorchNetworks
from capacity.paper.protocol import Size


def networks_of(parameters: Mapping[str, Any], size: Size, number: int | None = None) -> TorchNetworks:
    """The networks of a stack, or the one with the number given; the settings of torch stay as they are."""
    chosen = slice(None) if number is None else slice(number, number + 1)
    return TorchNetworks({name: torch.as_tensor(value[chosen]) for name, value in parameters.items()}, size.heads)


class TextNetwork:
    """One network without parameters, which answers by the texts that it reads; a base class."""

    def __len__(self) -> int:
        return 1

    def log_probabilities(self, prefixes: Prefixes, chosen: NDArray[numpy.int64] | None = None) -> NDArray[Any]:
        """What follows each of some texts, (1, P, V), where these are prefixes of rows."""
        rows = prefixes.tokens[prefixes.row_inputs]
        row, last = numpy.divmod(prefixes.ends if chosen is None else prefixes.ends[chosen], rows.shape[1])
        return self.log_probabilities_after(rows[None, row], last + 1)

    def log_probabilities_after(self, texts: NDArray[numpy.int64], lengths: NDArray[numpy.int64]) -> NDArray[Any]:
        """What follows each of N texts, (1, N, V)."""
        raise NotImplementedError


class HashingNetwork(TextNetwork):
    """Logarithms of "probabilities" that are multiples of 1/64 and follow from the text by integers alone.

    Whatever is computed from them can therefore be compared between machines to the last bit.
    """

    def __init__(self, characters: int) -> None:
        self._characters = numpy.arange(1, characters + 1)

    def log_probabilities_after(self, texts: NDArray[numpy.int64], lengths: NDArray[numpy.int64]) -> NDArray[Any]:
        """What follows each of N texts, (1, N, V)."""
        numbers = numpy.zeros(len(lengths), dtype=numpy.int64)
        for place, codes in enumerate(texts[0].T):
            numbers = numpy.where(place < lengths, (numbers * 31 + codes + 1) % 1_000_003, numbers)
        return -((numbers[None, :, None] * self._characters % 10_007) % 640 / numpy.float32(64))
