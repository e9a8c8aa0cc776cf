"""Random facts: keys and values of letters that are drawn uniformly, so that the bits in them are known exactly."""

from __future__ import annotations

import random
from string import ascii_lowercase

LETTERS = ascii_lowercase
"""The letters of keys and values."""


def random_facts(facts: int, key_length: int, value_length: int, fact_seed: int) -> list[tuple[str, str]]:
    """So many pairs of a key and a value.

    The letters of a value are independent and uniform over :data:`LETTERS`, so that the values hold exactly ``facts *
    value_length * log2(26)`` bits. Keys are uniform among those that are not there yet. The facts are drawn one after
    the other: the first of many are those of fewer with the same seed.

    Args:
        facts: How many.
        key_length: Letters of a key.
        value_length: Letters of a value.
        fact_seed: Decides every letter.

    Raises ValueError if there are fewer keys of this length than facts.
    """
    keys = len(LETTERS) ** key_length
    if facts > keys:
        raise ValueError(f"key_length: {key_length} makes {keys} keys, fewer than {facts} facts")
    generator = random.Random(f"facts {fact_seed}")
    values: dict[str, str] = {}
    while len(values) < facts:
        key = _word(generator, key_length)
        if key not in values:
            values[key] = _word(generator, value_length)
    return list(values.items())


def _word(generator: random.Random, length: int) -> str:
    return "".join(generator.choice(LETTERS) for _ in range(length))
