"""Set the paper's numbers beside ours, one row per published cell.

Ours appear twice: by the paper's rule, which picks a checkpoint by an accuracy that includes the held-out expressions,
and at the final iterate. Each is given for the paper's seed alone and for all seeds, with a 95 % interval.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy

from capacity.claims.arms import published_arms, read_runs
from capacity.claims.replication import replication_table, to_markdown
from capacity.commands.arguments import add_origin_arguments
from capacity.dictionary.verdicts import REPLICATION
from capacity.statistics.intervals import RESAMPLING_SEED
from capacity.storage import files, provenance, records
from capacity.tables import frames
from capacity.tables.origins import identities


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the command."""
    parser.add_argument("--runs", nargs="*", default=[], type=Path, help="runs.parquet of the studies that were run")
    add_origin_arguments(parser)
    parser.add_argument("--output", required=True, type=Path, help="folder of the tables")


def run(arguments: argparse.Namespace) -> None:
    """Run the command."""
    origins, runs = read_runs(arguments.runs, arguments.record, arguments.digest)
    table = replication_table(published_arms(runs), numpy.random.default_rng(RESAMPLING_SEED))
    settings = {"runs": [path.as_posix() for path in arguments.runs], "tables": identities(origins)}
    record = provenance.record("replication", settings)
    frames.write_table(arguments.output, "replication", table, record, REPLICATION)
    files.write_text(arguments.output / "replication.md", to_markdown(table))
    made = [arguments.output / f"replication.{kind}" for kind in ("parquet", "csv", "md")]
    records.write_record(arguments.output / "replication.json", record, made, [*arguments.record, *arguments.runs])
