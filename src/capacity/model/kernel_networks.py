"""Networks that the compiled program computes: :class:`capacity.model.networks.Networks` over flat weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy
from numpy.typing import NDArray

from capacity.corpora.prefixes import Prefixes
from capacity.kernel import memory, network
from capacity.kernel.memory import Parameters, Shape
from capacity.kernel.prefixes import Batch, collect_all, empty_batch, empty_tree, whole_blocks
from capacity.paper.protocol import Size

Weights = NDArray[numpy.float32]
_IN_LAYERS = ("attention_norm", "attention_in", "attention_out", "mlp_norm", "mlp_in", "mlp_out")


class KernelNetworks:
    """S networks, whose weights are read anew whenever something is asked.

    Args:
        shape: of each network.
        weights: S flat arrays, in the order of :class:`capacity.kernel.network.Parameters`.
    """

    def __init__(self, shape: Shape, weights: Sequence[Weights]) -> None:
        self._shape = shape
        self._weights = list(weights)
        self._room = 0

    def __len__(self) -> int:
        return len(self._weights)

    def log_probabilities(self, prefixes: Prefixes, chosen: NDArray[numpy.int64] | None = None) -> NDArray[Any]:
        """Return natural logarithms, (S, P, V), after each prefix of some rows, or after each chosen one."""
        asked = numpy.arange(len(prefixes)) if chosen is None else chosen
        codes = prefixes.tokens[prefixes.row_inputs]
        rows, places = numpy.divmod(prefixes.ends, codes.shape[1])
        ancestors = prefixes.rows[rows] if self._shape.layers > 1 else numpy.zeros((1, 1))
        batch = _batch(rows * codes.shape[1], places, ancestors, asked)
        out = numpy.empty((len(self), len(asked), self._shape.characters), numpy.float32)
        for weights, table in zip(self._weights, out, strict=True):
            self._ask(weights, batch, codes, len(prefixes), table)
        return out

    def log_probabilities_after(self, texts: NDArray[numpy.int64], lengths: NDArray[numpy.int64]) -> NDArray[Any]:
        """Return natural logarithms, (S, N, V), after the first ``lengths`` characters of N texts, (S, N, T)."""
        out = numpy.empty((len(self), len(lengths), self._shape.characters), numpy.float32)
        for weights, read, table in zip(self._weights, texts, out, strict=True):
            self._ask_after(weights, read, lengths, table)
        return out

    def _ask_after(
        self, weights: Weights, texts: NDArray[numpy.int64], lengths: NDArray[numpy.int64], out: NDArray[Any]
    ) -> None:
        rows, length = texts.shape
        batch, tree = empty_batch(rows, length, deep=self._shape.layers > 1), empty_tree(rows, length)
        last = numpy.zeros(rows, numpy.int32)
        codes = numpy.append(texts, 0).astype(numpy.int32)
        starts = (length * numpy.arange(rows)).astype(numpy.int32)
        prefixes = collect_all(batch, tree, codes, starts, lengths.astype(numpy.int32), last)
        batch = _batch(batch.starts[:prefixes], batch.places[:prefixes], batch.ancestors[:prefixes], last)
        self._ask(weights, batch, codes, prefixes, out)

    def _ask(self, weights: Weights, batch: Batch, codes: NDArray[Any], prefixes: int, out: NDArray[Any]) -> None:
        """Write the logarithms, (P, V), after the P chosen prefixes of a batch to ``out``."""
        if prefixes > self._room:
            self._room = whole_blocks(prefixes)
            self._memory = memory.memory(self._shape, prefixes, backward=False)
            self._numbers = numpy.arange(self._room, dtype=numpy.int32)
        parameters = memory.split(weights, self._shape)
        codes = numpy.ascontiguousarray(codes.ravel(), dtype=numpy.int32)
        network.log_probabilities(
            self._shape, parameters, self._memory, batch, codes, prefixes, whole_blocks(len(out)), self._numbers, out
        )


def network_shape(size: Size, characters: int, block: int) -> Shape:
    """Return the shape of a network of some size for a vocabulary and a block."""
    return Shape(size.layers, size.heads, size.width, size.mlp_factor * size.width, characters, block)


def flatten(parameters: Mapping[str, NDArray[numpy.float32]], shape: Shape, number: int = 0) -> Weights:
    """Return the parameters of network ``number`` of a stack, by name as weights are saved, as one flat array."""
    parts = []
    for name in Parameters._fields:
        in_layers = name in _IN_LAYERS
        names = [f"blocks.{layer}.{name}" for layer in range(shape.layers)] if in_layers else [name]
        parts += [parameters[each][number].ravel() for each in names]
    return numpy.concatenate(parts)


def unflatten(weights: Weights, shape: Shape) -> dict[str, NDArray[numpy.float32]]:
    """Return the parameters of a flat array by name, copied, each with a leading axis of 1."""
    parts = memory.split(weights.copy(), shape)
    parameters = {"token_embedding": parts.token_embedding, "position_embedding": parts.position_embedding}
    for layer in range(shape.layers):
        parameters |= {f"blocks.{layer}.{name}": getattr(parts, name)[layer] for name in _IN_LAYERS}
    parameters["final_norm"] = parts.final_norm[0]
    return {name: value[None] for name, value in parameters.items()}


def _batch(starts: Any, places: Any, ancestors: Any, chosen: Any) -> Batch:
    """Return a batch of which the chosen prefixes are asked for, and followed by nothing.

    ``ancestors`` of a network of one layer, which reads none, may have a single row.
    """
    room, asked = whole_blocks(len(starts)), whole_blocks(len(chosen))
    return Batch(
        starts=_padded(starts, room),
        places=_padded(places, room),
        ancestors=_padded(ancestors, room if len(ancestors) == len(starts) else 1),
        chosen=_padded(chosen, asked),
        ends=numpy.zeros(asked + 1, numpy.int32),
        targets=numpy.zeros(1, numpy.int32),
        counts=numpy.zeros(1, numpy.int32),
    )


def _padded(numbers: NDArray[Any], room: int) -> NDArray[numpy.int32]:
    """Return some of a network's numbers, and the first of them again, up to ``room``."""
    return numpy.concatenate([numbers, numbers[:1].repeat(room - len(numbers), axis=0)]).astype(numpy.int32)
