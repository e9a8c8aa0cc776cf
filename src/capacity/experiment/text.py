"""Text that people read: which characters that of the configuration may have, how commands are given it, its order.

A title goes through a shell, YAML, JSON, reStructuredText, Markdown, HTML and a figure, and has to arrive as the text
that it is. What cannot be seen is refused, because nobody could check it; what is markup somewhere is escaped there.
"""

from __future__ import annotations

import re
import unicodedata
from itertools import chain

VISIBLE = "LMNPS"
"""First letters of the categories of Unicode that show something: letters, marks, numbers, punctuation and symbols."""

BLANK = frozenset(
    chain(
        (0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0),
        range(0x180B, 0x1810),
        range(0xFE00, 0xFE10),
        range(0xE0100, 0xE01F0),
    )
)
"""Those of these categories that show nothing: a joiner, fillers, the empty Braille pattern, variation selectors."""

IN_SCRIPTS = {"\\": "\\u005c", "<": "\\u003c"}
"""Characters of a title that a command is given by their number. Snakemake's report puts the parameters of jobs into a
script as they are, where ``</script>`` would end it."""

NUMBER = re.compile(r"(\d+(?:\.\d+)?(?:e[-+]?\d+)?)")
"""A number without a sign, as names of cells and tables write it."""

LOOKED_AT = 1000
"""Characters of a text that are looked at: more than any text may have."""


def first_unreadable(text: str) -> str | None:
    """Return why a text is not one line that can be read, in words; None if it is.

    Refused are control characters, characters without width or that change the direction of others, surrogates,
    private and unassigned ones, all spaces but the ordinary one, spaces at either end, and an accent at the beginning.
    """
    for place, character in enumerate(text[:LOOKED_AT], 1):
        category = unicodedata.category(character)
        if character != " " and (category[0] not in VISIBLE or ord(character) in BLANK):
            name = unicodedata.name(character, "no name")
            return f"its character {place} is U+{ord(character):04X} ({name}), which cannot be seen or is no text"
    if text != text.strip(" "):
        return "it begins or ends with a space"
    if text and unicodedata.category(text[0])[0] == "M":
        return f"it begins with U+{ord(text[0]):04X} ({unicodedata.name(text[0], 'no name')}), a mark on another letter"
    return None


def for_command(text: str) -> str:
    """Return a text as a command is given it, which is the text itself unless it has one of :data:`IN_SCRIPTS`."""
    return "".join(IN_SCRIPTS.get(character, character) for character in text)


def from_command(text: str) -> str:
    """Return the text that :func:`for_command` wrote."""
    for character, written in reversed(IN_SCRIPTS.items()):
        text = text.replace(written, character)
    return text


def in_order_of_numbers(text: str) -> tuple[tuple[tuple[str, float], ...], str]:
    """Return a key that sorts texts as people would: ``seed-2`` before ``seed-10``, and 1e-05 before 0.001.

    Numbers are compared as numbers and all else as text. The text itself decides where nothing but the writing of a
    number differs.
    """
    parts = NUMBER.split(text)
    numbers = [float(number) for number in parts[1::2]]
    return tuple(zip(parts[::2], [*numbers, -1.0], strict=True)), text
