"""Put a verdict on each claim of the paper, by a rule that is written beside it.

Verdicts are computed from the runs. A dagger marks a verdict that rests on runs which depart from the paper's protocol.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy

from capacity.claims import page
from capacity.claims.arms import read_runs
from capacity.claims.judge import judge
from capacity.claims.verdicts import evidence_table, verdicts_table
from capacity.commands.arguments import add_origin_arguments
from capacity.dictionary.verdicts import CLAIMS, EVIDENCE
from capacity.statistics.intervals import RESAMPLING_SEED
from capacity.storage import files, provenance, records
from capacity.tables import frames
from capacity.tables.origins import identities

MADE = ("claims.parquet", "claims.csv", "claims_evidence.parquet", "claims_evidence.csv", "claims.md")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the command."""
    parser.add_argument("--runs", nargs="*", default=[], type=Path, help="runs.parquet of every study that was run")
    parser.add_argument("--budget", required=True, help="the budget they were run under")
    add_origin_arguments(parser)
    parser.add_argument("--output", required=True, type=Path, help="folder of the tables")


def run(arguments: argparse.Namespace) -> None:
    """Run the command."""
    sources = {path.parent.name: path.as_posix() for path in arguments.runs}
    rng = numpy.random.default_rng(RESAMPLING_SEED)
    origins, runs = read_runs(arguments.runs, arguments.record, arguments.digest)
    verdicts = judge(runs, sources, arguments.budget, rng)
    settings = {"runs": list(sources.values()), "budget": arguments.budget, "tables": identities(origins)}
    record = provenance.record("claims", settings)
    frames.write_table(arguments.output, "claims", verdicts_table(verdicts), record, CLAIMS)
    frames.write_table(arguments.output, "claims_evidence", evidence_table(verdicts), record, EVIDENCE)
    files.write_text(arguments.output / "claims.md", page.to_markdown(verdicts))
    made = [arguments.output / name for name in MADE]
    records.write_record(arguments.output / "claims.json", record, made, [*arguments.record, *arguments.runs])
