"""Make the tables of runs and cells of a study, or of one of its tasks, from the evaluations of its jobs.

The table ``runs`` has one row per run, which is a cell and a seed. The table ``summary`` has one row per cell, with the
number of runs, the mean and the 95 % interval of every endpoint.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import Any

import pandas as pd

from capacity.commands.arguments import add_table_arguments
from capacity.experiment.table_plan import read_plan
from capacity.storage import files, provenance
from capacity.tables.frames import in_pieces, write_frame, write_table
from capacity.tables.runs import ROWS_AT_ONCE, ordered, read_evaluations, run_rows, source, typed
from capacity.tables.summary import summarise, to_markdown


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the command."""
    add_table_arguments(parser, output="folder of the tables")


def run(arguments: argparse.Namespace) -> None:
    """Run the command."""
    sources: list[dict[str, Any]] = []
    plan = read_plan(arguments.plan, arguments.cells)

    def rows() -> Iterator[dict[str, Any]]:
        for evaluation, seeds in read_evaluations(plan.jobs):
            sources.append(source(evaluation["provenance"]["training"]))
            yield from run_rows(evaluation, seeds)

    runs = ordered(pd.concat([typed(some) for some in in_pieces(rows(), ROWS_AT_ONCE)]))
    record = provenance.record("tabulate", {"table": plan.table}, runs=sources)
    summary = summarise(runs)
    write_frame(arguments.output / "runs.parquet", runs, record)
    write_table(arguments.output, "summary", summary, record)
    files.write_text(arguments.output / "summary.md", to_markdown(plan.title, summary))
