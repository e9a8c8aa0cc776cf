"""Make one table of the histories of a study, or of one of its tasks, with one row per run and evaluation."""

from __future__ import annotations

import argparse
from typing import Any

from capacity.commands.arguments import add_table_arguments
from capacity.experiment.table_plan import read_plan
from capacity.storage import parquet, provenance, records
from capacity.tables.histories import history_schema, history_tables


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the command."""
    add_table_arguments(parser, output="Parquet file to write")


def run(arguments: argparse.Namespace) -> None:
    """Run the command."""
    plan = read_plan(arguments.plan, arguments.cells, arguments.digest)
    schema = history_schema(plan.jobs)
    origins: list[dict[str, Any]] = []
    record = provenance.record("histories", {"table": plan.table, "plan": plan.digest}, runs=origins)
    parquet.write_parquet_pieces(arguments.output, schema, history_tables(plan.jobs, schema, origins), record)
    read = [arguments.plan, *plan.files("history")]
    records.write_record(arguments.output.with_suffix(".json"), record, [arguments.output], read)
