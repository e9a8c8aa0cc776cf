"""What the pages of tables share: rows of Markdown, numbers in words, and notes on departures from the protocol."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence

import pandas as pd

from capacity.statistics import intervals

ESCAPED = r"[\\`*_{}\[\]#!]"
"""Characters that every Markdown reads as themselves after a backslash."""
NUMBERED = r"[<>&|~$^@]|(?<=http):(?=//)|(?<=https):(?=//)|(?<=www)\."
"""Characters that one Markdown or another reads as markup even then, or that make a link of an address."""


def text(words: str) -> str:
    """Return words for a line of Markdown, with what would be markup escaped, so that they are shown as they are."""
    return re.sub(f"({ESCAPED})|({NUMBERED})", _escaped, words, flags=re.IGNORECASE)


def _escaped(found: re.Match[str]) -> str:
    character = found[0]
    named = html.escape(character, quote=False)
    return f"\\{character}" if found[1] else named if named != character else f"&#{ord(character)};"


def table(heading: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """The lines of a Markdown table."""
    return [f"| {' | '.join(heading)} |", "|" + "---|" * len(heading), *(f"| {' | '.join(row)} |" for row in rows)]


def number(value: float, digits: int = 3) -> str:
    """A number with so many decimals; a dash for one that is missing."""
    return "-" if pd.isna(value) else f"{value:.{digits}f}"


def with_interval(value: float, low: float, high: float, digits: int = 3) -> str:
    """``0.500 [0.250, 0.750]``; without the interval where that is missing, a dash where the value is."""
    if pd.isna(value) or pd.isna(low):
        return number(value, digits)
    return f"{number(value, digits)} [{number(low, digits)}, {number(high, digits)}]"


def count_with_interval(count: int, total: int, noun: str = "") -> str:
    """``3 of 10 [0.067, 0.652]``: how many of all, with the exact 95 % interval of the share (Clopper-Pearson).

    With a noun, ``3 of 10 runs [0.067, 0.652]``; a dash where there is nothing to count.
    """
    if pd.isna(count) or not total:
        return "-"
    low, high = intervals.clopper_pearson(int(count), int(total))
    return f"{count} of {total}{f' {noun}' if noun else ''} [{low:.3f}, {high:.3f}]"


def count_runs(runs: int, diverged: int) -> str:
    """``3``, or ``3 (1 diverged)``."""
    return f"{runs}" + (f" ({diverged} diverged)" if diverged else "")


class Notes:
    """Numbered notes on how cells depart from the paper's protocol; cells that depart alike share one.

    Args:
        departs: for each cell how it departs, in words; empty where it does not.
    """

    def __init__(self, departs: Iterable[str]) -> None:
        texts = dict.fromkeys(text for text in departs if text)
        self._numbers = {text: number for number, text in enumerate(texts, 1)}

    def mark(self, departs: str) -> str:
        """``[1]``, what a cell's row says of its note; nothing where the cell does not depart."""
        return f"[{self._numbers[departs]}]" if departs else ""

    def lines(self) -> list[str]:
        """The notes themselves, for the end of the page."""
        return [f"[{number}] Departs from the paper's protocol: {text}.  " for text, number in self._numbers.items()]
