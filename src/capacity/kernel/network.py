"""The network as one compiled function, forward and backward: one CPU core, float32, no dropout.

The numbers are those of :mod:`capacity.model.transformer` to rounding, and the same bytes on every processor. A few
facts make it fast:

- In the first layer, queries, keys and values depend on the *inputs* alone, a character at a place. They are tables of
  as many rows, made once per update. The number of an input is ``place * characters + character``.
- Given the tables of a layer, each distinct prefix of a batch is a computation of its own, forward and backward.
  Prefixes are taken :data:`capacity.kernel.steps.BLOCK` at a time. The last layer goes forward, through the loss, and
  back before the next block begins.
- In a deeper layer the tables have a row for each prefix of the batch, and a prefix reads those of its beginnings. What
  the way back needs of the layers below the last is kept for all prefixes.
- A norm's weight is folded into the matrix that reads it, and a head's output projection into its values' projection:
  ``mixed`` is attention_out times the part of attention_in for values.

Letters in shapes: L layers, d width, H heads, f features of a head, h hidden features, V characters, T places.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from capacity.kernel.cache import compiled, entry
from capacity.kernel.lanes import WIDTH
from capacity.kernel.prefixes import whole_blocks
from capacity.kernel.steps import (
    BLOCK,
    ONE,
    ZERO,
    activate,
    add_to,
    attend,
    attend_back,
    cross_entropy,
    exponentials,
    multiply_by,
    normalise,
    normalise_back,
    product,
)

Floats = NDArray[np.float32]


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
    "query_T key_T": "layers width heads",
    "value_T": "layers mixed feature",
    "out_T": "layers heads width",
    "mixed": "layers mixed width",
    "mixed_T": "layers width mixed",
    "mlp_in mlp_out_T": "layers hidden width",
    "mlp_in_T mlp_out": "layers width hidden",
    "head": "characters width",
    "head_T": "width characters",
    # Their gradients, of one layer at a time:
    "d_query d_key": "heads width",
    "d_mixed": "mixed width",
    "d_value": "feature width",
    "d_out": "width feature",
    "d_mlp_in": "hidden width",
    "d_mlp_out": "width hidden",
    "d_head": "characters width",
    # Of the sources of each layer, and the gradients of one layer at a time:
    "states d_states": "2 sources width",
    "normal": "kept sources width",
    "normal_scale": "kept 1 sources",
    "queries keys": "kept sources heads",
    "values": "kept sources mixed",
    "d_normal": "sources width",
    "d_queries d_keys": "sources heads",
    "d_values": "sources mixed",
    # Of the prefixes of the layers below the last:
    "kept_attention": "below scores places",
    "kept_n2": "below prefixes width",
    "kept_scale": "below 1 prefixes",
    "kept_hidden kept_slope": "below prefixes hidden",
    # Of the prefixes of a block:
    "attention d_attention": "block_scores places",
    "x n2 y n3 d_n d_y": "block width",
    "scale2 scale3 sums logs highest": "1 block",
    "hidden slope d_hidden": "block hidden",
    "logits": "block characters",
}
_DIMENSIONS = {name: dimensions.split() for names, dimensions in _ARRAYS.items() for name in names.split()}

Memory = NamedTuple("Memory", [(name, Floats) for name in _DIMENSIONS] + [("index", NDArray[np.int32])])  # type: ignore[misc]
"""The arrays that a network computes in; ``index`` is the ``index`` of :func:`capacity.kernel.steps.attend`."""


def memory(shape: Shape, prefixes: int, backward: bool) -> Memory:
    """Return the memory of a network.

    Args:
        shape: of the network.
        prefixes: how many a batch has at most. A network of one layer needs none of its memory for them.
        backward: whether gradients are computed too.
    """
    feature = padded(shape.width // shape.heads)
    inputs = padded(shape.characters * shape.places, 8)
    deep = shape.layers > 1
    below = shape.layers - 1 if backward else 0
    sizes = {
        "1": 1,
        "2": 2,
        "layers": shape.layers,
        "kept": shape.layers if backward else 1,
        "below": below,
        "width": padded(shape.width),
        "feature": feature,
        "heads": shape.heads * feature,
        "mixed": shape.heads * padded(shape.width),
        "hidden": padded(shape.hidden),
        "characters": padded(shape.characters),
        "places": padded(shape.places),
        "sources": max(inputs, whole_blocks(prefixes)) if deep else inputs,
        "prefixes": whole_blocks(prefixes) if below else 1,
        "scores": whole_blocks(prefixes) * shape.heads if below else 1,
        "block": BLOCK,
        "block_scores": BLOCK * shape.heads,
    }
    sizes["widest"] = max(sizes[name] for name in ("width", "heads", "mixed", "hidden", "characters", "feature"))
    arrays = {
        name: aligned(*(sizes[each] if backward or not name.startswith("d_") else 1 for each in dimensions))
        for name, dimensions in _DIMENSIONS.items()
    }
    arrays["mask"][0, : shape.width] = 1
    arrays["bias"][0, shape.characters :] = -1e30
    return Memory(**arrays, index=np.zeros((BLOCK, shape.places), np.int32))


@compiled
def fold(shape, w, m):
    """Compute the folded matrices of all layers, and their transposes, from the parameters w."""
    d, heads, h = shape.width, shape.heads, shape.hidden
    f, lanes_f, lanes_d = d // heads, m.query.shape[1] // heads, m.query.shape[2]
    root = ONE / np.float32(math.sqrt(f))
    for layer in range(shape.layers):
        gain, matrix, projection = w.attention_norm[layer], w.attention_in[layer], w.attention_out[layer]
        query, key, value, out_T = m.query[layer], m.key[layer], m.value[layer], m.out_T[layer]
        query_T, key_T, value_T = m.query_T[layer], m.key_T[layer], m.value_T[layer]
        mixed, mixed_T = m.mixed[layer], m.mixed_T[layer]
        for head in range(heads):
            for i in range(f):
                row, feature = head * lanes_f + i, head * f + i
                for k in range(d):
                    query[row, k] = query_T[k, row] = matrix[feature, k] * (gain[k] * root)
                    key[row, k] = key_T[k, row] = matrix[d + feature, k] * gain[k]
                    value[row, k] = value_T[head * lanes_d + k, i] = matrix[2 * d + feature, k] * gain[k]
                    out_T[row, k] = projection[k, feature]
            of_head = mixed[head * lanes_d : (head + 1) * lanes_d]
            rows = slice(head * lanes_f, (head + 1) * lanes_f)
            product(of_head, out_T[rows].T, value[rows], f, m.no_bias, False)
            for i in range(d):
                for k in range(d):
                    mixed_T[k, head * lanes_d + i] = of_head[i, k]
        gain = w.mlp_norm[layer]
        mlp_in, mlp_in_T, mlp_out, mlp_out_T = m.mlp_in[layer], m.mlp_in_T[layer], m.mlp_out[layer], m.mlp_out_T[layer]
        matrix_in, matrix_out = w.mlp_in[layer], w.mlp_out[layer]
        for i in range(h):
            for k in range(d):
                mlp_in[i, k] = mlp_in_T[k, i] = matrix_in[i, k] * gain[k]
                mlp_out[k, i] = mlp_out_T[i, k] = matrix_out[k, i]
    head, head_T, tokens, gain = m.head, m.head_T, w.token_embedding, w.final_norm[0]
    for i in range(shape.characters):
        for k in range(d):
            head[i, k] = head_T[k, i] = tokens[i, k] * gain[k]


@compiled
def unfold(shape, layer, w, g, m):
    """Add to the gradients g of a layer what the gradients of its folded matrices give them."""
    d, heads, h = shape.width, shape.heads, shape.hidden
    f, lanes_f, lanes_d = d // heads, m.query.shape[1] // heads, m.query.shape[2]
    root = ONE / np.float32(math.sqrt(f))
    gain, matrix, d_matrix, d_gain = (
        w.attention_norm[layer],
        w.attention_in[layer],
        g.attention_in[layer],
        g.attention_norm[layer],
    )
    out_T, value_T, d_projection = m.out_T[layer], m.value_T[layer], g.attention_out[layer]
    d_queries, d_keys, d_values, d_out = m.d_query, m.d_key, m.d_value, m.d_out
    for head in range(heads):
        of_head = m.d_mixed[head * lanes_d : (head + 1) * lanes_d]
        product(d_values, out_T[head * lanes_f : (head + 1) * lanes_f], of_head, d, m.no_bias, False)
        product(d_out, of_head, value_T[head * lanes_d : (head + 1) * lanes_d], d, m.no_bias, False)
        for i in range(f):
            row, query, key, value = head * lanes_f + i, head * f + i, d + head * f + i, 2 * d + head * f + i
            for k in range(d):
                d_query, d_key, d_value = d_queries[row, k] * root, d_keys[row, k], d_values[i, k]
                d_matrix[query, k], d_matrix[key, k] = d_query * gain[k], d_key * gain[k]
                d_matrix[value, k] = d_value * gain[k]
                d_gain[k] += d_query * matrix[query, k] + d_key * matrix[key, k] + d_value * matrix[value, k]
                d_projection[k, query] = d_out[k, i]
    gain, d_gain, matrix_in = w.mlp_norm[layer], g.mlp_norm[layer], w.mlp_in[layer]
    d_in, d_matrix_in, d_out, d_matrix_out = m.d_mlp_in, g.mlp_in[layer], m.d_mlp_out, g.mlp_out[layer]
    for i in range(h):
        for k in range(d):
            d_matrix_in[i, k] = d_in[i, k] * gain[k]
            d_gain[k] += d_in[i, k] * matrix_in[i, k]
            d_matrix_out[k, i] = d_out[k, i]


@compiled
def embed(shape, w, m):
    """Compute the states of all inputs, the sources of the first layer."""
    states, tokens, positions = m.states[0], w.token_embedding, w.position_embedding
    for place in range(shape.places):
        for character in range(shape.characters):
            number = place * shape.characters + character
            for i in range(shape.width):
                states[number, i] = tokens[character, i] + positions[place, i]


@compiled
def embed_back(shape, w, g, m):
    """Compute the gradients of both embeddings, and of the norm before the head, which shares one of them."""
    tokens, gain, d_head, d_inputs = w.token_embedding, w.final_norm[0], m.d_head, m.d_states[0]
    d_tokens, d_positions, d_gain = g.token_embedding, g.position_embedding, g.final_norm[0]
    for i in range(shape.characters):
        for k in range(shape.width):
            d_tokens[i, k] = d_head[i, k] * gain[k]
            d_gain[k] += d_head[i, k] * tokens[i, k]
    d_positions[:] = ZERO
    for place in range(shape.places):
        for character in range(shape.characters):
            number = place * shape.characters + character
            for i in range(shape.width):
                d_tokens[character, i] += d_inputs[number, i]
                d_positions[place, i] += d_inputs[number, i]


@compiled
def make_tables(shape, layer, slot, sources, m):
    """Compute queries, keys and values of the sources of a layer into the part ``slot`` of the memory."""
    states, normal = m.states[layer % 2][:sources], m.normal[slot][:sources]
    normalise(normal, m.normal_scale[slot, 0], states, shape.width, m.mask)
    product(m.queries[slot][:sources], normal, m.query_T[layer], shape.width, m.no_bias, False)
    product(m.keys[slot][:sources], normal, m.key_T[layer], shape.width, m.no_bias, False)
    product(m.values[slot][:sources], normal, m.mixed_T[layer], shape.width, m.no_bias, False)


@compiled
def find_sources(shape, layer, first, numbers, batch, codes, index, places):
    """Write the sources of the prefixes of a block to ``index``, (R, T), and their last places to ``places``, (R,).

    The prefixes are those whose numbers are in ``numbers`` from ``first`` on.
    """
    starts, last_places, ancestors, characters = batch.starts, batch.places, batch.ancestors, shape.characters
    for r in range(BLOCK):
        prefix = numbers[first + r]
        start, places[r] = starts[prefix], last_places[prefix]
        for place in range(places[r] + 1):
            if layer == 0:
                index[r, place] = place * characters + codes[start + place]
            else:
                index[r, place] = ancestors[prefix, place]


@compiled
def run_layer(shape, layer, slot, m, places, attention, x, n2, scale, hidden, slope, y):
    """Compute the states of a block after a layer into ``y``, given its tables and ``m.index``."""
    tables = (m.states[layer % 2], m.queries[slot], m.keys[slot], m.values[slot])
    attend(attention, x, m.index, places, *tables, shape.heads)
    normalise(n2, scale, x, shape.width, m.mask)
    product(hidden, n2, m.mlp_in_T[layer], shape.width, m.no_bias, False)
    activate(hidden, slope)
    product(y, hidden, m.mlp_out_T[layer], shape.hidden, m.no_bias, False)
    add_to(y, x)


@compiled
def run_layer_back(shape, layer, m, places, attention, n2, scale, hidden, slope, d_y):
    """Compute the gradients of a layer from those of a block's states after it, ``d_y``, which is overwritten."""
    product(m.d_mlp_out, d_y.T, hidden, BLOCK, m.no_bias, True)
    product(m.d_hidden, d_y, m.mlp_out[layer], shape.width, m.no_bias, False)
    multiply_by(m.d_hidden, slope)
    product(m.d_mlp_in, m.d_hidden.T, n2, BLOCK, m.no_bias, True)
    product(m.d_n, m.d_hidden, m.mlp_in[layer], shape.hidden, m.no_bias, False)
    normalise_back(d_y, m.d_n, n2, scale, shape.width, m.mask, True)
    tables = (m.queries[layer], m.keys[layer], m.values[layer])
    gradients = (m.d_states[layer % 2], m.d_queries, m.d_keys, m.d_values)
    attend_back(d_y, attention, m.d_attention, m.index, places, *tables, *gradients, shape.heads)


@compiled
def clear_gradients(layer, sources, m):
    """Set to 0 what the blocks of a layer add to."""
    m.d_states[layer % 2, :sources] = ZERO
    m.d_queries[:sources] = ZERO
    m.d_keys[:sources] = ZERO
    m.d_values[:sources] = ZERO
    for gradient in (m.d_query, m.d_key, m.d_mixed, m.d_mlp_in, m.d_mlp_out):
        gradient[:] = ZERO


@compiled
def tables_back(shape, layer, sources, m):
    """Compute the gradients of a layer's projections, and add those of its sources' states to ``m.d_states``."""
    normal, d_normal = m.normal[layer][:sources], m.d_normal[:sources]
    d_queries, d_keys, d_values = m.d_queries[:sources], m.d_keys[:sources], m.d_values[:sources]
    product(m.d_query, d_queries.T, normal, sources, m.no_bias, True)
    product(m.d_key, d_keys.T, normal, sources, m.no_bias, True)
    product(m.d_mixed, d_values.T, normal, sources, m.no_bias, True)
    product(d_normal, d_queries, m.query[layer], d_queries.shape[1], m.no_bias, False)
    product(d_normal, d_keys, m.key[layer], d_keys.shape[1], m.no_bias, True)
    product(d_normal, d_values, m.mixed[layer], d_values.shape[1], m.no_bias, True)
    d_states = m.d_states[layer % 2][:sources]
    normalise_back(d_states, d_normal, normal, m.normal_scale[layer, 0], shape.width, m.mask, True)


@compiled
def run_lower_layers(shape, m, batch, codes, prefixes, everything, backward):
    """Compute all layers below the last, and the tables of the last; return the number of its sources.

    Args:
        shape: of the network.
        m: its memory, with folded matrices and the states of the inputs.
        batch: the batch.
        codes: the characters of its rows.
        prefixes: their number, up to a whole block.
        everything: the numbers from 0 on.
        backward: whether what the way back needs is kept.
    """
    sources = m.states.shape[1] if shape.layers == 1 else (shape.characters * shape.places + 7) // 8 * 8
    make_tables(shape, 0, 0, sources, m)
    places = np.empty(BLOCK, np.int64)
    for layer in range(shape.layers - 1):
        slot = layer if backward else 0
        for first in range(0, prefixes, BLOCK):
            end = first + BLOCK
            find_sources(shape, layer, first, everything, batch, codes, m.index, places)
            y = m.states[(layer + 1) % 2][first:end]
            if backward:
                attention = m.kept_attention[layer][first * shape.heads : end * shape.heads]
                n2, scale = m.kept_n2[layer][first:end], m.kept_scale[layer, 0][first:end]
                hidden, slope = m.kept_hidden[layer][first:end], m.kept_slope[layer][first:end]
                run_layer(shape, layer, slot, m, places, attention, m.x, n2, scale, hidden, slope, y)
            else:
                run_layer(shape, layer, slot, m, places, m.attention, m.x, m.n2, m.scale2[0], m.hidden, m.slope, y)
        make_tables(shape, layer + 1, layer + 1 if backward else 0, prefixes, m)
        sources = prefixes
    return sources


@compiled
def loss_and_gradients(shape, w, g, m, batch, codes, prefixes, chosen, whole, everything):
    """Return the mean loss of a batch, in nats per target; g becomes its gradient.

    Args:
        shape: of the network.
        w, g: its parameters and their gradients.
        m: its memory.
        batch, codes: the batch, and the characters of its rows.
        prefixes, chosen, whole: as :func:`capacity.kernel.prefixes.collect` returns them.
        everything: the numbers from 0 on.
    """
    prefixes = (prefixes + BLOCK - 1) // BLOCK * BLOCK
    fold(shape, w, m)
    embed(shape, w, m)
    sources = run_lower_layers(shape, m, batch, codes, prefixes, everything, True)
    for gradient in (g.attention_norm, g.mlp_norm, g.final_norm):
        gradient[:] = ZERO
    m.d_head[:] = ZERO
    layer = shape.layers - 1
    clear_gradients(layer, sources, m)
    places = np.empty(BLOCK, np.int64)
    loss = 0.0
    for first in range(0, chosen, BLOCK):
        find_sources(shape, layer, first, batch.chosen, batch, codes, m.index, places)
        run_layer(shape, layer, layer, m, places, m.attention, m.x, m.n2, m.scale2[0], m.hidden, m.slope, m.y)
        normalise(m.n3, m.scale3[0], m.y, shape.width, m.mask)
        product(m.logits, m.n3, m.head_T, shape.width, m.bias, False)
        loss += cross_entropy(m.logits, first, batch, whole, m.highest[0], m.sums, m.logs)
        product(m.d_head, m.logits.T, m.n3, BLOCK, m.no_bias, True)
        product(m.d_n, m.logits, m.head, shape.characters, m.no_bias, False)
        normalise_back(m.d_y, m.d_n, m.n3, m.scale3[0], shape.width, m.mask, False)
        run_layer_back(shape, layer, m, places, m.attention, m.n2, m.scale2[0], m.hidden, m.slope, m.d_y)
    tables_back(shape, layer, sources, m)
    unfold(shape, layer, w, g, m)

    for layer in range(shape.layers - 2, -1, -1):
        sources = prefixes if layer > 0 else (shape.characters * shape.places + 7) // 8 * 8
        clear_gradients(layer, sources, m)
        for first in range(0, prefixes, BLOCK):
            end = first + BLOCK
            find_sources(shape, layer, first, everything, batch, codes, m.index, places)
            attention = m.kept_attention[layer][first * shape.heads : end * shape.heads]
            n2, scale = m.kept_n2[layer][first:end], m.kept_scale[layer, 0][first:end]
            hidden, slope = m.kept_hidden[layer][first:end], m.kept_slope[layer][first:end]
            d_y = m.d_states[(layer + 1) % 2][first:end]
            run_layer_back(shape, layer, m, places, attention, n2, scale, hidden, slope, d_y)
        tables_back(shape, layer, sources, m)
        unfold(shape, layer, w, g, m)

    embed_back(shape, w, g, m)
    return loss / whole


@entry
def log_probabilities(shape, w, m, batch, codes, prefixes, chosen, everything, out):
    """Write natural logarithms of the probabilities of the next character after the chosen prefixes to ``out``, (Q, V).

    The arguments are those of :func:`loss_and_gradients`; ``out`` says how many prefixes are chosen, and ``chosen`` is
    their number up to a whole block.
    """
    prefixes = (prefixes + BLOCK - 1) // BLOCK * BLOCK
    fold(shape, w, m)
    embed(shape, w, m)
    run_lower_layers(shape, m, batch, codes, prefixes, everything, False)
    layer = shape.layers - 1
    places = np.empty(BLOCK, np.int64)
    for first in range(0, chosen, BLOCK):
        find_sources(shape, layer, first, batch.chosen, batch, codes, m.index, places)
        run_layer(shape, layer, 0, m, places, m.attention, m.x, m.n2, m.scale2[0], m.hidden, m.slope, m.y)
        normalise(m.n3, m.scale3[0], m.y, shape.width, m.mask)
        product(m.logits, m.n3, m.head_T, shape.width, m.bias, False)
        write_logits(out, first, m.logits)
        exponentials(m.logits, m.highest[0], m.sums, m.logs)
        normalise_logits(out, first, m.highest[0], m.logs)


@compiled
def write_logits(out, first, logits):
    """Copy the logits of a block to the rows of ``out`` from ``first`` on, as many as there are."""
    for r in range(min(BLOCK, out.shape[0] - first)):
        for character in range(out.shape[1]):
            out[first + r, character] = logits[r, character]


@compiled
def normalise_logits(out, first, highest, logs):
    """Make logarithms of probabilities of the logits in ``out``."""
    for r in range(min(BLOCK, out.shape[0] - first)):
        for character in range(out.shape[1]):
            out[first + r, character] = (out[first + r, character] - highest[r]) - logs[0, r]
