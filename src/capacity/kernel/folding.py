"""Matrices that are folded into one, and their gradients taken apart again; and the embeddings of inputs.

A norm's weight is folded into the matrix that reads it. If a layer has a single head, attention_out is folded into the
projection of its values too: a sum of projected values is the projection of their sum, so that the output of attention
costs no product of its own. ``unmixed`` is the projection before that. With several heads, every head's values would be
as wide as a state, and it costs less to project the heads together once per prefix.
"""

from __future__ import annotations

import math

import numpy as np

from capacity.kernel.cache import compiled
from capacity.kernel.lanes import WIDTH
from capacity.kernel.memory import Memory, Parameters, Shape
from capacity.kernel.prefixes import Batch
from capacity.kernel.steps import ONE, TILE, ZERO, Floats, Integers, product


@compiled
def fold(shape: Shape, w: Parameters, m: Memory) -> None:
    """Compute the folded matrices of all layers, and their transposes, from the parameters w."""
    d, heads, h = shape.width, shape.heads, shape.hidden
    f, lanes_f = d // heads, m.query.shape[1] // heads
    root = ONE / np.float32(math.sqrt(f))
    for layer in range(shape.layers):
        gain, matrix, projection = w.attention_norm[layer], w.attention_in[layer], w.attention_out[layer]
        query, key, value, out = m.query[layer], m.key[layer], m.value[layer], m.out[layer]
        for head in range(heads):
            for i in range(f):
                row, feature = head * lanes_f + i, head * f + i
                for k in range(d):
                    query[row, k] = matrix[feature, k] * (gain[k] * root)
                    key[row, k] = matrix[d + feature, k] * gain[k]
                    value[row, k] = matrix[2 * d + feature, k] * gain[k]
        for k in range(d):
            for head in range(heads):
                for i in range(f):
                    out[k, head * lanes_f + i] = projection[k, head * f + i]
        if heads == 1:
            copy(m.unmixed[layer], value, value.shape[0], value.shape[1])
            transpose(m.unmixed_T[layer], value)
            product(value, out, m.unmixed[layer], d, m.no_bias, False)
        transpose(m.query_T[layer], query)
        transpose(m.key_T[layer], key)
        transpose(m.value_T[layer], value)
        transpose(m.out_T[layer], out)
        gain, mlp_in, mlp_out = w.mlp_norm[layer], m.mlp_in[layer], m.mlp_out[layer]
        matrix_in, matrix_out = w.mlp_in[layer], w.mlp_out[layer]
        for i in range(h):
            for k in range(d):
                mlp_in[i, k] = matrix_in[i, k] * gain[k]
        copy(mlp_out, matrix_out, d, h)
        transpose(m.mlp_in_T[layer], mlp_in)
        transpose(m.mlp_out_T[layer], mlp_out)
    characters, tokens, gain = m.head, w.token_embedding, w.final_norm[0]
    for i in range(shape.characters):
        for k in range(d):
            characters[i, k] = tokens[i, k] * gain[k]
    transpose(m.head_T, characters)


@compiled
def copy(out: Floats, x: Floats, rows: int, columns: int) -> None:
    """Write the first rows and columns of one matrix to another."""
    for i in range(rows):
        for k in range(columns):
            out[i, k] = x[i, k]


@compiled
def transpose(out: Floats, x: Floats) -> None:
    """Write the transpose of x, (I, K), to ``out``, (K, I). Sixteen rows at a time stay in the first cache."""
    for first in range(0, x.shape[0], WIDTH):
        for k in range(x.shape[1]):
            for i in range(first, first + WIDTH):
                out[k, i] = x[i, k]


@compiled
def unfold(shape: Shape, layer: int, w: Parameters, g: Parameters, m: Memory) -> None:
    """Add to the gradients g of a layer what the gradients of its folded matrices give them."""
    d, heads, h = shape.width, shape.heads, shape.hidden
    f, lanes_f = d // heads, m.query.shape[1] // heads
    root = ONE / np.float32(math.sqrt(f))
    gain, matrix, d_matrix, d_gain = (
        w.attention_norm[layer],
        w.attention_in[layer],
        g.attention_in[layer],
        g.attention_norm[layer],
    )
    d_queries, d_keys, d_values, d_out, d_projection = m.d_query, m.d_key, m.d_value, m.d_out, g.attention_out[layer]
    if heads == 1:
        product(m.d_unmixed, m.out_T[layer], d_values, d, m.no_bias, False)
        product(d_out, d_values, m.unmixed_T[layer], d, m.no_bias, False)
        d_values = m.d_unmixed
    for head in range(heads):
        for i in range(f):
            row, query, key, value = head * lanes_f + i, head * f + i, d + head * f + i, 2 * d + head * f + i
            for k in range(d):
                d_query, d_key, d_value = d_queries[row, k] * root, d_keys[row, k], d_values[row, k]
                d_matrix[query, k], d_matrix[key, k] = d_query * gain[k], d_key * gain[k]
                d_matrix[value, k] = d_value * gain[k]
                d_gain[k] += d_query * matrix[query, k] + d_key * matrix[key, k] + d_value * matrix[value, k]
    for k in range(d):
        for head in range(heads):
            for i in range(f):
                d_projection[k, head * f + i] = d_out[k, head * lanes_f + i]
    gain, d_gain, matrix_in = w.mlp_norm[layer], g.mlp_norm[layer], w.mlp_in[layer]
    d_in, d_matrix_in, d_matrix_out = m.d_mlp_in, g.mlp_in[layer], g.mlp_out[layer]
    for i in range(h):
        for k in range(d):
            d_matrix_in[i, k] = d_in[i, k] * gain[k]
            d_gain[k] += d_in[i, k] * matrix_in[i, k]
    copy(d_matrix_out, m.d_mlp_out, d, h)


@compiled
def number_inputs(shape: Shape, batch: Batch, codes: Integers, prefixes: int, m: Memory) -> int:
    """Number the distinct inputs of a batch, those of each prefix and its beginnings; return how many there are.

    An input is a character at a place, ``place * V + character``. ``m.inputs`` becomes the inputs in order, and
    ``m.numbers`` the number of each; -1 where an input does not occur.
    """
    starts, places, characters = batch.starts, batch.places, shape.characters
    inputs, numbers = m.inputs, m.numbers
    numbers[:] = -1
    for prefix in range(prefixes):  # with each prefix, the shorter ones that it begins with are in the batch
        numbers[places[prefix] * characters + codes[starts[prefix] + places[prefix]]] = 0
    count = 0
    for number in range(numbers.size):
        if numbers[number] == 0:
            inputs[count], numbers[number] = number, count
            count += 1
    return count


@compiled
def embed(shape: Shape, count: int, w: Parameters, m: Memory) -> int:
    """Compute the states of the inputs, the sources of the first layer; return their number, up to a whole tile."""
    states, tokens, positions, inputs = m.states[0], w.token_embedding, w.position_embedding, m.inputs
    for number in range(count):
        place, character = divmod(inputs[number], shape.characters)
        for i in range(shape.width):
            states[number, i] = tokens[character, i] + positions[place, i]
    sources = (count + TILE - 1) // TILE * TILE
    states[count:sources] = ZERO
    return sources


@compiled
def embed_back(shape: Shape, count: int, w: Parameters, g: Parameters, m: Memory) -> None:
    """Compute the gradients of both embeddings, and of the norm before the head, which shares one of them."""
    tokens, gain, d_head, d_inputs, inputs = w.token_embedding, w.final_norm[0], m.d_head, m.d_states[0], m.inputs
    d_tokens, d_positions, d_gain = g.token_embedding, g.position_embedding, g.final_norm[0]
    for i in range(shape.characters):
        for k in range(shape.width):
            d_tokens[i, k] = d_head[i, k] * gain[k]
            d_gain[k] += d_head[i, k] * tokens[i, k]
    d_positions[:] = ZERO
    for number in range(count):
        place, character = divmod(inputs[number], shape.characters)
        for i in range(shape.width):
            d_tokens[character, i] += d_inputs[number, i]
            d_positions[place, i] += d_inputs[number, i]
