"""The rows of a stream as one array of characters, and a new order of its lines."""

from __future__ import annotations

from capacity.kernel.cache import entry
from capacity.kernel.steps import Integers


@entry
def reshuffle(
    text: Integers,
    original: Integers,
    starts: Integers,
    lengths: Integers,
    parts: Integers,
    raw: Integers,
    order: Integers,
) -> None:
    """Write a text with the lines of each part in a new order to ``text``.

    The order is that of Fisher and Yates, which draws from the first place on.

    Args:
        text: (C,), becomes the new text.
        original: (C,), the characters of the lines, one after another.
        starts: (M,), where each line begins in the original.
        lengths: (M,), the number of characters of each line.
        parts: the numbers of lines in each part, which keeps its place.
        raw: random 32-bit numbers, one less than lines for each part.
        order: (M,), becomes the number of the line at each place of the new text.
    """
    end = first = drawn = 0
    for part in parts:
        for line in range(part):
            order[line] = first + line
        for place in range(part - 1):
            partner = place + raw[drawn] % (part - place)
            order[place], order[partner] = order[partner], order[place]
            drawn += 1
        for place in range(part):
            line = order[place]
            for character in range(lengths[line]):
                text[end] = original[starts[line] + character]
                end += 1
        first += part
