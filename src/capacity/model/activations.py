"""One network in NumPy and float64, to look inside: the logits after some texts, and what each head attends to.

The program that trains keeps neither. It computes the same in float32, so that logits agree to some six digits.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy
from numpy.typing import NDArray

Floats = NDArray[numpy.float64]

EPSILON = 1e-5
"""Added to the variance in a layer norm, as in nanoGPT."""


class Activations(NamedTuple):
    """What a network computes at the last position of N texts.

    Attributes:
        logits: (N, V), of the next character.
        attention: (L, H, N, T), the weight that each head of each layer gives to each position.
    """

    logits: Floats
    attention: Floats


def activations(parameters: Mapping[str, NDArray[Any]], heads: int, tokens: NDArray[numpy.int64]) -> Activations:
    """Compute the activations of one network at the last position of texts of one length.

    Args:
        parameters: Of one network, by name as in :mod:`capacity.model.initialization`, without an axis for networks.
        heads: Attention heads of each layer.
        tokens: (N, T), the numbers of the characters of N texts.
    """
    count, length = tokens.shape
    weight = {name: numpy.asarray(value, dtype=numpy.float64) for name, value in parameters.items()}
    x = weight["token_embedding"][tokens] + weight["position_embedding"][:length]  # (N, T, d)
    future = numpy.triu(numpy.full((length, length), -math.inf), 1)
    attention = []
    for layer in range(sum(name.endswith(".mlp_in") for name in weight)):
        block = {name: weight[f"blocks.{layer}.{name}"] for name in _BLOCK}
        projected = _normalised(x, block["attention_norm"]) @ block["attention_in"].T
        by_head = projected.reshape(count, length, 3, heads, -1).transpose(2, 3, 0, 1, 4)
        query, key, value = by_head  # (H, N, T, f) each
        scores = query @ key.swapaxes(2, 3) / math.sqrt(query.shape[3]) + future
        attended = _softmax(scores)
        attention.append(attended[:, :, -1])
        mixed = (attended @ value).transpose(1, 2, 0, 3).reshape(count, length, -1)
        x = x + mixed @ block["attention_out"].T
        hidden = _gelu(_normalised(x, block["mlp_norm"]) @ block["mlp_in"].T)
        x = x + hidden @ block["mlp_out"].T
    logits = _normalised(x[:, -1], weight["final_norm"]) @ weight["token_embedding"].T
    return Activations(logits, numpy.stack(attention))


_BLOCK = ("attention_norm", "attention_in", "attention_out", "mlp_norm", "mlp_in", "mlp_out")
_erf = numpy.frompyfunc(math.erf, 1, 1)  # of the standard library, as scipy takes longer to load than a job takes


def _normalised(x: Floats, weight: Floats) -> Floats:
    centred = x - x.mean(-1, keepdims=True)
    scaled: Floats = centred / numpy.sqrt((centred**2).mean(-1, keepdims=True) + EPSILON) * weight
    return scaled


def _softmax(scores: Floats) -> Floats:
    powers = numpy.exp(scores - scores.max(-1, keepdims=True))
    shares: Floats = powers / powers.sum(-1, keepdims=True)
    return shares


def _gelu(x: Floats) -> Floats:
    errors = numpy.asarray(_erf(x / math.sqrt(2)), dtype=numpy.float64)
    halved: Floats = x * (1 + errors) / 2
    return halved
