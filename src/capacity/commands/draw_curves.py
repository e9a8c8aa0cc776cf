"""Draw accuracies and losses over training, a panel per size, from the tables of a study."""

from __future__ import annotations

import argparse
from pathlib import Path

from capacity.commands.arguments import add_figure_arguments
from capacity.commands.drawing import make_figure
from capacity.figures import curves


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the command."""
    parser.add_argument("task", help="task whose cells are drawn, such as arithmetic")
    parser.add_argument("--history", required=True, type=Path, help="table of histories")
    parser.add_argument("--summary", required=True, type=Path, help="table with one row per cell")
    add_figure_arguments(parser)


def run(arguments: argparse.Namespace) -> None:
    """Run the command."""
    paths = {"history": [arguments.history], "summary": [arguments.summary]}
    make_figure(
        "draw-curves",
        arguments,
        paths,
        lambda tables: curves.draw(arguments.task, tables["history"], tables["summary"], arguments.title),
    )
