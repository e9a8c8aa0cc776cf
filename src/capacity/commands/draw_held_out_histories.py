"""Draw which held-out expressions come and go over training, from the tables of a study."""

from __future__ import annotations

import argparse
from pathlib import Path

from capacity.commands.arguments import add_figure_arguments
from capacity.commands.drawing import make_figure
from capacity.figures import held_out_histories
from capacity.tables.expression_histories import checked_histories


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the command."""
    parser.add_argument(
        "--histories", required=True, nargs="+", type=Path, help="tables of expression histories, one or one per task"
    )
    parser.add_argument("--summary", required=True, nargs="+", type=Path, help="tables with one row per cell")
    add_figure_arguments(parser)


def run(arguments: argparse.Namespace) -> None:
    """Run the command."""
    paths = {"expression_histories": arguments.histories, "summary": arguments.summary}
    make_figure(
        "draw-held-out-histories",
        arguments,
        paths,
        lambda tables: held_out_histories.draw(
            checked_histories(tables["expression_histories"]), tables["summary"], arguments.title
        ),
    )
