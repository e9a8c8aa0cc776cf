"""What the commands that draw figures share: they read tables of the same runs, draw, and write what was made."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from capacity.commands.arguments import drawn_files
from capacity.figures import style
from capacity.storage import provenance, records
from capacity.tables.origins import identities, read_tables

Tables = Mapping[str, pd.DataFrame]
"""The tables that a figure shows, by name."""


def make_figure(
    stage: str,
    arguments: argparse.Namespace,
    paths: Mapping[str, Sequence[Path]],
    draw: Callable[[Tables], Any],
    **settings: Any,
) -> None:
    """Draw a figure as PDF, PNG and, if it is asked for, SVG, with its record beside it.

    Args:
        stage: name of the command.
        arguments: those of :func:`capacity.commands.arguments.add_figure_arguments`.
        paths: the tables, by name, one file for each study or task.
        draw: makes the figure from the tables, those of several tasks one below the other.
        settings: what else decides the figure, for its record.
    """
    origins, found = read_tables(paths, arguments.record, arguments.digest)
    with style.styled():
        tables = {name: pd.concat(frames, ignore_index=True) for name, frames in found.items()}
        style.save(draw(tables), *drawn_files(arguments))
    read = [*arguments.record, *(path for of_kind in paths.values() for path in of_kind)]
    origin = provenance.record(stage, {"title": arguments.title, "tables": identities(origins), **settings})
    records.write_record(arguments.pdf.with_suffix(".json"), origin, drawn_files(arguments), read)
