"""Draw the paper's numbers beside ours, from the table of them."""

from __future__ import annotations

import argparse
from pathlib import Path

from capacity.commands.arguments import add_drawn_arguments, add_origin_arguments, drawn_files
from capacity.dictionary.verdicts import REPLICATION
from capacity.errors import InputError
from capacity.figures import replication, style
from capacity.findings.verdict_tables import read_verdicts
from capacity.storage import files, provenance, records
from capacity.tables.origins import identities, read_origin


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the command."""
    parser.add_argument("--replication", required=True, type=Path, help="table of the paper's numbers beside ours")
    add_origin_arguments(parser)
    add_drawn_arguments(parser)


def run(arguments: argparse.Namespace) -> None:
    """Run the command."""
    table, made_of = read_verdicts(arguments.replication, REPLICATION)
    digests = arguments.digest or [None] * len(arguments.record)
    origins = [read_origin(path, digest) for path, digest in zip(arguments.record, digests, strict=True)]
    drawn = made_of["settings"].get("tables", {})
    for path, (table_name, identity) in zip(arguments.record, identities(origins).items(), strict=True):
        if drawn.get(table_name) != identity:
            raise InputError(
                f"{path} is of the runs {identity} of {table_name}, and {arguments.replication} was made of "
                f"{drawn.get(table_name)}; {files.REMEDY}"
            )
    made = drawn_files(arguments)
    with style.styled():
        style.save(replication.draw(table), *made)
    record = provenance.record("draw-replication", {"tables": drawn})
    records.write_record(arguments.pdf.with_suffix(".json"), record, made, [arguments.replication, *arguments.record])
