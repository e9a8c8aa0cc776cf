"""Make the tables of runs and cells of a study, or of one of its tasks, from the evaluations of its jobs.

The table ``runs`` has one row per run, which is a cell and a seed. The table ``summary`` has one row per cell, with the
number of runs, the mean and the 95 % interval of every endpoint. The record ``runs.json`` says which runs they are:
every stage that reads tables of the study compares them with it.
"""

from __future__ import annotations

import argparse

from capacity.commands.arguments import add_table_arguments
from capacity.dictionary.studies import RUNS, SUMMARY
from capacity.experiment.table_plan import read_plan
from capacity.storage import files, provenance, records
from capacity.tables.frames import write_frame, write_table
from capacity.tables.origins import content, on_page
from capacity.tables.runs import tabulate_runs
from capacity.tables.summary import summary_frame, to_markdown

MADE = ("runs.parquet", "summary.parquet", "summary.csv", "summary.md")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the command."""
    add_table_arguments(parser, output="folder of the tables")


def run(arguments: argparse.Namespace) -> None:
    """Run the command."""
    plan = read_plan(arguments.plan, arguments.cells, arguments.digest)
    runs, origins = tabulate_runs(plan.jobs)
    record = provenance.record("tabulate", {"table": plan.table, "plan": plan.digest}, runs=origins)
    summary = summary_frame(runs)
    write_frame(arguments.output / "runs.parquet", runs, record, RUNS)
    write_table(arguments.output, "summary", summary, record, SUMMARY)
    files.write_text(arguments.output / "summary.md", on_page(to_markdown(plan.title, summary), origins))
    made = [arguments.output / name for name in MADE]
    read = [arguments.plan, *plan.files("evaluation"), *plan.files("mechanism")]
    records.write_record(arguments.output / "runs.json", record, made, read, jobs=content(plan))
