"""Write the page and the tables of a study as HTML, for the report."""

from __future__ import annotations

import argparse

from capacity.commands.reporting import RECORD, add_page_arguments, write_pages
from capacity.storage import provenance, records


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the command."""
    parser.add_argument("study", help="name of the study")
    add_page_arguments(parser)


def run(arguments: argparse.Namespace) -> None:
    """Run the command."""
    written = write_pages(arguments.pages, arguments.figures, arguments.output)
    origin = provenance.record("report-of-study", {"study": arguments.study})
    records.write_record(arguments.output / RECORD, origin, written, [*arguments.pages, *arguments.figures])
