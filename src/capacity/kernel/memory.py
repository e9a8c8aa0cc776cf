"""The shape of a network, its parameters in one flat array, and the arrays that it computes in.

Letters in shapes: L layers, d width, H heads, f features of a head, h hidden features, V characters, T places.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from capacity.kernel.lanes import WIDTH
from capacity.kernel.prefixes import whole_blocks
from capacity.kernel.steps import BLOCK, TILE, Floats


class Shape(NamedTuple):
    """The shape of a network: L, H, d, h, V and T."""

    layers: int
    heads: int
    width: int
    hidden: int
    characters: int
    places: int


class Parameters(NamedTuple):
    """The parameters of a network, or their gradients; those of layers lie one layer after another."""

    token_embedding: Floats
    position_embedding: Floats
    attention_norm: Floats
    attention_in: Floats
    attention_out: Floats
    mlp_norm: Floats
    mlp_in: Floats
    mlp_out: Floats
    final_norm: Floats


def parameter_shapes(shape: Shape) -> tuple[tuple[int, ...], ...]:
    """Return the shape of each of the :class:`Parameters`, in their order."""
    layers, _, d, h, characters, places = shape
    return (
        (characters, d), (places, d), (layers, d), (layers, 3 * d, d), (layers, d, d),
        (layers, d), (layers, h, d), (layers, d, h), (1, d),
    )  # fmt: skip


def split(flat: Floats, shape: Shape) -> Parameters:
    """Return the parts of one flat array as parameters: views, in the order of :class:`Parameters`."""
    parts, start = [], 0
    for dimensions in parameter_shapes(shape):
        end = start + math.prod(dimensions)
        parts.append(flat[start:end].reshape(dimensions))
        start = end
    return Parameters(*parts)


def count(shape: Shape) -> int:
    """Return the number of parameters of a network."""
    return sum(math.prod(dimensions) for dimensions in parameter_shapes(shape))


def padded(number: int, multiple: int = WIDTH) -> int:
    """Return the smallest multiple that is not below a number."""
    return -(-number // multiple) * multiple


def aligned(*dimensions: int) -> Floats:
    """Return zeros that begin where a line of the cache does, as vectors want it."""
    size = 4 * math.prod(dimensions)
    raw = np.zeros(size + 64, np.uint8)
    start = -raw.ctypes.data % 64
    return raw[start : start + size].view(np.float32).reshape(dimensions)


# The arrays that a network computes in, and the dimensions of each, by the names in `_dimensions`.
_ARRAYS = {
    "mask no_bias bias": "1 widest",
    # Folded matrices of each layer:
    "query key value": "layers heads width",
    "query_T key_T value_T": "layers width heads",
    "out": "layers width heads",
    "out_T": "layers heads width",
    "unmixed": "layers heads width",
    "unmixed_T": "layers width heads",
    "mlp_in mlp_out_T": "layers hidden width",
    "mlp_in_T mlp_out": "layers width hidden",
    "head": "characters width",
    "head_T": "width characters",
    # Their gradients, of one layer at a time:
    "d_query d_key d_value d_unmixed": "heads width",
    "d_out": "width heads",
    "d_mlp_in": "hidden width",
    "d_mlp_out": "width hidden",
    "d_head": "characters width",
    # Of the sources of each layer, and the gradients of one layer at a time:
    "states d_states": "2 sources width",
    "normal": "kept sources width",
    "normal_scale": "kept 1 sources",
    "queries keys values": "kept sources heads",
    "d_queries d_keys d_values": "sources heads",
    # Of the prefixes of the layers below the last:
    "kept_attention": "below scores places",
    "kept_mix": "below prefixes heads",
    "kept_n2": "below prefixes width",
    "kept_scale": "below 1 prefixes",
    "kept_hidden kept_slope": "below prefixes hidden",
    # Of the prefixes of a block:
    "attention d_attention": "block_scores places",
    "x n2 y n3 d_n d_y": "block width",
    "scale2 scale3 sums logs highest": "1 block",
    "hidden slope d_hidden": "block hidden",
    "logits": "block characters",
    "mix d_mix": "block heads",
}
_DIMENSIONS = {name: dimensions.split() for names, dimensions in _ARRAYS.items() for name in names.split()}

_INTEGERS = ("index", "places", "inputs", "numbers")

Memory = NamedTuple(  # type: ignore[misc]
    "Memory", [(name, Floats) for name in _DIMENSIONS] + [(name, NDArray[np.int32]) for name in _INTEGERS]
)
"""The arrays that a network computes in. The system gives memory to those parts of them that are written to.

``index`` and ``places`` are those of :func:`capacity.kernel.steps.attend`; ``inputs`` and ``numbers`` are those of
:func:`capacity.kernel.folding.number_inputs`.
"""


def memory(shape: Shape, prefixes: int, backward: bool) -> Memory:
    """Return the memory of a network.

    Args:
        shape: of the network.
        prefixes: how many a batch has at most. A network of one layer needs none of its memory for them.
        backward: whether gradients are computed too.
    """
    feature = padded(shape.width // shape.heads)
    inputs = padded(shape.characters * shape.places, TILE)
    deep = shape.layers > 1
    below = shape.layers - 1 if backward else 0
    sizes = {
        "1": 1,
        "2": 2,
        "layers": shape.layers,
        "kept": shape.layers if backward else 1,
        "below": below,
        "width": padded(shape.width),
        "heads": shape.heads * feature,
        "hidden": padded(shape.hidden),
        "characters": padded(shape.characters),
        "places": padded(shape.places),
        "sources": max(inputs, whole_blocks(prefixes)) if deep else inputs,
        "prefixes": whole_blocks(prefixes) if below else 1,
        "scores": whole_blocks(prefixes) * shape.heads if below else 1,
        "block": BLOCK,
        "block_scores": BLOCK * shape.heads,
    }
    sizes["widest"] = max(sizes[name] for name in ("width", "heads", "hidden", "characters"))
    arrays = {
        name: aligned(*(sizes[each] if backward or not name.startswith("d_") else 1 for each in dimensions))
        for name, dimensions in _DIMENSIONS.items()
    }
    arrays["mask"][0, : shape.width] = 1
    arrays["bias"][0, shape.characters :] = -1e30
    listed, numbers = (np.zeros(shape.characters * shape.places, np.int32) for _ in range(2))
    index, places = np.zeros((BLOCK, shape.places), np.int32), np.zeros(BLOCK, np.int32)
    return Memory(**arrays, index=index, places=places, inputs=listed, numbers=numbers)  # type: ignore[call-arg]
