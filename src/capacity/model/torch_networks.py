"""Networks that torch computes, on any device: :class:`capacity.model.networks.Networks` over the readable model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy
import torch
from numpy.typing import NDArray
from torch import Tensor

from capacity.corpora.prefixes import Prefixes
from capacity.model import devices, transformer


class TorchNetworks:
    """S networks on the device of their parameters, which are read anew whenever something is asked.

    Args:
        parameters: Of the S networks, as :mod:`capacity.model.transformer` takes them.
        heads: Attention heads.
    """

    def __init__(self, parameters: transformer.Parameters, heads: int) -> None:
        self._parameters = parameters
        self._heads = heads
        self._device = parameters["token_embedding"].device

    def __len__(self) -> int:
        return len(self._parameters["token_embedding"])

    @torch.no_grad()
    def log_probabilities(self, prefixes: Prefixes, chosen: NDArray[numpy.int64] | None = None) -> NDArray[Any]:
        """(S, P, V), after each prefix of some rows, or after each chosen one."""
        here = transformer.PrefixTensors.of(prefixes, self._device)
        logits = transformer.forward_prefixes(self._parameters, here, self._heads)
        if chosen is not None:
            logits = logits[:, :, torch.as_tensor(chosen, device=self._device)]
        return _log_probabilities(logits)

    @torch.no_grad()
    def log_probabilities_after(self, texts: NDArray[numpy.int64], lengths: NDArray[numpy.int64]) -> NDArray[Any]:
        """(S, N, V), after the first ``lengths`` characters of each of N texts, (S, N, T)."""
        seeds, rows, length = texts.shape
        tokens = torch.as_tensor(texts, device=self._device)
        ends = torch.as_tensor(length * numpy.arange(rows) + lengths - 1, device=self._device)
        logits = transformer.forward(self._parameters, tokens, self._heads, places=ends.expand(seeds, -1))
        return _log_probabilities(logits)


def torch_networks(
    parameters: Mapping[str, NDArray[numpy.float32]], heads: int, device: str, threads: int
) -> TorchNetworks:
    """The networks whose parameters are some arrays, on a device; sets the number of CPU threads of this process."""
    devices.prepare(threads)
    return TorchNetworks({name: torch.tensor(value, device=device) for name, value in parameters.items()}, heads)


def _log_probabilities(logits: Tensor) -> NDArray[Any]:
    """(S, P, V) from logits (S, V, P)."""
    return logits.log_softmax(1).transpose(1, 2).cpu().numpy()
