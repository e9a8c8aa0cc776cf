"""The same update as a JAX program: one ``jax.jit`` of ``lax.scan`` over a block of updates, for one network.

Batches are drawn inside, dense, from all windows of the text. Two choices made it faster on a CPU, each by about a
tenth: queries, keys and values as three products and not one, and GELU by ``erf`` and not ``jax.nn.gelu``. No faster
were the embedding as a product with one-hot rows, ``jax.nn.dot_product_attention``, batched products with the heads in
front, the target's logit by a one-hot sum, a scan unrolled four times, and fast-math.

Axes in the comments: N rows, T positions, d width, H heads, V vocabulary.
"""

from __future__ import annotations

import math
from functools import partial
from typing import NamedTuple

import jax
import numpy
from jax import Array, lax
from jax import numpy as jnp

from benchmarks.measure import Sample, peak_resident_bytes, timed
from benchmarks.setting import Setting
from capacity.corpora import corpus
from capacity.experiment.cell import Cell
from capacity.paper import protocol
from capacity.paper.protocol import Size

Parameters = dict[str, Array]
"""Of one network, by the names of :mod:`capacity.model.transformer`, without a seed axis."""

LAYER_NORM_EPSILON = 1e-5
ADAM_EPSILON = 1e-8
INITIAL_DEVIATION = 0.02


class State(NamedTuple):
    """Parameters, both moments of their gradients, and how many updates were made."""

    parameters: Parameters
    first: Parameters
    second: Parameters
    updates: Array


def initial_state(parameters: Parameters) -> State:
    first, second = ({name: jnp.zeros_like(value) for name, value in parameters.items()} for _ in range(2))
    return State(parameters, first, second, jnp.array(0))


def forward(parameters: Parameters, tokens: Array, heads: int, dropout: float, key: Array) -> Array:
    """Logits (N, T, V) of (N, T) characters."""
    rows, length = tokens.shape
    embedding = parameters["token_embedding"]
    width = embedding.shape[1]
    layers = sum(name.endswith(".mlp_in") for name in parameters)
    keys = iter(jax.random.split(key, 1 + 3 * layers))
    causal = jnp.tril(jnp.ones((length, length), bool))

    x = _drop(embedding[tokens] + parameters["position_embedding"][:length], dropout, next(keys))  # (N, T, d)
    for layer in range(layers):
        block = {name: parameters[f"blocks.{layer}.{name}"] for name in _BLOCK}
        normalised = _normalise(x, block["attention_norm"])
        parts = (normalised @ matrix.T for matrix in jnp.split(block["attention_in"], 3))
        query, keyed, value = (part.reshape(rows, length, heads, width // heads) for part in parts)
        scores = jnp.einsum("nqhf,nkhf->nhqk", query, keyed) / math.sqrt(width // heads)
        weights = jax.nn.softmax(jnp.where(causal, scores, -jnp.inf), axis=-1)
        mixed = jnp.einsum("nhqk,nkhf->nqhf", _drop(weights, dropout, next(keys)), value).reshape(rows, length, width)
        x = x + _drop(mixed @ block["attention_out"].T, dropout, next(keys))
        hidden = _gelu(_normalise(x, block["mlp_norm"]) @ block["mlp_in"].T)
        x = x + _drop(hidden @ block["mlp_out"].T, dropout, next(keys))
    return _normalise(x, parameters["final_norm"]) @ embedding.T


_BLOCK = ("attention_norm", "attention_in", "attention_out", "mlp_norm", "mlp_in", "mlp_out")


def _normalise(x: Array, weight: Array) -> Array:
    centred = x - x.mean(-1, keepdims=True)
    variance = (centred * centred).mean(-1, keepdims=True)
    return centred * lax.rsqrt(variance + LAYER_NORM_EPSILON) * weight


def _gelu(x: Array) -> Array:
    return 0.5 * x * (1.0 + lax.erf(x * math.sqrt(0.5)))


def _drop(x: Array, rate: float, key: Array) -> Array:
    if rate == 0.0:
        return x
    return jnp.where(jax.random.bernoulli(key, 1.0 - rate, x.shape), x / (1.0 - rate), 0.0)


def mean_loss(parameters: Parameters, inputs: Array, targets: Array, heads: int, dropout: float, key: Array) -> Array:
    """Mean negative log-likelihood of (N, T) targets, in nats."""
    logits = forward(parameters, inputs, heads, dropout, key)
    chosen = jnp.take_along_axis(logits, targets[..., None], axis=-1)[..., 0]
    return (jax.nn.logsumexp(logits, axis=-1) - chosen).mean()


def learning_rate(cell: Cell, iteration: Array) -> Array:
    """Linear warm-up, cosine, constant: ``capacity.training.schedule.learning_rate`` as part of the program."""
    rising = cell.learning_rate * (iteration + 1) / (cell.warmup_iterations + 1)
    done = (iteration - cell.warmup_iterations) / (cell.decay_iterations - cell.warmup_iterations)
    share = 0.5 * (1.0 + jnp.cos(math.pi * jnp.clip(done, 0.0, 1.0)))
    falling = cell.final_learning_rate + share * (cell.learning_rate - cell.final_learning_rate)
    return jnp.where(iteration < cell.warmup_iterations, rising, falling)


def update(cell: Cell, state: State, inputs: Array, targets: Array, rate: Array, key: Array) -> tuple[State, Array]:
    """One update by AdamW with clipped gradients; the new state, and the loss before it."""
    loss, gradients = jax.value_and_grad(mean_loss)(
        state.parameters, inputs, targets, cell.size.heads, cell.dropout, key
    )
    norm = jnp.sqrt(sum((gradient * gradient).sum() for gradient in gradients.values()))
    scale = jnp.minimum(1.0, protocol.GRADIENT_CLIP / (norm + 1e-6))
    updates = state.updates + 1
    beta1, beta2 = protocol.ADAM_BETA1, protocol.ADAM_BETA2
    correction1, correction2 = 1.0 - beta1**updates, 1.0 - beta2**updates
    parameters, first, second = {}, {}, {}
    for name, value in state.parameters.items():
        gradient = gradients[name] * scale
        first[name] = beta1 * state.first[name] + (1.0 - beta1) * gradient
        second[name] = beta2 * state.second[name] + (1.0 - beta2) * gradient * gradient
        decayed = value * (1.0 - rate * cell.weight_decay) if value.ndim >= 2 else value
        deviation = jnp.sqrt(second[name] / correction2) + ADAM_EPSILON
        parameters[name] = decayed - rate * (first[name] / correction1) / deviation
    return State(parameters, first, second, updates), loss


def initialise(size: Size, vocabulary: int, block: int, key: Array) -> Parameters:
    """Parameters distributed as those of :mod:`capacity.model.transformer`, drawn by JAX."""
    d, hidden = size.width, size.mlp_factor * size.width
    shapes: dict[str, tuple[int, ...]] = {"token_embedding": (vocabulary, d), "position_embedding": (block, d)}
    for layer in range(size.layers):
        matrices = ((d,), (3 * d, d), (d, d), (d,), (hidden, d), (d, hidden))
        shapes |= {f"blocks.{layer}.{name}": shape for name, shape in zip(_BLOCK, matrices, strict=True)}
    shapes["final_norm"] = (d,)
    parameters = {}
    for (name, shape), one in zip(shapes.items(), jax.random.split(key, len(shapes)), strict=True):
        deviation = INITIAL_DEVIATION / (math.sqrt(2 * size.layers) if name.endswith("_out") else 1.0)
        parameters[name] = deviation * jax.random.normal(one, shape) if len(shape) == 2 else jnp.ones(shape)
    return parameters


def has(device: str) -> bool:
    """Whether this JAX can compute on ``cpu`` or ``cuda``."""
    try:
        return bool(jax.devices(device))
    except RuntimeError:
        return False


def enter(setting: Setting) -> JaxTraining:
    if not has(setting.device):
        raise RuntimeError(f"device: this JAX is installed without {setting.device}")
    return JaxTraining(setting)


class JaxTraining:
    """Training of one network of a cell in blocks of updates."""

    def __init__(self, setting: Setting) -> None:
        if setting.seeds != 1:
            raise ValueError(f"seeds: the JAX program trains one network, not {setting.seeds}")
        if setting.precision not in (None, "float32"):
            raise ValueError(f"precision: the JAX program computes in float32, not in {setting.precision}")
        cell = setting.cell
        lines = corpus.build(cell)
        vocabulary = corpus.vocabulary(lines)
        text = numpy.array(vocabulary.encode("".join(line.text for line in corpus.stream_lines(lines))), numpy.int32)
        self._windows = jnp.asarray(numpy.lib.stride_tricks.sliding_window_view(text, cell.block + 1))
        self._device = setting.device
        self._key = jax.random.key(0)
        self._state = initial_state(initialise(cell.size, len(vocabulary), cell.block, self._key))

        def block(state: State, windows: Array, key: Array, updates: int) -> tuple[State, Array]:
            def one(state: State, _: None) -> tuple[State, Array]:
                draw, drop = jax.random.split(jax.random.fold_in(key, state.updates))
                chosen = windows[jax.random.randint(draw, (cell.batch,), 0, len(windows))]
                rate = learning_rate(cell, state.updates)
                return update(cell, state, chosen[:, :-1], chosen[:, 1:], rate, drop)

            last, losses = lax.scan(one, state, None, length=updates)
            return last, losses

        self._block = jax.jit(block, static_argnames="updates", donate_argnames="state")

    def update(self, updates: int, untimed: int = 0) -> Sample:
        for _ in range(untimed):  # one at a time, for every length is compiled by itself
            self._advance(1)
        return timed(partial(self._advance, updates))

    def peak_bytes(self) -> int:
        if self._device == "cuda":
            return int(jax.devices()[0].memory_stats()["peak_bytes_in_use"])
        return peak_resident_bytes()

    def _advance(self, updates: int) -> None:
        self._state, losses = self._block(self._state, self._windows, self._key, updates=updates)
        losses.block_until_ready()
