"""Draw which expressions each size answers, as the share of its seeds, from the tables of a study."""

from __future__ import annotations

import argparse

import matplotlib

from capacity.commands.arguments import add_figure_arguments
from capacity.figures.answers import draw
from capacity.figures.style import STYLE, save
from capacity.tables import expressions, frames, summary


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the command."""
    parser.add_argument("--expressions", required=True, nargs="+", help="tables of expressions, one or one per task")
    parser.add_argument("--summary", required=True, nargs="+", help="tables with one row per cell")
    add_figure_arguments(parser)


def run(arguments: argparse.Namespace) -> None:
    """Run the command."""
    matplotlib.use("agg")
    answers = frames.read_frames(arguments.expressions, expressions.EXPRESSIONS)
    cell_table = frames.read_frames(arguments.summary, summary.SUMMARY)
    with matplotlib.rc_context(STYLE):
        save(draw(answers, cell_table, arguments.title), arguments.pdf, arguments.png)
