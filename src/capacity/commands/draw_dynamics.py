"""Draw when runs generalize and when they lose it again, from the tables of a study."""

from __future__ import annotations

import argparse

from capacity.commands.arguments import add_figure_arguments
from capacity.dictionary.histories import HISTORY
from capacity.dictionary.studies import DYNAMICS, SUMMARY
from capacity.figures import dynamics, style
from capacity.tables import frames


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the command."""
    parser.add_argument("--history", required=True, nargs="+", help="tables of histories, one or one per task")
    parser.add_argument("--runs", required=True, nargs="+", help="tables of dynamics with one row per run")
    parser.add_argument("--summary", required=True, nargs="+", help="tables with one row per cell")
    add_figure_arguments(parser)


def run(arguments: argparse.Namespace) -> None:
    """Run the command."""
    history = frames.read_frames(arguments.history, HISTORY)
    runs = frames.read_frames(arguments.runs, DYNAMICS)
    summary = frames.read_frames(arguments.summary, SUMMARY)
    with style.styled():
        style.save(dynamics.draw(history, runs, summary, arguments.title), arguments.pdf, arguments.png)
