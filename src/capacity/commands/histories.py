"""Make one table of the histories of a study, or of one of its tasks, with one row per run and evaluation."""

from __future__ import annotations

import argparse
from typing import Any

from capacity.commands.arguments import add_table_arguments
from capacity.experiment.table_plan import read_plan
from capacity.storage import parquet, provenance
from capacity.tables.histories import pieces, schema_of


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the command."""
    add_table_arguments(parser, output="Parquet file to write")


def run(arguments: argparse.Namespace) -> None:
    """Run the command."""
    plan = read_plan(arguments.plan, arguments.cells)
    schema = schema_of(plan.jobs)
    sources: list[dict[str, Any]] = []
    record = provenance.record("histories", {"table": plan.table}, runs=sources)
    parquet.write_parquet_pieces(arguments.output, schema, pieces(plan.jobs, schema, sources), record)
