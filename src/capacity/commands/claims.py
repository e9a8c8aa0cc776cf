"""Stage 7: a verdict on each claim of the paper, by a rule that stands beside it.

Verdicts are computed from the runs. A dagger marks one that rests on runs which depart from the paper's protocol.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy

from capacity.claims.groups import read_runs
from capacity.claims.judge import judge
from capacity.claims.page import evidence_frame, to_markdown, verdicts_frame
from capacity.claims.replication import RNG_SEED
from capacity.storage import files, provenance
from capacity.tables import frames


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the command."""
    parser.add_argument("--runs", nargs="*", default=[], type=Path, help="runs.parquet of every study that was run")
    parser.add_argument("--budget", required=True, help="the budget they were run under")
    parser.add_argument("--output", required=True, type=Path, help="folder of the tables")


def run(arguments: argparse.Namespace) -> None:
    """Run the command."""
    sources = {path.parent.name: path.as_posix() for path in arguments.runs}
    rng = numpy.random.default_rng(RNG_SEED)
    verdicts = judge(read_runs(arguments.runs), sources, arguments.budget, rng)
    record = provenance.record("claims", {"runs": list(sources.values()), "budget": arguments.budget})
    frames.write_table(arguments.output, "claims", verdicts_frame(verdicts), record)
    frames.write_table(arguments.output, "claims_evidence", evidence_frame(verdicts), record)
    files.write_text(arguments.output / "claims.md", to_markdown(verdicts))
