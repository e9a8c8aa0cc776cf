"""Random splits of the pairs of digits into those that are trained on and those that are held out."""

from __future__ import annotations

import random
from decimal import ROUND_HALF_UP, Decimal

from capacity.errors import InputError

Pairs = tuple[tuple[int, int], ...]

PAIRS: Pairs = tuple((left, right) for left in range(10) for right in range(left, 10))
"""The 55 unordered pairs of digits."""


def drawn_pairs(fraction: float, split_seed: int) -> Pairs:
    """Return the pairs that a random split holds out, in ascending order.

    A split seed puts the pairs in one random order, of which a split holds out the first. So the splits of one seed
    are nested: what a small fraction holds out, a larger one does too.

    Args:
        fraction: of the pairs, from 0 to 1; their number is rounded to the nearest whole one, and a half upwards.
        split_seed: of the order.

    Raises InputError for a fraction that is not from 0 to 1.
    """
    if not 0 <= fraction <= 1:
        raise InputError(f"held_out_fraction {fraction!r} is not from 0 to 1")
    order = list(PAIRS)
    random.Random(f"split {split_seed}").shuffle(order)
    number = int((Decimal(repr(fraction)) * len(PAIRS)).to_integral_value(ROUND_HALF_UP))
    return tuple(sorted(order[:number]))
