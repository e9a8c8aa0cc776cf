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
- Matrices that follow each other are folded into one (:mod:`capacity.kernel.folding`).
"""

from __future__ import annotations

from capacity.kernel.cache import compiled, entry, within
from capacity.kernel.folding import embed, embed_back, fold, number_inputs, unfold
from capacity.kernel.memory import Memory, Parameters, Shape
from capacity.kernel.prefixes import Batch
from capacity.kernel.steps import (
    BLOCK,
    ZERO,
    Floats,
    Integers,
    activate,
    add_to,
    attend,
    attend_back,
    cross_entropy,
    exponentials,
    gather,
    gather_back,
    multiply_by,
    normalise,
    normalise_back,
    product,
)


@compiled
def make_tables(shape: Shape, layer: int, slot: int, sources: int, m: Memory) -> None:
    """Compute queries, keys and values of the sources of a layer into the part ``slot`` of the memory."""
    all_states, all_normal, scale = m.states[layer % 2], m.normal[slot], m.normal_scale[slot, 0]
    all_queries, all_keys, all_values = m.queries[slot], m.keys[slot], m.values[slot]
    for first in range(0, sources, BLOCK):
        end = min(first + BLOCK, sources)
        normal = all_normal[first:end]
        normalise(normal, scale[first:end], all_states[first:end], shape.width, m.mask)
        product(all_queries[first:end], normal, m.query_T[layer], shape.width, m.no_bias, False)
        product(all_keys[first:end], normal, m.key_T[layer], shape.width, m.no_bias, False)
        product(all_values[first:end], normal, m.value_T[layer], shape.width, m.no_bias, False)


@compiled
def find_sources(
    shape: Shape,
    layer: int,
    first: int,
    numbers: Integers,
    batch: Batch,
    codes: Integers,
    m: Memory,
    places: Integers,
) -> None:
    """Write the sources of the prefixes of a block to ``m.index``, (R, T), and their last places to ``places``, (R,).

    The prefixes are those whose numbers are in ``numbers`` from ``first`` on.
    """
    starts, last_places, ancestors, characters = batch.starts, batch.places, batch.ancestors, shape.characters
    numbers_of_inputs, index = m.numbers, m.index
    for r in range(BLOCK):
        prefix = numbers[first + r]
        start, places[r] = starts[prefix], last_places[prefix]
        for place in range(places[r] + 1):
            if layer == 0:
                index[r, place] = numbers_of_inputs[place * characters + codes[start + place]]
            else:
                index[r, place] = ancestors[prefix, place]


@compiled
def run_layer(
    shape: Shape,
    layer: int,
    slot: int,
    m: Memory,
    places: Integers,
    attention: Floats,
    mix: Floats,
    x: Floats,
    n2: Floats,
    scale: Floats,
    hidden: Floats,
    slope: Floats,
    y: Floats,
) -> None:
    """Compute the states of a block after a layer into ``y``, given its tables and ``m.index``."""
    tables = (m.states[layer % 2], m.queries[slot], m.keys[slot], m.values[slot])
    attend(attention, mix if shape.heads > 1 else x, m.index, places, *tables, shape.heads)
    if shape.heads > 1:
        gather(x, m.index, places, m.states[layer % 2])
        product(x, mix, m.out_T[layer], mix.shape[1], m.no_bias, True)
    normalise(n2, scale, x, shape.width, m.mask)
    product(hidden, n2, m.mlp_in_T[layer], shape.width, m.no_bias, False)
    activate(hidden, slope)
    product(y, hidden, m.mlp_out_T[layer], shape.hidden, m.no_bias, False)
    add_to(y, x)


@compiled
def run_layer_back(
    shape: Shape,
    layer: int,
    m: Memory,
    places: Integers,
    attention: Floats,
    mix: Floats,
    n2: Floats,
    scale: Floats,
    hidden: Floats,
    slope: Floats,
    d_y: Floats,
) -> None:
    """Compute the gradients of a layer from those of a block's states after it, ``d_y``, which is overwritten."""
    product(m.d_mlp_out, d_y.T, hidden, BLOCK, m.no_bias, True)
    product(m.d_hidden, d_y, m.mlp_out[layer], shape.width, m.no_bias, False)
    multiply_by(m.d_hidden, slope)
    product(m.d_mlp_in, m.d_hidden.T, n2, BLOCK, m.no_bias, True)
    product(m.d_n, m.d_hidden, m.mlp_in[layer], shape.hidden, m.no_bias, False)
    normalise_back(d_y, m.d_n, n2, scale, shape.width, m.mask, True)
    tables = (m.queries[layer], m.keys[layer], m.values[layer])
    gradients = (m.d_states[layer % 2], m.d_queries, m.d_keys, m.d_values)
    d_mix = d_y
    if shape.heads > 1:
        d_mix = m.d_mix
        product(m.d_out, d_y.T, mix, BLOCK, m.no_bias, True)
        product(d_mix, d_y, m.out[layer], shape.width, m.no_bias, False)
        gather_back(d_y, m.index, places, m.d_states[layer % 2])
    attend_back(d_mix, attention, m.d_attention, m.index, places, *tables, *gradients, shape.heads)


@compiled
def clear_gradients(layer: int, sources: int, m: Memory) -> None:
    """Set to 0 what the blocks of a layer add to."""
    m.d_states[layer % 2, :sources] = ZERO
    m.d_queries[:sources] = ZERO
    m.d_keys[:sources] = ZERO
    m.d_values[:sources] = ZERO
    for gradient in (m.d_query, m.d_key, m.d_value, m.d_out, m.d_mlp_in, m.d_mlp_out):
        gradient[:] = ZERO


@compiled
def tables_back(shape: Shape, layer: int, sources: int, m: Memory) -> None:
    """Compute the gradients of a layer's projections, and add those of its sources' states to ``m.d_states``."""
    all_normal, scale, all_d_states = m.normal[layer], m.normal_scale[layer, 0], m.d_states[layer % 2]
    all_d_queries, all_d_keys, all_d_values, all_d_normal = m.d_queries, m.d_keys, m.d_values, m.d_n
    query, key, value = m.query[layer], m.key[layer], m.value[layer]
    for first in range(0, sources, BLOCK):
        end = min(first + BLOCK, sources)
        normal, d_normal = all_normal[first:end], all_d_normal[: end - first]
        d_queries, d_keys, d_values = all_d_queries[first:end], all_d_keys[first:end], all_d_values[first:end]
        product(m.d_query, d_queries.T, normal, end - first, m.no_bias, True)
        product(m.d_key, d_keys.T, normal, end - first, m.no_bias, True)
        product(m.d_value, d_values.T, normal, end - first, m.no_bias, True)
        product(d_normal, d_queries, query, d_queries.shape[1], m.no_bias, False)
        product(d_normal, d_keys, key, d_keys.shape[1], m.no_bias, True)
        product(d_normal, d_values, value, d_values.shape[1], m.no_bias, True)
        normalise_back(all_d_states[first:end], d_normal, normal, scale[first:end], shape.width, m.mask, True)


@within
def run_lower_layers(
    shape: Shape,
    m: Memory,
    sources: int,
    batch: Batch,
    codes: Integers,
    prefixes: int,
    numbers_of_all: Integers,
    backward: bool,
) -> int:
    """Compute all layers below the last, and the tables of the last; return the number of its sources.

    Args:
        shape: of the network.
        m: its memory, with folded matrices and the states of the inputs.
        sources: the number of inputs.
        batch: the batch.
        codes: the characters of its rows.
        prefixes: their number, up to a whole block.
        numbers_of_all: the numbers from 0 on.
        backward: whether what the way back needs is kept.
    """
    make_tables(shape, 0, 0, sources, m)
    places = m.places
    for layer in range(shape.layers - 1):
        slot = layer if backward else 0
        for first in range(0, prefixes, BLOCK):
            end = first + BLOCK
            find_sources(shape, layer, first, numbers_of_all, batch, codes, m, places)
            y = m.states[(layer + 1) % 2][first:end]
            if backward:
                attention = m.kept_attention[layer][first * shape.heads : end * shape.heads]
                mix = m.kept_mix[layer][first:end]
                n2, scale = m.kept_n2[layer][first:end], m.kept_scale[layer, 0][first:end]
                hidden, slope = m.kept_hidden[layer][first:end], m.kept_slope[layer][first:end]
                run_layer(shape, layer, slot, m, places, attention, mix, m.x, n2, scale, hidden, slope, y)
            else:
                run_layer(
                    shape, layer, slot, m, places, m.attention, m.mix, m.x, m.n2, m.scale2[0], m.hidden, m.slope, y
                )
        make_tables(shape, layer + 1, layer + 1 if backward else 0, prefixes, m)
        sources = prefixes
    return sources


@within
def loss_and_gradients(
    shape: Shape,
    w: Parameters,
    g: Parameters,
    m: Memory,
    batch: Batch,
    codes: Integers,
    prefixes: int,
    chosen: int,
    whole: int,
    numbers_of_all: Integers,
) -> float:
    """Return the mean loss of a batch, in nats per target; g becomes its gradient.

    Args:
        shape: of the network.
        w: its parameters.
        g: their gradients.
        m: its memory.
        batch: the prefixes of the batch, and what follows them.
        codes: the characters of its rows.
        prefixes: the number of distinct prefixes.
        chosen: the number of those whose next character is asked for, up to a whole block.
        whole: the number of targets, with repetitions.
        numbers_of_all: the numbers from 0 on.
    """
    inputs = number_inputs(shape, batch, codes, prefixes, m)
    prefixes = (prefixes + BLOCK - 1) // BLOCK * BLOCK
    fold(shape, w, m)
    first_sources = embed(shape, inputs, w, m)
    sources = run_lower_layers(shape, m, first_sources, batch, codes, prefixes, numbers_of_all, True)
    for gradient in (g.attention_norm, g.mlp_norm, g.final_norm):
        gradient[:] = ZERO
    m.d_head[:] = ZERO
    layer = shape.layers - 1
    clear_gradients(layer, sources, m)
    places = m.places
    loss = 0.0
    for first in range(0, chosen, BLOCK):
        find_sources(shape, layer, first, batch.chosen, batch, codes, m, places)
        run_layer(shape, layer, layer, m, places, m.attention, m.mix, m.x, m.n2, m.scale2[0], m.hidden, m.slope, m.y)
        normalise(m.n3, m.scale3[0], m.y, shape.width, m.mask)
        product(m.logits, m.n3, m.head_T, shape.width, m.bias, False)
        loss += cross_entropy(m.logits, first, batch, whole, m.highest[0], m.sums, m.logs)
        product(m.d_head, m.logits.T, m.n3, BLOCK, m.no_bias, True)
        product(m.d_n, m.logits, m.head, shape.characters, m.no_bias, False)
        normalise_back(m.d_y, m.d_n, m.n3, m.scale3[0], shape.width, m.mask, False)
        run_layer_back(shape, layer, m, places, m.attention, m.mix, m.n2, m.scale2[0], m.hidden, m.slope, m.d_y)
    tables_back(shape, layer, sources, m)
    unfold(shape, layer, w, g, m)

    for layer in range(shape.layers - 2, -1, -1):
        sources = prefixes if layer > 0 else first_sources
        clear_gradients(layer, sources, m)
        for first in range(0, prefixes, BLOCK):
            end = first + BLOCK
            find_sources(shape, layer, first, numbers_of_all, batch, codes, m, places)
            attention = m.kept_attention[layer][first * shape.heads : end * shape.heads]
            mix = m.kept_mix[layer][first:end]
            n2, scale = m.kept_n2[layer][first:end], m.kept_scale[layer, 0][first:end]
            hidden, slope = m.kept_hidden[layer][first:end], m.kept_slope[layer][first:end]
            d_y = m.d_states[(layer + 1) % 2][first:end]
            run_layer_back(shape, layer, m, places, attention, mix, n2, scale, hidden, slope, d_y)
        tables_back(shape, layer, sources, m)
        unfold(shape, layer, w, g, m)

    embed_back(shape, inputs, w, g, m)
    return loss / whole


@entry
def log_probabilities(
    shape: Shape,
    w: Parameters,
    m: Memory,
    batch: Batch,
    codes: Integers,
    prefixes: int,
    chosen: int,
    numbers_of_all: Integers,
    out: Floats,
) -> None:
    """Write natural logarithms of the probabilities of the next character after the chosen prefixes to ``out``, (Q, V).

    The arguments are those of :func:`loss_and_gradients`; ``out`` says how many prefixes are chosen, and ``chosen`` is
    their number up to a whole block.
    """
    inputs = number_inputs(shape, batch, codes, prefixes, m)
    prefixes = (prefixes + BLOCK - 1) // BLOCK * BLOCK
    fold(shape, w, m)
    first_sources = embed(shape, inputs, w, m)
    run_lower_layers(shape, m, first_sources, batch, codes, prefixes, numbers_of_all, False)
    layer = shape.layers - 1
    places = m.places
    for first in range(0, chosen, BLOCK):
        find_sources(shape, layer, first, batch.chosen, batch, codes, m, places)
        run_layer(shape, layer, 0, m, places, m.attention, m.mix, m.x, m.n2, m.scale2[0], m.hidden, m.slope, m.y)
        normalise(m.n3, m.scale3[0], m.y, shape.width, m.mask)
        product(m.logits, m.n3, m.head_T, shape.width, m.bias, False)
        write_logits(out, first, m.logits)
        exponentials(m.logits, m.highest[0], m.sums, m.logs)
        normalise_logits(out, first, m.highest[0], m.logs)


@compiled
def write_logits(out: Floats, first: int, logits: Floats) -> None:
    """Copy the logits of a block to the rows of ``out`` from ``first`` on, as many as there are."""
    for r in range(min(BLOCK, out.shape[0] - first)):
        for character in range(out.shape[1]):
            out[first + r, character] = logits[r, character]


@compiled
def normalise_logits(out: Floats, first: int, highest: Floats, logs: Floats) -> None:
    """Make logarithms of probabilities of the logits in ``out``."""
    for r in range(min(BLOCK, out.shape[0] - first)):
        for character in range(out.shape[1]):
            out[first + r, character] = (out[first + r, character] - highest[r]) - logs[0, r]
