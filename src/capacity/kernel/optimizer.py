"""AdamW with a clipped gradient, as one compiled loop (paper, section 3.3)."""

from __future__ import annotations

import math

import numpy as np

from capacity.kernel.cache import compiled
from capacity.kernel.steps import ONE, ZERO, Floats

PARTS = 16  # in which a sum of squares is taken: a fixed order that still fills a vector
CLIP_EPSILON, ADAM_EPSILON = np.float32(1e-6), np.float32(1e-8)  # those of torch


@compiled
def clip_scale(gradient: Floats, largest: float, parts: Floats) -> np.float32:
    """Return the factor that makes the norm of a flat gradient at most ``largest``; NaN if the norm is not finite.

    ``parts``, (16,), become the sums of every sixteenth square.
    """
    parts[:] = ZERO
    whole = gradient.size // PARTS * PARTS
    for i in range(0, whole, PARTS):
        for part in range(PARTS):
            parts[part] += gradient[i + part] * gradient[i + part]
    squares = ZERO
    for i in range(whole, gradient.size):
        squares += gradient[i] * gradient[i]
    for part in range(PARTS):
        squares += parts[part]
    scale = np.float32(largest) / (np.sqrt(squares) + CLIP_EPSILON)
    if not np.isfinite(squares):
        return np.float32(np.nan)
    return ONE if scale > ONE else scale


@compiled
def adamw(
    weights: Floats,
    gradient: Floats,
    first: Floats,
    second: Floats,
    decayed: Floats,
    rate: float,
    weight_decay: float,
    beta1: float,
    beta2: float,
    power1: float,
    power2: float,
    largest: float,
    parts: Floats,
) -> None:
    """Clip the gradient and make a step of AdamW, all in place.

    Args:
        weights: (W,), the parameters, one after another.
        gradient: (W,), their gradient.
        first: (W,), the running mean of gradients.
        second: (W,), the running mean of their squares.
        decayed: (W,), 1 where the weight decay acts and 0 elsewhere.
        rate: the learning rate of the step.
        weight_decay: the share of a weight that is taken away per unit of the rate.
        beta1: the share of the running mean of gradients that stays.
        beta2: the share of the running mean of squares that stays.
        power1: ``beta1`` to the power of the number of this step, counted from 1.
        power2: ``beta2`` to the same power.
        largest: the norm to which the gradient is clipped.
        parts: (16,), room for :func:`clip_scale`.
    """
    scale = clip_scale(gradient, largest, parts)
    size, root = np.float32(rate / (1.0 - power1)), np.float32(1.0 / math.sqrt(1.0 - power2))
    decay = np.float32(rate * weight_decay)
    keep2, take1, take2 = np.float32(beta2), np.float32(1.0 - beta1), np.float32(1.0 - beta2)
    for i in range(weights.size):
        g = gradient[i] * scale
        m = first[i] + (g - first[i]) * take1
        v = second[i] * keep2 + g * g * take2
        first[i], second[i] = m, v
        weights[i] = weights[i] * (ONE - decay * decayed[i]) - size * m / (np.sqrt(v) * root + ADAM_EPSILON)
