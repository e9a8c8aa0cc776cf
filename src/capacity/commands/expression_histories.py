"""Make the table that says of every run and expression when it is answered right over training.

It has one row per run, operation and pair of operands. Cells without arithmetic have no rows.
"""

from __future__ import annotations

import argparse
from typing import Any

from capacity.commands.arguments import add_table_arguments
from capacity.experiment.table_plan import read_plan
from capacity.storage import parquet, provenance, records
from capacity.tables.expression_histories import SCHEMA, expression_histories_tables


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the command."""
    add_table_arguments(parser, output="Parquet file to write")


def run(arguments: argparse.Namespace) -> None:
    """Run the command."""
    plan = read_plan(arguments.plan, arguments.cells, arguments.digest)
    origins: list[dict[str, Any]] = []
    record = provenance.record("expression-histories", {"table": plan.table, "plan": plan.digest}, runs=origins)
    tables = expression_histories_tables(plan.jobs, origins)
    parquet.write_parquet_pieces(arguments.output, SCHEMA, tables, record)
    read = [arguments.plan, *plan.files("history"), *plan.files("answers")]
    records.write_record(arguments.output.with_suffix(".json"), record, [arguments.output], read)
