"""Counts, ranges and tables in the words of the page."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import pandas as pd

from capacity.tables import markdown

Values = dict[str, Any]
"""What the template reads of a section, by name."""


def noun_count(count: int, noun: str, plural: str | None = None) -> str:
    """Return a count with its noun: ``1 run``, ``2 runs``. The plural has an s more if it is not given."""
    return f"{count} {noun if count == 1 else plural or f'{noun}s'}"


def table(heading: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table as one text."""
    return "\n".join(markdown.table(heading, rows))


def cell_labels(cells: pd.DataFrame) -> list[str]:
    """Return the label of each published cell: ``arithmetic n14``, with the variant unless it is the base."""
    return [
        f"{cell['task']} {cell['size']}" + (f" {cell['variant']}" if cell["variant"] != "base" else "")
        for cell in cells.to_dict("records")
    ]


def number_range(numbers: pd.Series, signed: bool = False) -> str:
    """Return the range of some numbers: ``720``, or ``720 to 1,500`` if they differ; a dash if there are none."""
    present = numbers.dropna()
    sign = "+" if signed else ""
    ends = (present.min(), present.max()) if len(present) else ()
    return " to ".join(dict.fromkeys(f"{int(end):{sign},}" if end else "0" for end in ends)) or "-"
