"""Draw held-out accuracy and recall against the number of parameters, from the tables of a study."""

from __future__ import annotations

import argparse

import matplotlib

from capacity.commands.arguments import add_figure_arguments
from capacity.figures.style import STYLE, save
from capacity.figures.tradeoff import tradeoff
from capacity.tables import frames, runs, summary


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the command."""
    parser.add_argument("--runs", required=True, help="table of runs")
    parser.add_argument("--summary", required=True, help="table with one row per cell")
    add_figure_arguments(parser)


def run(arguments: argparse.Namespace) -> None:
    """Run the command."""
    matplotlib.use("agg")
    run_table = frames.read_frame(arguments.runs, runs.RUNS)
    cell_table = frames.read_frame(arguments.summary, summary.SUMMARY)
    with matplotlib.rc_context(STYLE):
        save(tradeoff(run_table, cell_table, arguments.title), arguments.pdf, arguments.png)
