"""The parameters of a network: their shapes and numbers, and the values that they start with.

A seed starts where it starts in nanoGPT, within the rounding of float32, and with the same bits on every machine.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy
from numpy.typing import NDArray

from capacity.exact.generator import Generator
from capacity.paper.protocol import Size

INITIAL_DEVIATION = 0.02


def shapes(size: Size, vocabulary: int, block: int) -> dict[str, tuple[int, ...]]:
    """Return the shape of each parameter of one network, in nanoGPT's order of modules."""
    d, hidden = size.width, size.mlp_factor * size.width
    table: dict[str, tuple[int, ...]] = {"token_embedding": (vocabulary, d), "position_embedding": (block, d)}
    for layer in range(size.layers):
        table |= {
            f"blocks.{layer}.attention_norm": (d,),
            f"blocks.{layer}.attention_in": (3 * d, d),
            f"blocks.{layer}.attention_out": (d, d),
            f"blocks.{layer}.mlp_norm": (d,),
            f"blocks.{layer}.mlp_in": (hidden, d),
            f"blocks.{layer}.mlp_out": (d, hidden),
        }
    return table | {"final_norm": (d,)}


def count_parameters(size: Size, vocabulary: int, block: int) -> tuple[int, int]:
    """Return two numbers of one network's parameters: all, and without the positions, as the paper counts."""
    counts = {name: math.prod(shape) for name, shape in shapes(size, vocabulary, block).items()}
    total = sum(counts.values())
    return total, total - counts["position_embedding"]


def initialise(size: Size, vocabulary: int, block: int, seeds: Sequence[int]) -> dict[str, NDArray[numpy.float32]]:
    """Return fresh parameters by name, (S, ...) each for S seeds; a network depends on its own seed alone."""
    stack = [_initialise_one(size, vocabulary, block, Generator(seed)) for seed in seeds]
    return {name: numpy.stack([one[name] for one in stack]) for name in stack[0]}


def _initialise_one(size: Size, vocabulary: int, block: int, generator: Generator) -> dict[str, NDArray[numpy.float32]]:
    """N(0, 0.02) for matrices, N(0, 0.02 / sqrt(2 L)) for those that write to the residual stream, 1 for norms.

    The draws are made in nanoGPT's order, so that a seed starts where it starts there: each module's own default
    initialisation comes first and is overwritten, and the tied embedding is drawn twice.
    """
    table = shapes(size, vocabulary, block)
    parameters = {name: numpy.ones(shape, dtype=numpy.float32) for name, shape in table.items()}
    matrices = [name for name, shape in table.items() if len(shape) == 2]
    linear = [name for name in matrices if name.startswith("blocks.")]

    for name in ("token_embedding", "position_embedding"):
        generator.normal(table[name], 1.0)
    for name in [*linear, "token_embedding"]:  # the last one is the output head
        generator.skip(math.prod(table[name]))

    for name in [*matrices, "token_embedding"]:
        parameters[name] = generator.normal(table[name], INITIAL_DEVIATION)
    for name in linear:
        if name.endswith("_out"):
            parameters[name] = generator.normal(table[name], INITIAL_DEVIATION / math.sqrt(2 * size.layers))
    return parameters
