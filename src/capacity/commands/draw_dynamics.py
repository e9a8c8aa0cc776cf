"""Draw when runs generalize and when they lose it again, from the tables of a study."""

from __future__ import annotations

import argparse

import matplotlib

from capacity.commands.arguments import add_figure_arguments
from capacity.figures.dynamics import draw
from capacity.figures.style import STYLE, save
from capacity.tables import dynamics, frames, histories, summary


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the command."""
    parser.add_argument("--history", required=True, nargs="+", help="tables of histories, one or one per task")
    parser.add_argument("--runs", required=True, nargs="+", help="tables of dynamics with one row per run")
    parser.add_argument("--summary", required=True, nargs="+", help="tables with one row per cell")
    add_figure_arguments(parser)


def run(arguments: argparse.Namespace) -> None:
    """Run the command."""
    matplotlib.use("agg")
    history = frames.read_frames(arguments.history, histories.HISTORY)
    run_table = frames.read_frames(arguments.runs, dynamics.DYNAMICS)
    cell_table = frames.read_frames(arguments.summary, summary.SUMMARY)
    with matplotlib.rc_context(STYLE):
        save(draw(history, run_table, cell_table, arguments.title), arguments.pdf, arguments.png)
