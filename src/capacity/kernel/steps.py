"""The steps of a Transformer, forward and backward, as compiled functions over rows.

A state is a row of an array, and its features are lanes (:mod:`capacity.kernel.lanes`), padded with zeros to whole
vectors. States go through in blocks of :data:`BLOCK`, so that what is computed of a block stays in the first caches.
:mod:`capacity.kernel.network` puts the steps together; :mod:`capacity.model.transformer` says the same in torch.

Names: ``d_x`` is the gradient of the loss with respect to x, and ``x_T`` the transpose of x. *Sources* are the states
that attention reads: the distinct inputs in the first layer, and the distinct prefixes of the batch in a deeper one.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from capacity.kernel.cache import compiled
from capacity.kernel.lanes import (
    ROWS_AT_ONCE,
    VECTORS_AT_ONCE,
    WIDTH,
    exp,
    fma,
    gelu,
    get,
    larger,
    largest,
    load,
    log,
    multiply_rows,
    multiply_rows_wide,
    spread,
    store,
    total,
)

Floats = NDArray[np.float32]
Integers = NDArray[Any]

BLOCK = 64
TILE = 8  # rows that are computed together: arrays have a multiple of them
ZERO, ONE = np.float32(0.0), np.float32(1.0)
EPSILON = np.float32(1e-5)  # nanoGPT's, of a layer norm
ABSENT = np.float32(-1e30)  # the score of a later place, and the logit of no character: its exponential is 0


@compiled
def product(out: Floats, left: Floats, right: Floats, inner: int, start: Floats, add: bool) -> None:
    """Multiply matrices: out = start + left right, or out + start + left right if ``add``.

    Args:
        out: (I, K), I a multiple of :data:`TILE`.
        left: (I, J) or the transpose of a (J, I).
        right: (J, K).
        inner: how many of the J are added up; what lies beyond them is not read.
        start: (1, K), where each sum begins.
        add: whether the sums are added to ``out``: sums of sums round less than one long sum.
    """
    wide = WIDTH * VECTORS_AT_ONCE
    paired = out.shape[1] // wide * wide
    for lane in range(0, paired, wide):
        for first in range(0, out.shape[0], ROWS_AT_ONCE):
            multiply_rows_wide(out, left, right, inner, start, first, lane, add)
    for lane in range(paired, out.shape[1], WIDTH):
        for first in range(0, out.shape[0], ROWS_AT_ONCE):
            multiply_rows(out, left, right, inner, start, first, lane, add)


@compiled
def normalise(out: Floats, scale: Floats, x: Floats, width: int, mask: Floats) -> None:
    """Normalise each row of (R, d) states to mean 0 and variance 1: layer norm without its weight.

    ``scale``, (R,), becomes the factor of each row; ``mask``, (1, d), is 1 for the ``width`` features and 0 beyond.
    """
    count = np.float32(width)
    for r in range(x.shape[0]):
        s = spread(ZERO)
        for lane in range(0, x.shape[1], WIDTH):
            s = s + load(x, r, lane)
        mean = total(s) / count
        s = spread(ZERO)
        for lane in range(0, x.shape[1], WIDTH):
            centred = (load(x, r, lane) - mean) * load(mask, 0, lane)
            store(out, r, lane, centred)
            s = fma(centred, centred, s)
        scale[r] = ONE / np.sqrt(total(s) / count + EPSILON)
        for lane in range(0, x.shape[1], WIDTH):
            store(out, r, lane, load(out, r, lane) * scale[r])


@compiled
def normalise_back(
    d_x: Floats, gradient: Floats, normal: Floats, scale: Floats, width: int, mask: Floats, add: bool
) -> None:
    """Compute the gradient of what :func:`normalise` was given, or add it to ``d_x``; ``normal`` is what it made."""
    count = np.float32(width)
    for r in range(d_x.shape[0]):
        s = along = spread(ZERO)
        for lane in range(0, d_x.shape[1], WIDTH):
            g = load(gradient, r, lane)
            s = s + g
            along = fma(g, load(normal, r, lane), along)
        mean, slope = total(s) / count, total(along) / count
        for lane in range(0, d_x.shape[1], WIDTH):
            g = (load(gradient, r, lane) - mean - load(normal, r, lane) * slope) * scale[r] * load(mask, 0, lane)
            store(d_x, r, lane, load(d_x, r, lane) + g if add else g)


@compiled
def attend(
    attention: Floats,
    mix: Floats,
    index: Integers,
    places: Integers,
    states: Floats,
    queries: Floats,
    keys: Floats,
    values: Floats,
    heads: int,
) -> None:
    """Compute the attention of the R prefixes of a block, and the sums of values that it weights.

    Args:
        attention: (R H, T), becomes the weights of each prefix and head; 0 for later places.
        mix: (R, H f), becomes the sums of values. Those of a single head, which are projected already
            (:mod:`capacity.kernel.folding`), are added to the state at the prefix's last place.
        index: (R, T), the source at each place of each prefix.
        places: (R,), the last place of each prefix.
        states: (S, d), the states of the sources.
        queries: (S, H f), the queries of the sources, head by head.
        keys: (S, H f), their keys.
        values: (S, H f), their values.
        heads: H.
    """
    features = queries.shape[1] // heads
    for r in range(mix.shape[0]):
        last = get(index, r, places[r])
        for head in range(heads):
            row = r * heads + head
            for lane in range(0, attention.shape[1], WIDTH):
                store(attention, row, lane, spread(ABSENT))
            for j in range(places[r] + 1):
                s = spread(ZERO)
                for lane in range(head * features, (head + 1) * features, WIDTH):
                    s = fma(load(queries, last, lane), load(keys, get(index, r, j), lane), s)
                attention[row, j] = total(s)
    for row in range(attention.shape[0]):
        highest = load(attention, row, 0)
        for lane in range(WIDTH, attention.shape[1], WIDTH):
            highest = larger(highest, load(attention, row, lane))
        most, s = largest(highest), spread(ZERO)
        for lane in range(0, attention.shape[1], WIDTH):
            weight = exp(load(attention, row, lane) - most)
            store(attention, row, lane, weight)
            s = s + weight
        share = ONE / total(s)
        for lane in range(0, attention.shape[1], WIDTH):
            store(attention, row, lane, load(attention, row, lane) * share)
    for r in range(mix.shape[0]):
        last = get(index, r, places[r])
        for head in range(heads):
            row = r * heads + head
            for lane in range(head * features, (head + 1) * features, WIDTH):
                s = load(states, last, lane) if heads == 1 else spread(ZERO)
                for j in range(places[r] + 1):
                    s = fma(get(attention, row, j), load(values, get(index, r, j), lane), s)
                store(mix, r, lane, s)


@compiled
def attend_back(
    d_mix: Floats,
    attention: Floats,
    d_attention: Floats,
    index: Integers,
    places: Integers,
    queries: Floats,
    keys: Floats,
    values: Floats,
    d_states: Floats,
    d_queries: Floats,
    d_keys: Floats,
    d_values: Floats,
    heads: int,
) -> None:
    """Add to the gradients of the sources what the gradient of the sums of values, ``d_mix``, gives them.

    The arguments are those of :func:`attend` and their gradients. ``d_attention`` becomes the gradient of the scores.
    """
    features = queries.shape[1] // heads
    for r in range(d_mix.shape[0]):
        for head in range(heads):
            row = r * heads + head
            for lane in range(0, attention.shape[1], WIDTH):
                store(d_attention, row, lane, spread(ZERO))
            for j in range(places[r] + 1):
                s = spread(ZERO)
                for lane in range(head * features, (head + 1) * features, WIDTH):
                    s = fma(load(d_mix, r, lane), load(values, get(index, r, j), lane), s)
                d_attention[row, j] = total(s)
    for row in range(attention.shape[0]):
        s = spread(ZERO)
        for lane in range(0, attention.shape[1], WIDTH):
            s = fma(load(attention, row, lane), load(d_attention, row, lane), s)
        along = total(s)
        for lane in range(0, attention.shape[1], WIDTH):
            store(d_attention, row, lane, load(attention, row, lane) * (load(d_attention, row, lane) - along))
    for r in range(d_mix.shape[0]):
        last = get(index, r, places[r])
        for head in range(heads):
            row = r * heads + head
            for lane in range(head * features, (head + 1) * features, WIDTH):
                g = load(d_mix, r, lane)
                if heads == 1:
                    store(d_states, last, lane, load(d_states, last, lane) + g)
                for j in range(places[r] + 1):
                    source, weight = get(index, r, j), get(attention, row, j)
                    store(d_values, source, lane, fma(weight, g, load(d_values, source, lane)))
            for lane in range(head * features, (head + 1) * features, WIDTH):
                query, s = load(queries, last, lane), load(d_queries, last, lane)
                for j in range(places[r] + 1):
                    source, score = get(index, r, j), get(d_attention, row, j)
                    s = fma(score, load(keys, source, lane), s)
                    store(d_keys, source, lane, fma(score, query, load(d_keys, source, lane)))
                store(d_queries, last, lane, s)


@compiled
def gather(x: Floats, index: Integers, places: Integers, states: Floats) -> None:
    """Copy the states of the sources at the last places of the R prefixes of a block to x, (R, d)."""
    for r in range(x.shape[0]):
        last = get(index, r, places[r])
        for lane in range(0, x.shape[1], WIDTH):
            store(x, r, lane, load(states, last, lane))


@compiled
def gather_back(d_x: Floats, index: Integers, places: Integers, d_states: Floats) -> None:
    """Add the gradient of the gathered states, ``d_x``, to that of the sources."""
    for r in range(d_x.shape[0]):
        last = get(index, r, places[r])
        for lane in range(0, d_x.shape[1], WIDTH):
            store(d_states, last, lane, load(d_states, last, lane) + load(d_x, r, lane))


@compiled
def activate(hidden: Floats, slope: Floats) -> None:
    """Apply GELU to (R, h) features in place; ``slope`` becomes its derivative."""
    for r in range(hidden.shape[0]):
        for lane in range(0, hidden.shape[1], WIDTH):
            value, derivative = gelu(load(hidden, r, lane))
            store(hidden, r, lane, value)
            store(slope, r, lane, derivative)


@compiled
def add_to(out: Floats, x: Floats) -> None:
    """Add an array to another, number by number."""
    for r in range(out.shape[0]):
        for lane in range(0, out.shape[1], WIDTH):
            store(out, r, lane, load(out, r, lane) + load(x, r, lane))


@compiled
def multiply_by(out: Floats, x: Floats) -> None:
    """Multiply an array by another, number by number."""
    for r in range(out.shape[0]):
        for lane in range(0, out.shape[1], WIDTH):
            store(out, r, lane, load(out, r, lane) * load(x, r, lane))


@compiled
def exponentials(logits: Floats, highest: Floats, sums: Floats, logs: Floats) -> None:
    """Make exponentials of (R, V) logits in place, above the highest one of each row.

    ``highest``, (R,), becomes the highest logit of each row; ``sums`` and ``logs``, (1, R), the sum of its exponentials
    and the natural logarithm of the sum.
    """
    for r in range(logits.shape[0]):
        most = load(logits, r, 0)
        for lane in range(WIDTH, logits.shape[1], WIDTH):
            most = larger(most, load(logits, r, lane))
        highest[r], s = largest(most), spread(ZERO)
        for lane in range(0, logits.shape[1], WIDTH):
            exponential = exp(load(logits, r, lane) - highest[r])
            store(logits, r, lane, exponential)
            s = s + exponential
        sums[0, r] = total(s)
    for lane in range(0, logits.shape[0], WIDTH):
        store(logs, 0, lane, log(load(sums, 0, lane)))


@compiled
def cross_entropy(
    logits: Floats, first: int, batch: Any, whole: int, highest: Floats, sums: Floats, logs: Floats
) -> float:
    """Return the sum of a block's losses, in nats; its logits become their gradients.

    Args:
        logits: (R, V), of the prefixes from number ``first`` of ``batch.chosen`` on.
        first: the number of the first prefix.
        batch: how often each character follows each prefix (:class:`capacity.kernel.prefixes.Batch`).
        whole: the number of targets of the batch: gradients are those of the mean over them.
        highest: (R,), becomes the highest logit of each row.
        sums: (1, R), becomes the sum of the exponentials of each row, above the highest.
        logs: (1, R), becomes the natural logarithm of each sum.
    """
    loss, inverse = 0.0, np.float32(1.0 / whole)
    ends, targets, counts = batch.ends, batch.targets, batch.counts
    for r in range(logits.shape[0]):
        for target in range(ends[first + r], ends[first + r + 1]):
            loss -= counts[target] * np.float64(logits[r, targets[target]])
    exponentials(logits, highest, sums, logs)
    for r in range(logits.shape[0]):
        begin, end = ends[first + r], ends[first + r + 1]
        times = 0
        for target in range(begin, end):
            times += counts[target]
        loss += times * (np.float64(highest[r]) + np.float64(logs[0, r]))
        share = np.float32(times) * inverse / sums[0, r]
        for lane in range(0, logits.shape[1], WIDTH):
            store(logits, r, lane, load(logits, r, lane) * share)
        for target in range(begin, end):
            logits[r, targets[target]] -= np.float32(counts[target]) * inverse
    return loss
