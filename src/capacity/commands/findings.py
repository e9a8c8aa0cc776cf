"""Write the page of findings: what came out, in prose that is filled from the tables of the studies of a budget."""

from __future__ import annotations

import argparse
from pathlib import Path

from capacity.claims.arms import PUBLISHED_STUDIES
from capacity.commands.arguments import add_origin_arguments
from capacity.dictionary.verdicts import CLAIMS, EVIDENCE, REPLICATION
from capacity.errors import InputError
from capacity.findings.origins import commit_dates
from capacity.findings.page import TEMPLATE, values
from capacity.findings.sources import Sources, StudyTables
from capacity.findings.template import render
from capacity.findings.verdict_tables import check_made_of, read_verdicts
from capacity.storage import files, provenance, records
from capacity.tables.origins import by_study, identities, read_tables

OF_STUDIES = ("runs", "summary", "dynamics")
VERDICTS = {"claims": CLAIMS, "evidence": EVIDENCE, "replication": REPLICATION}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the command."""
    for name in OF_STUDIES:
        parser.add_argument(f"--{name}", nargs="*", default=[], type=Path, help=f"{name}.parquet of every study")
    for name in VERDICTS:
        parser.add_argument(f"--{name}", required=True, type=Path, help=f"table of the {name}")
    parser.add_argument("--budget", help="the budget that the claims have to be judged under; default: any")
    add_origin_arguments(parser)
    parser.add_argument("--output", required=True, type=Path, help="the page")


def run(arguments: argparse.Namespace) -> None:
    """Run the command."""
    paths = {name: getattr(arguments, name) for name in OF_STUDIES}
    origins, tables = read_tables(paths, arguments.record, arguments.digest)
    studies = by_study(origins, arguments.runs)
    judged = {name: read_verdicts(getattr(arguments, name), columns) for name, columns in VERDICTS.items()}
    held = identities(origins)
    published = {study: identity for study, identity in held.items() if study in PUBLISHED_STUDIES}
    for name, (_, record) in judged.items():
        expected = published if name == "replication" else held
        check_made_of(getattr(arguments, name), record.get("settings", {}), expected, arguments.budget)
    made_of = judged["claims"][1]
    if not isinstance(made_of["settings"].get("budget"), str):
        raise InputError(f"{arguments.claims} does not say under which budget it was judged; {files.REMEDY}")
    sources = Sources(
        budget=made_of["settings"]["budget"],
        **{name: frame for name, (frame, _) in judged.items()},
        studies={
            study: StudyTables(*(tables[name][number] for name in OF_STUDIES)) for number, study in enumerate(studies)
        },
        origins=[job for origin in origins for job in origin.runs],
        versions=made_of["versions"],
        commit=made_of["git_commit"],
    )
    dates = commit_dates((job["git_commit"] for job in sources.origins), Path(__file__).parent)
    files.write_text(arguments.output, render(values(sources, dates), TEMPLATE.read_text(encoding="utf-8")))
    read = [*arguments.record, *(path for of_kind in paths.values() for path in of_kind)]
    read += [getattr(arguments, name) for name in VERDICTS]
    origin = provenance.record("findings", {"budget": sources.budget, "tables": identities(origins)})
    records.write_record(arguments.output.with_suffix(".json"), origin, [arguments.output], read)
