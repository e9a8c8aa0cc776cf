"""Make the tables of when runs fit, generalize and lose it again, from the histories of a study.

A run is seen only at its evaluations, so an event gets the time of the first evaluation that shows it; it happened
after the evaluation before. Times are in updates:

``t_fit``       the first evaluation with at least 99 % of the seen expressions right.
``t_fit_facts`` the first with all facts recalled, on the matched prompts.
``t_gen``       the first with all held-out expressions right.
``t_lose``      the first after ``t_gen`` at which not all of them are right, whether or not they all are again later.

An event that did not happen is None, and the run is right-censored at its last evaluation. So is a diverged run, which
counts like any other: it was watched to the end, and nothing happened. ``t_lose`` is looked for after ``t_gen`` only.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd

from capacity.commands.arguments import add_origin_arguments, add_title_argument
from capacity.dictionary.studies import DYNAMICS
from capacity.storage import files, parquet, provenance, records
from capacity.tables import frames
from capacity.tables.dynamics import cell_times, read_by_cell, run_times, to_markdown
from capacity.tables.origins import on_page, read_tables


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the command."""
    parser.add_argument("--history", required=True, type=Path, help="table of histories")
    parser.add_argument("--summary", required=True, type=Path, help="table with one row per cell")
    add_origin_arguments(parser)
    add_title_argument(parser)
    parser.add_argument("--output", required=True, type=Path, help="folder of the tables")


def run(arguments: argparse.Namespace) -> None:
    """Run the command."""
    (origin,), tables = read_tables({"summary": [arguments.summary]}, arguments.record, arguments.digest)
    bounds = origin.bounds("history")
    origin.check(arguments.history, parquet.read_provenance(arguments.history, bounds))
    runs = pd.concat(map(run_times, read_by_cell(arguments.history, bounds)), ignore_index=True)
    origin.check_rows("history", arguments.history, runs)
    record = provenance.record("dynamics", {"table": origin.table, "plan": origin.plan}, runs=origin.runs)
    frames.write_table(arguments.output, "dynamics", runs, record, DYNAMICS)
    cells = cell_times(runs, tables["summary"][0])
    files.write_text(arguments.output / "dynamics.md", on_page(to_markdown(arguments.title, cells), origin.runs))
    made = [arguments.output / f"dynamics.{kind}" for kind in ("parquet", "csv", "md")]
    read = [*arguments.record, arguments.history, arguments.summary]
    records.write_record(arguments.output / "dynamics.json", record, made, read)
