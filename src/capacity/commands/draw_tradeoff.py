"""Draw held-out accuracy and recall against the number of parameters, from the tables of a study."""

from __future__ import annotations

import argparse

from capacity.commands.arguments import add_figure_arguments
from capacity.dictionary.studies import RUNS, SUMMARY
from capacity.figures import style, tradeoff
from capacity.tables import frames


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the command."""
    parser.add_argument("--runs", required=True, help="table of runs")
    parser.add_argument("--summary", required=True, help="table with one row per cell")
    add_figure_arguments(parser)


def run(arguments: argparse.Namespace) -> None:
    """Run the command."""
    runs = frames.read_frame(arguments.runs, RUNS)
    summary = frames.read_frame(arguments.summary, SUMMARY)
    with style.styled():
        style.save(tradeoff.draw(runs, summary, arguments.title), arguments.pdf, arguments.png)
