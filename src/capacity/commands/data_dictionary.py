"""Write the page that names every column of every table, with its meaning and unit."""

from __future__ import annotations

import argparse
from pathlib import Path

from capacity.dictionary.page import to_markdown
from capacity.storage import files


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the command."""
    parser.add_argument("--output", required=True, type=Path, help="Markdown file to write")


def run(arguments: argparse.Namespace) -> None:
    """Run the command."""
    files.write_text(arguments.output, to_markdown())
