"""Write the answer that the report opens on, and the pages on all studies as HTML."""

from __future__ import annotations

import argparse
from pathlib import Path

from capacity.commands.reporting import RECORD, add_page_arguments, read_unchanged, write_pages
from capacity.dictionary.verdicts import CLAIMS, EVIDENCE, REPLICATION
from capacity.findings.verdict_tables import check_made_of, read_verdicts
from capacity.report.answer import answer_page
from capacity.storage import files, provenance, records

VERDICTS = {"claims": CLAIMS, "evidence": EVIDENCE, "replication": REPLICATION}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the command."""
    for name in VERDICTS:
        parser.add_argument(f"--{name}", required=True, type=Path, help=f"table of the {name}")
    parser.add_argument("--budget", required=True, help="the budget that runs the studies")
    add_page_arguments(parser)


def run(arguments: argparse.Namespace) -> None:
    """Run the command."""
    for name in VERDICTS:
        records.check_unchanged(getattr(arguments, name))
    judged = {name: read_verdicts(getattr(arguments, name), columns) for name, columns in VERDICTS.items()}
    tables = judged["claims"][1]["settings"].get("tables", {})
    for name in ("claims", "evidence"):
        check_made_of(getattr(arguments, name), judged[name][1]["settings"], tables, arguments.budget)
    main = read_unchanged(arguments.figures[0]).encode() if arguments.figures else None
    claims, evidence, replication = (frame for frame, _ in judged.values())
    answer = arguments.output / "answer.html"
    text = answer_page(claims, evidence, replication, arguments.budget, main)
    written = [answer, *write_pages(arguments.pages, [], arguments.output)]
    files.write_text(answer, text)
    origin = provenance.record("report-of-all", {"budget": arguments.budget, "tables": tables})
    read = [*(getattr(arguments, name) for name in VERDICTS), *arguments.pages, *arguments.figures]
    records.write_record(arguments.output / RECORD, origin, written, read)
