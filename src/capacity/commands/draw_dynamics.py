"""Draw when runs generalize and when they lose it again, from the tables of a study."""

from __future__ import annotations

import argparse
from pathlib import Path

from capacity.commands.arguments import add_figure_arguments
from capacity.commands.drawing import make_figure
from capacity.figures import dynamics


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the command."""
    parser.add_argument(
        "--history", required=True, nargs="+", type=Path, help="tables of histories, one or one per task"
    )
    parser.add_argument("--runs", required=True, nargs="+", type=Path, help="tables of dynamics with one row per run")
    parser.add_argument("--summary", required=True, nargs="+", type=Path, help="tables with one row per cell")
    add_figure_arguments(parser)


def run(arguments: argparse.Namespace) -> None:
    """Run the command."""
    paths = {"history": arguments.history, "dynamics": arguments.runs, "summary": arguments.summary}
    make_figure(
        "draw-dynamics",
        arguments,
        paths,
        lambda tables: dynamics.draw(tables["history"], tables["dynamics"], tables["summary"], arguments.title),
    )
