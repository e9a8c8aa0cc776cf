"""Pairs of operands that are held out: how they are written, and random splits into those and the trained ones."""

from __future__ import annotations

import random
import re
from collections.abc import Iterable
from decimal import ROUND_HALF_UP, Decimal

from capacity.errors import InputError
from capacity.paper import protocol

Pair = tuple[int, int]
Pairs = tuple[Pair, ...]


def all_pairs(largest_operand: int = protocol.LARGEST_OPERAND) -> Pairs:
    """Return the unordered pairs of the operands 0 to L, in ascending order: (L + 1)(L + 2) / 2, so 55 of digits."""
    operands = range(largest_operand + 1)
    return tuple((left, right) for left in operands for right in operands[left:])


def number_of_pairs(largest_operand: int) -> int:
    """Return how many :func:`all_pairs` are."""
    return (largest_operand + 1) * (largest_operand + 2) // 2


def normalise_pairs(pairs: Iterable[Iterable[int]]) -> Pairs:
    """Return unordered pairs of operands, each sorted, in ascending order and without repeats."""
    return tuple(sorted({(min(pair), max(pair)) for pair in (tuple(pair) for pair in pairs)}))


def pair_text(pair: Pair) -> str:
    """Return a pair as names and tables have it: ``57`` if both operands are digits, else two digits each, ``0517``."""
    return "".join(str(operand) if max(pair) <= 9 else f"{operand:02}" for operand in pair)


def parse_pair(text: str) -> Pair:
    """Return the pair that a text such as :func:`pair_text` writes. Raises InputError for any other text."""
    if not re.fullmatch(r"[0-9]{2}|[0-9]{4}", text):
        raise InputError(f"{text!r} is not a pair of operands such as 57 or 0517")
    half = len(text) // 2
    return int(text[:half]), int(text[half:])


def drawn_pairs(fraction: float, split_seed: int, largest_operand: int = protocol.LARGEST_OPERAND) -> Pairs:
    """Return the pairs that a random split holds out, in ascending order.

    A split seed puts the pairs in one random order, of which a split holds out the first. So the splits of one seed
    are nested: what a small fraction holds out, a larger one does too.

    Args:
        fraction: of the pairs, from 0 to 1; their number is rounded to the nearest whole one, and a half upwards.
        split_seed: of the order.
        largest_operand: of the pairs.

    Raises InputError for a fraction that is not from 0 to 1.
    """
    if not 0 <= fraction <= 1:
        raise InputError(f"held_out_fraction {fraction!r} is not from 0 to 1")
    order = list(all_pairs(largest_operand))
    random.Random(f"split {split_seed}").shuffle(order)
    number = int((Decimal(repr(fraction)) * len(order)).to_integral_value(ROUND_HALF_UP))
    return tuple(sorted(order[:number]))


def chosen_split(
    listed: Iterable[Iterable[int]] | None, fraction: float | None, split_seed: int | None, largest_operand: int
) -> tuple[Pairs, float, int | None]:
    """Return the pairs that are held out, their share of all pairs, and the seed that draws them, if one does.

    Args:
        listed: the pairs, where a list of them is given; without a list and a seed they are the paper's.
        fraction: of the pairs that the seed holds out; -0.0 is 0.0.
        split_seed: that draws them; None for a list.
        largest_operand: of the pairs.

    Raises InputError if what is given contradicts itself.
    """
    if split_seed is None:
        held_out = normalise_pairs(protocol.HELD_OUT if listed is None else listed)
        share = len(held_out) / number_of_pairs(largest_operand)
        if fraction not in (None, share):
            raise InputError(f"held_out_fraction {fraction} needs split_seed, which draws the pairs that are held out")
        return held_out, share, None
    if fraction is None:
        raise InputError(f"split_seed {split_seed} needs held_out_fraction, the share of the pairs that it holds out")
    share = float(fraction) + 0.0
    drawn = drawn_pairs(share, split_seed, largest_operand)
    if listed is not None and normalise_pairs(listed) != drawn:
        raise InputError("held_out: pairs are listed, and drawn by split_seed as well; give one or the other")
    return drawn, share, split_seed
