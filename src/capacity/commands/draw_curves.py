"""Draw accuracies and losses over training, a panel per size, from the tables of a study."""

from __future__ import annotations

import argparse

from capacity.commands.arguments import add_figure_arguments
from capacity.dictionary.histories import HISTORY
from capacity.dictionary.studies import SUMMARY
from capacity.figures import curves, style
from capacity.tables import frames


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the command."""
    parser.add_argument("task", help="task whose cells are drawn, such as arithmetic")
    parser.add_argument("--history", required=True, help="table of histories")
    parser.add_argument("--summary", required=True, help="table with one row per cell")
    add_figure_arguments(parser)


def run(arguments: argparse.Namespace) -> None:
    """Run the command."""
    history = frames.read_frame(arguments.history, HISTORY)
    summary = frames.read_frame(arguments.summary, SUMMARY)
    with style.styled():
        style.save(curves.draw(arguments.task, history, summary, arguments.title), arguments.pdf, arguments.png)
