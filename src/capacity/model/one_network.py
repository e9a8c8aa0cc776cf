"""The Transformer for one network, in NumPy: what :mod:`capacity.model.transformer` computes, and its attention.

It is for looking at a trained network, not for training: it loads no torch, and keeps what the fast ones throw away.
The page of the explorer computes the same in JavaScript, with the same names. It computes in the type of the
parameters: float32 as they are trained, or float64 for measures that are to be the same on every machine.

Axes in the comments: ... any axes of texts, T positions, d width, H heads, f features of a head, V vocabulary, m MLP
factor.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy
from numpy.typing import NDArray

Parameters = Mapping[str, NDArray[Any]]
Array = NDArray[Any]

EPSILON = 1e-5
"""Of layer norms: nanoGPT's."""

_BLOCK = ("attention_norm", "attention_in", "attention_out", "mlp_norm", "mlp_in", "mlp_out")
_erf = numpy.frompyfunc(math.erf, 1, 1)  # of the standard library, as scipy takes longer to load than a job takes


@dataclass(frozen=True)
class Reading:
    """What a network makes of texts of T characters.

    Attributes:
        logits: (..., T, V), of the character after each one.
        attention: (L, ..., H, T, T), how much each character (the last axis but one) looks at itself and those before
            it (the last): each row adds up to 1.
    """

    logits: Array
    attention: Array


def forward(parameters: Parameters, tokens: Sequence[int] | NDArray[numpy.int64], heads: int) -> Reading:
    """Read a text, or several of one length.

    Args:
        parameters: By name, with the shapes of :func:`capacity.model.initialization.shapes`.
        tokens: (..., T) numbers of characters, at least one and at most the block.
        heads: Attention heads.
    """
    embedding, numbers = parameters["token_embedding"], numpy.asarray(tokens)
    x = embedding[numbers] + parameters["position_embedding"][: numbers.shape[-1]]  # (..., T, d)
    attention = []
    for block in _blocks(parameters):
        projected = _read_states(block["attention_in"], block["attention_norm"], x)  # (..., T, 3 d)
        query, key, value = (
            _by_head(part, heads) for part in numpy.split(projected, 3, axis=-1)
        )  # (..., H, T, f) each
        weights = _attention_weights(query, key)
        attention.append(weights)
        x = x + _mix(weights, value) @ block["attention_out"].T
        hidden = _gelu(_read_states(block["mlp_in"], block["mlp_norm"], x))  # (..., T, m d)
        x = x + hidden @ block["mlp_out"].T
    return Reading(_read_states(embedding, parameters["final_norm"], x), numpy.stack(attention))


def _blocks(parameters: Parameters) -> list[Parameters]:
    layers = sum(name.endswith(".mlp_in") for name in parameters)
    return [{name: parameters[f"blocks.{layer}.{name}"] for name in _BLOCK} for layer in range(layers)]


def _read_states(weight: Array, norm: Array, x: Array) -> Array:
    """The product of a matrix (out, in) and the layer norm, with weight (in,), of states (..., T, in)."""
    centred = x - x.mean(-1, keepdims=True)
    normalised = centred / numpy.sqrt((centred * centred).mean(-1, keepdims=True) + EPSILON)
    product: Array = (normalised * norm) @ weight.T
    return product


def _by_head(x: Array, heads: int) -> Array:
    """(..., T, d) to (..., H, T, f)."""
    return x.reshape(*x.shape[:-1], heads, -1).swapaxes(-3, -2)


def _attention_weights(query: Array, key: Array) -> Array:
    """Causal attention weights of (..., H, T, f) queries and keys: (..., H, T queries, T keys)."""
    length, features = query.shape[-2:]
    scores = query @ key.swapaxes(-2, -1) / math.sqrt(features)
    scores = numpy.where(numpy.tri(length, dtype=bool), scores, -numpy.inf)
    weights = numpy.exp(scores - scores.max(-1, keepdims=True))
    normalised: Array = weights / weights.sum(-1, keepdims=True)
    return normalised


def _mix(weights: Array, value: Array) -> Array:
    """Sums of (..., H, T, f) values with (..., H, T queries, T keys) weights: (..., T, d)."""
    mixed = (weights @ value).swapaxes(-3, -2)
    return mixed.reshape(*mixed.shape[:-2], -1)


def _gelu(x: Array) -> Array:
    errors = numpy.asarray(_erf(x / math.sqrt(2)), dtype=x.dtype)
    activated: Array = x * (0.5 + 0.5 * errors)
    return activated
