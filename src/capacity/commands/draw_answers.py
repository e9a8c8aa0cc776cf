"""Draw which expressions each size answers, as the share of its seeds, from the tables of a study."""

from __future__ import annotations

import argparse
from pathlib import Path

from capacity.commands.arguments import add_figure_arguments
from capacity.commands.drawing import make_figure
from capacity.figures import answers


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the command."""
    parser.add_argument(
        "--expressions", required=True, nargs="+", type=Path, help="tables of expressions, one or one per task"
    )
    parser.add_argument("--summary", required=True, nargs="+", type=Path, help="tables with one row per cell")
    add_figure_arguments(parser)


def run(arguments: argparse.Namespace) -> None:
    """Run the command."""
    paths = {"expressions": arguments.expressions, "summary": arguments.summary}
    make_figure(
        "draw-answers",
        arguments,
        paths,
        lambda tables: answers.draw(tables["expressions"], tables["summary"], arguments.title),
    )
