"""Write the page of findings: what came out, in prose that is filled from the tables of the studies of a budget."""

from __future__ import annotations

import argparse
from pathlib import Path

from capacity.findings.origins import commit_dates
from capacity.findings.page import TEMPLATE, render, values
from capacity.findings.sources import Sources, StudyTables
from capacity.storage import files, parquet
from capacity.tables.frames import read_frame


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the command."""
    for name in ("runs", "summary", "dynamics"):
        parser.add_argument(f"--{name}", nargs="*", default=[], type=Path, help=f"{name}.parquet of every study")
    for name in ("claims", "evidence", "replication"):
        parser.add_argument(f"--{name}", required=True, type=Path, help=f"table of the {name}")
    parser.add_argument("--output", required=True, type=Path, help="the page")


def run(arguments: argparse.Namespace) -> None:
    """Run the command."""
    sources = _read(arguments)
    dates = commit_dates((job["git_commit"] for job in sources.origins), Path(__file__).parent)
    files.write_text(arguments.output, render(values(sources, dates), TEMPLATE.read_text(encoding="utf-8")))


def _read(arguments: argparse.Namespace) -> Sources:
    """Read the tables from the paths on the command line."""
    studies, origins = {}, []
    for paths in zip(arguments.runs, arguments.summary, arguments.dynamics, strict=True):
        studies[paths[0].parent.name] = StudyTables(*(read_frame(path) for path in paths))
        origins += parquet.provenance_of(parquet.read_parquet(paths[0]))["runs"]
    judged = parquet.provenance_of(parquet.read_parquet(arguments.claims))
    return Sources(
        budget=judged["settings"]["budget"],
        claims=read_frame(arguments.claims),
        evidence=read_frame(arguments.evidence),
        replication=read_frame(arguments.replication),
        studies=studies,
        origins=origins,
        versions=judged["versions"],
        commit=judged["git_commit"],
    )
