"""Stage 4: the histories of a study as one table, with one row per run and evaluation."""

from __future__ import annotations

import argparse
from typing import Any

from capacity.commands.arguments import add_table_arguments
from capacity.experiment.plan import FILES, plan_of_made
from capacity.storage import parquet, provenance
from capacity.tables.histories import pieces, schema_of


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the command."""
    add_table_arguments(parser, output="Parquet file to write")


def run(arguments: argparse.Namespace) -> None:
    """Run the command."""
    plan = plan_of_made(arguments.config, arguments.cells, FILES["history"])
    found = plan.jobs_of(arguments.table)
    schema = schema_of(found)
    sources: list[dict[str, Any]] = []
    record = provenance.record("histories", {"table": arguments.table}, runs=sources)
    parquet.write_parquet_pieces(arguments.output, schema, pieces(found, schema, sources), record)
