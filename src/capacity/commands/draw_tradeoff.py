"""Draw held-out accuracy and recall against the number of parameters, from the tables of a study."""

from __future__ import annotations

import argparse
from pathlib import Path

from capacity.commands.arguments import add_figure_arguments
from capacity.commands.drawing import make_figure
from capacity.figures import tradeoff


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the command."""
    parser.add_argument("--runs", required=True, type=Path, help="table of runs")
    parser.add_argument("--summary", required=True, type=Path, help="table with one row per cell")
    add_figure_arguments(parser)


def run(arguments: argparse.Namespace) -> None:
    """Run the command."""
    paths = {"runs": [arguments.runs], "summary": [arguments.summary]}
    make_figure(
        "draw-tradeoff",
        arguments,
        paths,
        lambda tables: tradeoff.draw(tables["runs"], tables["summary"], arguments.title),
    )
