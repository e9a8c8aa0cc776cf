"""What an evaluation asks of trained networks, whichever program computes them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy
from numpy.typing import NDArray

from capacity.corpora.prefixes import Prefixes
from capacity.errors import InputError
from capacity.paper.protocol import Size


class Networks(Protocol):
    """S networks of one shape with fixed parameters, whose V characters are those of one corpus.

    An answer of a network depends on nothing but its parameters and the characters it reads: neither on the other
    networks, nor on what else is asked together with it, beyond the rounding of a matrix product.
    """

    def __len__(self) -> int:
        """S, the number of networks."""
        ...

    def log_probabilities(self, prefixes: Prefixes, chosen: NDArray[numpy.int64] | None = None) -> NDArray[Any]:
        """The natural logarithms of the probabilities of the next character, after prefixes of rows.

        Args:
            prefixes: Of rows that every network reads.
            chosen: (P,), the numbers of the prefixes that are asked about, in any order; None asks about all of them.

        Returns:
            (S, P, V), float32, in any order of memory.
        """
        ...

    def log_probabilities_after(self, texts: NDArray[numpy.int64], lengths: NDArray[numpy.int64]) -> NDArray[Any]:
        """The natural logarithms of the probabilities of the next character, after whole texts.

        Args:
            texts: (S, N, T), numbers of characters: N texts for each network, padded with any numbers of characters. T
                is at most the block.
            lengths: (N,), how many characters of each text are read, from 1 to T.

        Returns:
            (S, N, V), float32, in any order of memory.
        """
        ...


def networks_of(
    parameters: Mapping[str, NDArray[numpy.float32]], size: Size, kernel: str, device: str, threads: int
) -> Networks:
    """Networks with some parameters, ready to be asked.

    Args:
        parameters: By name as in :mod:`capacity.model.transformer`, each with a leading axis of S.
        size: Of each network.
        kernel: The program that computes, which is best the one that trained: ``numba`` or ``torch``.
        device: ``cpu`` or ``cuda``, of torch.
        threads: Of the CPU, for torch.

    Raises InputError if Numba, which the compiled network needs, cannot be imported.
    """
    if kernel == "numba":
        reason = why_no_numba()
        if reason is not None:
            raise InputError(
                f"the compiled network trained these weights, and it cannot be used here ({reason}); "
                "install the packages in envs/requirements.txt, or train with kernel: torch"
            )
        from capacity.model.kernel_networks import KernelNetworks, flatten, network_shape

        characters, block = (parameters[f"{name}_embedding"].shape[1] for name in ("token", "position"))
        shape = network_shape(size, characters, block)
        return KernelNetworks(shape, [flatten(parameters, shape, number) for number in range(len_of(parameters))])
    from capacity.model.torch_networks import torch_networks  # takes longer to load than a small network to evaluate

    return torch_networks(parameters, size.heads, device, threads)


def why_no_numba() -> str | None:
    """Return why the compiled network cannot be used here: what importing it says; None if it can."""
    try:
        from capacity.kernel import network  # noqa: F401
    except Exception as error:  # Numba may be absent, of another version, or without a library that it loads
        return f"{type(error).__name__}: {error}"
    return None


def len_of(parameters: Mapping[str, NDArray[numpy.float32]]) -> int:
    """S, the number of networks of a stack."""
    return len(parameters["token_embedding"])
