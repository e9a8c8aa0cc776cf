"""Stage 4: the tidy tables of a study, from its evaluations.

``runs`` has one row per run (a cell and a seed), ``summary`` one row per cell with every endpoint's n, mean and 95 %
interval.
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
        for evaluation, wanted in read_evaluations(plan.jobs):
            sources.append(source(evaluation["provenance"]["training"]))
            yield from run_rows(evaluation, wanted)

    runs = ordered(pd.concat([typed(some) for some in in_pieces(rows(), ROWS_AT_ONCE)]))
    record = provenance.record("tabulate", {"table": plan.table}, runs=sources)
    summary = summarise(runs)
    write_frame(arguments.output / "runs.parquet", runs, record)
    write_table(arguments.output, "summary", summary, record)
    files.write_text(arguments.output / "summary.md", to_markdown(plan.title, summary))
