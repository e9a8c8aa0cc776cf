"""Write the page of the laboratory: a row for each study of a budget, with its question, its answer and its runs."""

from __future__ import annotations

import argparse
from pathlib import Path

from capacity.commands.arguments import add_origin_arguments
from capacity.errors import InputError
from capacity.storage import files, provenance, records
from capacity.studies.answer_file import read_answer
from capacity.studies.laboratory import to_markdown
from capacity.tables.origins import identities, read_origin


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the command."""
    parser.add_argument("--answers", nargs="+", required=True, type=Path, help="answer.json of every study")
    parser.add_argument("--budget", required=True, help="the budget that runs the studies")
    add_origin_arguments(parser)
    parser.add_argument("--output", required=True, type=Path, help="the page")


def run(arguments: argparse.Namespace) -> None:
    """Run the command."""
    digests = arguments.digest or [None] * len(arguments.record)
    if not len(arguments.answers) == len(arguments.record) == len(digests):
        raise InputError("give as many answers, records and digests as there are studies")
    origins = [read_origin(path, digest) for path, digest in zip(arguments.record, digests, strict=True)]
    studies = [read_answer(path, origin) for path, origin in zip(arguments.answers, origins, strict=True)]
    files.write_text(arguments.output, to_markdown(arguments.budget, studies))
    record = provenance.record("laboratory", {"budget": arguments.budget, "tables": identities(origins)})
    read = [*arguments.record, *arguments.answers]
    records.write_record(arguments.output.with_suffix(".json"), record, [arguments.output], read)
