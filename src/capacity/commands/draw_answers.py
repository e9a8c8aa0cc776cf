"""Draw which expressions each size answers, as the share of its seeds, from the tables of a study."""

from __future__ import annotations

import argparse

from capacity.commands.arguments import add_figure_arguments
from capacity.dictionary.studies import EXPRESSIONS, SUMMARY
from capacity.figures import answers, style
from capacity.tables import frames


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the command."""
    parser.add_argument("--expressions", required=True, nargs="+", help="tables of expressions, one or one per task")
    parser.add_argument("--summary", required=True, nargs="+", help="tables with one row per cell")
    add_figure_arguments(parser)


def run(arguments: argparse.Namespace) -> None:
    """Run the command."""
    expressions = frames.read_frames(arguments.expressions, EXPRESSIONS)
    summary = frames.read_frames(arguments.summary, SUMMARY)
    with style.styled():
        style.save(answers.draw(expressions, summary, arguments.title), arguments.pdf, arguments.png)
